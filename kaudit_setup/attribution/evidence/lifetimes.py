"""One name, several objects in turn: which of the requests on a name were on the same object.

A lifetime begins with a create, or with the first request on a new UID: bodies hold it, those of deletions too
(AS/pkg/registry/generic/registry/store.go:finalizeDelete). Without bodies nothing proves that two objects differ.
But if somebody changes an object long after it was deleted, then either it was created again by a request that is
not in the log, or the deletion took long (a Pod's grace period, finalizers), or it was a dry run (kubectl says that
in the body only).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, takewhile

import msgspec

from kaudit_setup.attribution.evidence.actors import GARBAGE
from kaudit_setup.attribution.evidence.owner_names import guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.timing import AT_ONCE, DELETION_NOTICED, GONE, KUBELET_NOTICED
from kaudit_setup.auditlog.kinds import is_custom

_SLOW = frozenset({"pods", "namespaces", "persistentvolumeclaims", "persistentvolumes", "customresourcedefinitions"})


class Lifetime(msgspec.Struct, frozen=True):
    """One of the objects that had the name.

    `since`: when the log first shows it (Unix seconds), 0.0 if it may have existed before the log. `creation`: its
    create, None if that is not in the log. `use`: set if this may still be the object before it; the request that
    shows it long after `gone` deleted that one. `bound`: the first request that shows it is its binding.
    """

    since: float
    creation: Request | None = None
    gone: Request | None = None
    use: Request | None = None
    bound: bool = False


class _Current(msgspec.Struct, frozen=True):
    """The object that has the name so far: its UID, all UIDs seen (and ""), and the request that deleted it."""

    uid: str = ""
    seen: frozenset[str] = frozenset({""})
    gone: Request | None = None


def lifetimes(requests: Sequence[Request]) -> list[Lifetime]:
    """The lifetimes that `requests` show, which took effect on one name; both in order of time."""
    found: list[Lifetime] = []
    current = _Current()
    for position, request in enumerate(requests):
        begun = _begun(requests, position, current)
        found += [] if begun is None else [begun]
        uid, gone = (current.uid, current.gone) if begun is None else (request.facts.uid, None)
        fresh = request.facts.uid not in current.seen
        current = _Current(
            uid=request.facts.uid if fresh else uid,
            seen=current.seen | {request.facts.uid} if fresh else current.seen,
            gone=request if deletes(request) else gone,
        )
    return found


def _begun(requests: Sequence[Request], position: int, current: _Current) -> Lifetime | None:
    """The lifetime that the request at `position` begins; None if it is on the `current` object."""
    request, gone, first = requests[position], current.gone, not position
    if creates(request):
        return Lifetime(request.at, creation=request)
    # what is going is not bound any more (pkg/registry/core/pod/storage: setPodHostAndAnnotations)
    if _bound(request) and (first or (gone is not None and not is_named_once(request.object))):
        return Lifetime(request.at, bound=True)
    # a UID that was seen before is a straggler's: the clocks of servers differ
    if current.uid and request.facts.uid not in current.seen:
        return Lifetime(request.at)
    rest = islice(requests, position, None)
    if (
        gone is not None
        and _met_after(gone, requests, position, current.uid)
        and (gone.node or not _kubelet_waits(rest))
    ):
        return Lifetime(request.at, gone=gone, use=request)
    return Lifetime(0.0) if first else None


def is_another(lifetime: Lifetime) -> bool:
    """Whether a lifetime is that of another object than the one before, as far as anybody can tell without UIDs: the
    deletion of that was no dry run, and the server removes objects of this kind at once.
    """
    gone, use = lifetime.gone, lifetime.use
    if gone is None or use is None:
        return True
    return gone.facts.dry_run is False and not _lingers(gone) and use.at - gone.at > GONE


def _met_after(gone: Request, requests: Sequence[Request], position: int, uid: str) -> bool:
    """Whether the request at `position` shows an object of the name so long after `gone` that it may be another one
    than `uid`: most kinds are removed at once, if no finalizer holds them.
    """
    request = requests[position]
    same, wait = bool(uid) and request.facts.uid == uid, request.at - gone.at
    if same or wait <= AT_ONCE or not _shows(request):
        return False
    return wait > GONE or not (_lingers(gone) or _held(requests[position:]))


def created_at(obj: Object, requests: Sequence[Request]) -> float:
    """When an object with a name that the server generated, which is used once, was created (Unix seconds): its
    create, or its binding, which follows at once; 0.0 if `requests`, all on it, show neither.
    """
    first = next((request for request in requests if request.done), None)
    return first.at if first is not None and _begins(first) and is_named_once(obj) else 0.0


def _begins(request: Request) -> bool:
    """Whether a request comes right at the beginning of a lifetime."""
    return creates(request) or _bound(request)


def shown_since(requests: Sequence[Request], at: float) -> float:
    """Since when the object that existed at `at` certainly existed (Unix seconds): its create, or its binding, which
    follows at once; 0.0 if `requests`, all on it, show neither.
    """
    known = [request for request in requests if request.done and request.at <= at]
    made = [*filter(creates, known)] or [*filter(_bound, known)]
    return made[-1].at if made else 0.0


def outlived(end: Request, requests: Sequence[Request]) -> Request | None:
    """The request in `requests`, all on one object, that shows that it existed after `end` deleted it.

    None if there is none, or if the Pod's kubelet had still to end it. What the server removes at once is gone with
    the response, unless `end` was a dry run (AS/pkg/registry/generic/registry/store.go:Delete). What goes slowly, or
    was certainly deleted, counts only if it exists `GONE` seconds later: it may have been created again since.
    """
    later = _after(end, requests)
    if not end.node and _kubelet_waits(later):
        return None
    wait = GONE if end.facts.dry_run is False or _lingers(end) or _held(later) else 0.0
    return next(filter(lambda request: _bound(request) or _shows_after(request, end, wait), later), None)


def _shows_after(request: Request, end: Request, wait: float) -> bool:
    return request.at - end.at > wait and _shows(request)


def _after(end: Request, requests: Sequence[Request]) -> list[Request]:
    """Those of `requests` that were received after `end` was answered."""
    return [request for request in requests if request.at > max(end.at, end.end)]


def _bound(request: Request) -> bool:
    return request.subresource == "binding"


def is_named_once(obj: Object) -> bool:
    """Whether the server made up a name, as it does for controllers, so that it is used once."""
    return is_generated(obj.name) and any(guesses(obj))


def kept_up(end: Request, requests: Sequence[Request]) -> bool:
    """Whether a controller still reported the status of what `end` may have deleted, of a kind that is removed at
    once, without work for the garbage collector. `requests`: all on it, also those after the time asked about.
    """
    later = [] if _lingers(end) else _until_created(_after(end, requests))
    reported = any(_reports(request) and request.at - end.at > DELETION_NOTICED for request in later)
    return reported and GARBAGE not in {request.controller for request in later}


def _until_created(requests: Sequence[Request]) -> list[Request]:
    """The requests that took effect before a create."""
    return [*takewhile(lambda request: not creates(request), (one for one in requests if one.done))]


def _reports(request: Request) -> bool:
    """Whether a controller reports the status of its object."""
    return request.subresource == "status" and bool(request.controller)


def lived_on(end: Request, requests: Sequence[Request]) -> Request | None:
    """The request in `requests`, all on one object, that shows that `end` was a dry run; None if there is none.

    An object that the server would have removed at once was changed soon after and used by others, too, or a kubelet
    still found it. Controllers also report on an object that is being deleted (a finalizer, a deletion in the
    foreground), so that their reports alone prove nothing.
    """
    later = _after(end, requests)
    if _lingers(end) or _held(later):
        return None
    met = [request for request in later if _met(request) and request.at - end.at <= GONE]
    known = [request for request in met if request.node and request.at - end.at > KUBELET_NOTICED]
    if len({request.user for request in met}) > 1:
        known += [request for request in met if _shows(request) and request.verb != "get"]
    return min(known, key=lambda request: request.at, default=None)


def _met(request: Request) -> bool:
    """Whether a request succeeds only if its object is there."""
    return request.done and not (deletes(request) or creates(request)) and request.verb not in {"list", "watch"}


def _lingers(end: Request) -> bool:
    """Whether objects of this kind usually exist for a while after their deletion: a grace period, or a finalizer."""
    return is_custom(end.group, end.resource) or end.resource in _SLOW


def _held(later: Sequence[Request]) -> bool:
    """Whether the garbage collector released the object at last: deleted in the foreground, or with `orphan`.

    It removes its finalizer then (pkg/controller/garbagecollector/operations.go:removeFinalizer).
    """
    first = next((request for request in later if deletes(request) or request.controller == GARBAGE), None)
    return first is not None and first.verb == "patch"


def _shows(request: Request) -> bool:
    """Whether a request shows that its object existed and was not merely being deleted.

    Kubernetes' own components also work on objects that are being deleted. A patch of metadata only, or a finalize
    request, may remove a finalizer; lists and watches by name succeed without the object.
    """
    return (
        not request.by_kubernetes
        and request.verb not in {"list", "watch"}
        and request.subresource != "finalize"
        and request.facts.spec is not False
    )


def _kubelet_waits(requests: Iterable[Request]) -> bool:
    """Whether a Pod that was deleted before `requests` still had to be ended by its kubelet's last delete."""
    return next((bool(request.node) for request in requests if creates(request) or deletes(request)), False)
