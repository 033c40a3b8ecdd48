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
from kaudit_setup.attribution.evidence.requests import Deed, Object, creates, deletes
from kaudit_setup.auditlog.kinds import is_custom

LONG = 300.0
"""Seconds after which what was deleted is expected to be gone: a Pod's grace is rarely longer."""

_NOTICED = 2.0
"""Seconds within which a controller notices that something is gone."""
_SETTLED = 5.0
"""Seconds after which a kubelet has heard that something is gone."""
_SLOW = frozenset({"pods", "namespaces", "persistentvolumeclaims", "persistentvolumes", "customresourcedefinitions"})


@dataclass(frozen=True, slots=True)
class Life:
    """One object that bore the name.

    `since` is when the log first shows it, 0.0 if it may have been there before the log; `birth` is its create, None
    if the log lacks it. `use` is set if it may be the object before it: what shows it there long after `gone` deleted
    that one. `bound`: the first that shows it is its binding.
    """

    since: float
    birth: Deed | None = None
    gone: Deed | None = None
    use: Deed | None = None
    bound: bool = False


def lives(deeds: Sequence[Deed]) -> list[Life]:
    """The lives that `deeds` tell of: what took effect on one name, in order of time."""
    found: list[Life] = []
    uid = ""
    seen = {""}
    gone: Deed | None = None
    for index, deed in enumerate(deeds):
        known = deed.facts.uid
        begun: Life | None = None
        if creates(deed):
            begun = Life(deed.at, birth=deed)
        elif _bound(deed) and (not found or (gone is not None and not _named_once(deed.object))):
            # what is going is not bound any more (pkg/registry/core/pod/storage: setPodHostAndAnnotations)
            begun = Life(deed.at, bound=True)
        elif uid and known not in seen:
            # one that was seen before is a straggler's: the clocks of servers differ
            begun = Life(deed.at)
        elif (
            gone is not None
            and deed.at - gone.at > LONG
            and _shows(deed)
            and not (known and known == uid)
            and (gone.node or not _kubelet_waits(deeds[index:]))
        ):
            begun = Life(deed.at, gone=gone, use=deed)
        elif not found:
            begun = Life(0.0)
        if begun is not None:
            found.append(begun)
            uid, gone = known, None
        elif known not in seen:
            uid = known
        gone = deed if deletes(deed) else gone
        seen.add(known)
    return found


def born(obj: Object, deeds: Sequence[Deed]) -> float:
    """From when on there was a Pod or another object whose name the server had made up, so that it had no other
    life: its create, or its binding, which follows at once; 0.0 if `deeds`, all on it, do not show either.
    """
    first = next((deed for deed in deeds if deed.done), None)
    return first.at if first is not None and (creates(first) or _bound(first)) and _named_once(obj) else 0.0


def shown_since(deeds: Sequence[Deed], at: float) -> float:
    """From when on the object was surely there that was at `at`: its create, or its binding, which follows at once;
    0.0 if `deeds`, all on it, show neither.
    """
    met = [deed.at for deed in deeds if deed.done and deed.at <= at and _bound(deed)]
    made = [deed.at for deed in deeds if deed.done and deed.at <= at and creates(deed)]
    return made[-1] if made else met[-1] if met else 0.0


def outlived(end: Deed, deeds: Sequence[Deed]) -> Deed | None:
    """What shows in `deeds`, all on one object, that it was there after `end` had it deleted.

    None if nothing does, or its kubelet waited for `end`. What the server removes at once must be gone with the
    answer, unless `end` was a dry run (AS/pkg/registry/generic/registry/store.go:Delete). What lingers, or what was
    surely deleted, and is there `LONG` after, was made again, maybe, by a request that is not in the log.
    """
    later = [deed for deed in deeds if deed.at > max(end.at, end.end)]
    if not end.node and _kubelet_waits(later):
        return None
    wait = LONG if end.facts.dry_run is False or _lingers(end) or _held(later) else 0.0
    return next((deed for deed in later if (deed.at - end.at > wait and _shows(deed)) or _bound(deed)), None)


def _bound(deed: Deed) -> bool:
    return deed.subresource == "binding"


def _named_once(obj: Object) -> bool:
    """Whether the server made up a name, as it does for controllers, so that it is used once."""
    return is_generated(obj.name) and any(guesses(obj))


def kept_up(end: Deed, deeds: Sequence[Deed]) -> bool:
    """Whether a controller went on to report the status of what `end` may have deleted, of a kind that goes at once,
    and the garbage collector never had to let go of it. `deeds`: all on it, also those after the time asked about.
    """
    later = [deed for deed in deeds if deed.done and deed.at > max(end.at, end.end)]
    later = later[: next((index for index, deed in enumerate(later) if creates(deed)), None)]
    reports = [d for d in later if d.subresource == "status" and d.controller and d.at - end.at > _NOTICED]
    return bool(reports) and not _lingers(end) and not any(deed.controller == GARBAGE for deed in later)


def lived_on(end: Deed, deeds: Sequence[Deed]) -> Deed | None:
    """What shows in `deeds`, all on one object, that `end` can have been a dry run only; None if nothing does.

    What the server removes at once was changed soon after and met by others, too, or a kubelet still found it. Of
    something that only lingered (a finalizer, a deletion in the foreground), its controllers go on to report, too, so
    that these alone prove nothing.
    """
    later = [deed for deed in deeds if deed.at > max(end.at, end.end)]
    if _lingers(end) or _held(later):
        return None
    met = [deed for deed in later if _met(deed) and deed.at - end.at <= LONG]
    known = [deed for deed in met if deed.node and deed.at - end.at > _SETTLED]
    people = [deed for deed in met if _shows(deed) and deed.verb != "get"]
    if people and len({deed.user for deed in met}) > 1:
        known += people
    return min(known, key=lambda deed: deed.at, default=None)


def _met(deed: Deed) -> bool:
    """Whether a request succeeds only if its object is there."""
    return deed.done and not (deletes(deed) or creates(deed)) and deed.verb not in {"list", "watch"}


def _lingers(end: Deed) -> bool:
    """Whether objects of this kind usually go some time after they were deleted: a grace, or a finalizer."""
    return is_custom(end.group, end.resource) or end.resource in _SLOW


def _held(later: Sequence[Deed]) -> bool:
    """Whether the garbage collector let the object go at last: deleted in the foreground, or with `orphan`.

    It takes its finalizer away then (pkg/controller/garbagecollector/operations.go:removeFinalizer).
    """
    first = next((deed for deed in later if deletes(deed) or deed.controller == GARBAGE), None)
    return first is not None and first.verb == "patch"


def _shows(deed: Deed) -> bool:
    """Whether a request shows that its object was there, and that it did more than let go of it.

    Kubernetes' own go on with what is going. A patch of nothing but metadata, or a request to finalize, may be what
    takes a finalizer away; lists and watches by name succeed without the object.
    """
    return (
        not deed.by_kubernetes
        and deed.verb not in {"list", "watch"}
        and deed.subresource != "finalize"
        and deed.facts.spec is not False
    )


def _kubelet_waits(deeds: Sequence[Deed]) -> bool:
    """Whether the end of a Pod that was set going before `deeds` is still to come: its kubelet's last delete."""
    return next((bool(deed.node) for deed in deeds if creates(deed) or deletes(deed)), False)
