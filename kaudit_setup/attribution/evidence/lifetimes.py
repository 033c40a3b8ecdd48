"""One name, several lives: which of the requests on a name were on one and the same object.

A create begins a life, and so does the first request on a new UID: bodies hold it, those of deletions too
(AS/pkg/registry/generic/registry/store.go:finalizeDelete). Without bodies nothing proves that an object is another.
Still, what somebody does to it long after it was deleted is done to one that was made by a request that the log
lacks, or that deletion took long (a Pod's grace, finalizers) or was none (kubectl says so in its body only).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.attribution.evidence.actors import GARBAGE
from kaudit_setup.attribution.evidence.owner_names import guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.timing import DELETION_NOTICED, GONE, KUBELET_NOTICED
from kaudit_setup.auditlog.kinds import is_custom

_SLOW = frozenset({"pods", "namespaces", "persistentvolumeclaims", "persistentvolumes", "customresourcedefinitions"})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One object that bore the name.

    `since` is when the log first shows it, 0.0 if it may have been there before; `creation` is its create, None
    if the log lacks it. `use` is set if it may be the object before it: what shows it there long after `gone` deleted
    that one. `bound`: the first that shows it is its binding.
    """

    since: float
    creation: Request | None = None
    gone: Request | None = None
    use: Request | None = None
    bound: bool = False


def lifetimes(requests: Sequence[Request]) -> list[Lifetime]:
    """The lives that `requests` tell of: what took effect on one name, in order of time."""
    found: list[Lifetime] = []
    uid = ""
    seen = {""}
    gone: Request | None = None
    for index, request in enumerate(requests):
        known = request.facts.uid
        begun: Lifetime | None = None
        if creates(request):
            begun = Lifetime(request.at, creation=request)
        elif _bound(request) and (not found or (gone is not None and not _named_once(request.object))):
            # what is going is not bound any more (pkg/registry/core/pod/storage: setPodHostAndAnnotations)
            begun = Lifetime(request.at, bound=True)
        elif uid and known not in seen:
            # one that was seen before is a straggler's: the clocks of servers differ
            begun = Lifetime(request.at)
        elif (
            gone is not None
            and request.at - gone.at > GONE
            and _shows(request)
            and not (known and known == uid)
            and (gone.node or not _kubelet_waits(requests[index:]))
        ):
            begun = Lifetime(request.at, gone=gone, use=request)
        elif not found:
            begun = Lifetime(0.0)
        if begun is not None:
            found.append(begun)
            uid, gone = known, None
        elif known not in seen:
            uid = known
        gone = request if deletes(request) else gone
        seen.add(known)
    return found


def created_at(obj: Object, requests: Sequence[Request]) -> float:
    """From when on there was a Pod or another object whose name the server had made up, so that it had no other
    life: its create, or its binding, which follows at once; 0.0 if `requests`, all on it, do not show either.
    """
    first = next((request for request in requests if request.done), None)
    return first.at if first is not None and (creates(first) or _bound(first)) and _named_once(obj) else 0.0


def shown_since(requests: Sequence[Request], at: float) -> float:
    """From when on the object was surely there that was at `at`: its create, or its binding, which follows at once;
    0.0 if `requests`, all on it, show neither.
    """
    met = [request.at for request in requests if request.done and request.at <= at and _bound(request)]
    made = [request.at for request in requests if request.done and request.at <= at and creates(request)]
    return made[-1] if made else met[-1] if met else 0.0


def outlived(end: Request, requests: Sequence[Request]) -> Request | None:
    """What shows in `requests`, all on one object, that it was there after `end` had it deleted.

    None if nothing does, or its kubelet waited for `end`. What the server removes at once must be gone with the
    answer, unless `end` was a dry run (AS/pkg/registry/generic/registry/store.go:Delete). What lingers, or what was
    surely deleted, and is there `GONE` after, was made again, maybe, by a request that is not in the log.
    """
    later = [request for request in requests if request.at > max(end.at, end.end)]
    if not end.node and _kubelet_waits(later):
        return None
    wait = GONE if end.facts.dry_run is False or _lingers(end) or _held(later) else 0.0
    return next(
        (request for request in later if (request.at - end.at > wait and _shows(request)) or _bound(request)), None
    )


def _bound(request: Request) -> bool:
    return request.subresource == "binding"


def _named_once(obj: Object) -> bool:
    """Whether the server made up a name, as it does for controllers, so that it is used once."""
    return is_generated(obj.name) and any(guesses(obj))


def kept_up(end: Request, requests: Sequence[Request]) -> bool:
    """Whether a controller went on to report the status of what `end` may have deleted, of a kind that goes at once,
    and the garbage collector never had to let go of it. `requests`: all on it, also those after the time asked about.
    """
    later = [request for request in requests if request.done and request.at > max(end.at, end.end)]
    later = later[: next((index for index, request in enumerate(later) if creates(request)), None)]
    reports = [d for d in later if d.subresource == "status" and d.controller and d.at - end.at > DELETION_NOTICED]
    return bool(reports) and not _lingers(end) and not any(request.controller == GARBAGE for request in later)


def lived_on(end: Request, requests: Sequence[Request]) -> Request | None:
    """What shows in `requests`, all on one object, that `end` can have been a dry run only; None if nothing does.

    What the server removes at once was changed soon after and met by others, too, or a kubelet still found it. Of
    something that only lingered (a finalizer, a deletion in the foreground), its controllers go on to report, too, so
    that these alone prove nothing.
    """
    later = [request for request in requests if request.at > max(end.at, end.end)]
    if _lingers(end) or _held(later):
        return None
    met = [request for request in later if _met(request) and request.at - end.at <= GONE]
    known = [request for request in met if request.node and request.at - end.at > KUBELET_NOTICED]
    people = [request for request in met if _shows(request) and request.verb != "get"]
    if people and len({request.user for request in met}) > 1:
        known += people
    return min(known, key=lambda request: request.at, default=None)


def _met(request: Request) -> bool:
    """Whether a request succeeds only if its object is there."""
    return request.done and not (deletes(request) or creates(request)) and request.verb not in {"list", "watch"}


def _lingers(end: Request) -> bool:
    """Whether objects of this kind usually go some time after they were deleted: a grace, or a finalizer."""
    return is_custom(end.group, end.resource) or end.resource in _SLOW


def _held(later: Sequence[Request]) -> bool:
    """Whether the garbage collector let the object go at last: deleted in the foreground, or with `orphan`.

    It takes its finalizer away then (pkg/controller/garbagecollector/operations.go:removeFinalizer).
    """
    first = next((request for request in later if deletes(request) or request.controller == GARBAGE), None)
    return first is not None and first.verb == "patch"


def _shows(request: Request) -> bool:
    """Whether a request shows that its object was there, and that it did more than let go of it.

    Kubernetes' own go on with what is going. A patch of nothing but metadata, or a request to finalize, may be what
    takes a finalizer away; lists and watches by name succeed without the object.
    """
    return (
        not request.by_kubernetes
        and request.verb not in {"list", "watch"}
        and request.subresource != "finalize"
        and request.facts.spec is not False
    )


def _kubelet_waits(requests: Sequence[Request]) -> bool:
    """Whether the end of a Pod that was set going before `requests` is still to come: its kubelet's last delete."""
    return next((bool(request.node) for request in requests if creates(request) or deletes(request)), False)
