"""Whether something that was to be deleted lived on all the same: then the request was a dry run.

`kubectl delete --dry-run=server` says so in its body only, and the body of a deletion is not in a log of level
Metadata. What followed tells: a Pod's kubelet takes it away within its grace, nothing can be made in a namespace that
is going (AS/pkg/admission/plugin/namespace/lifecycle/admission.go), and most else is gone with the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kaudit_setup.attribution.evidence.actors import NAMESPACES
from kaudit_setup.attribution.evidence.choose import up_to
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import lived_on
from kaudit_setup.attribution.evidence.literals import quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes, target
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.timing import GONE, GRACE, NAMESPACE_CLOSED

_CLEANERS = frozenset({NAMESPACES, "pod-garbage-collector"})
"""Who deletes Pods that are going already, too."""
_REVIEWS = frozenset({"localsubjectaccessreviews"})


def dry_run_proof(index: EventIndex, obj: Object, end: Request) -> Request | None:
    """What shows that `obj` lived on when `end` had asked to delete it, so that this was a dry run; None if nothing
    does.
    """
    if not _maybe_dry(end):
        return None
    later, again = _same_lifetime(index, obj, end)
    if obj.resource == "namespaces":
        return _used_on(index, obj, end, later, again)
    if obj.resource == "pods":
        return _deleted_once_more(end, later) or (None if again else _not_taken_away(index, end, later, GONE))
    return lived_on(end, later)


def dry_run_doubt(index: EventIndex, obj: Object, end: Request) -> str:
    """Why it is not certain that a Pod that `end` asked to delete is gone; empty if there is no doubt."""
    later, again = _same_lifetime(index, obj, end)
    if obj.resource != "pods" or again or not _maybe_dry(end):
        return ""
    met = _not_taken_away(index, end, later, GRACE) or _met_after_grace(index, end, later)
    if met is None:
        return ""
    return (
        f"{actor(met)} still found it at {met.time}, and its kubelet had not removed it by the end of this log: the"
        " request may have been a dry run (its options are not in the log)"
    )


def _met_after_grace(index: EventIndex, end: Request, later: Sequence[Request]) -> Request | None:
    """Who met a Pod when the usual grace was over, if nothing in the log took it away."""
    if any(map(deletes, later)):
        return None
    return _met_after(later, end.end + GRACE + index.tolerance)


def _same_lifetime(index: EventIndex, obj: Object, end: Request) -> tuple[list[Request], Request | None]:
    """What was done to `obj` after `end`, in all of the log, until another one was made, and who made that."""
    later = [request for request in index.done(obj) if request.at > end.at]
    again = next(filter(creates, later), None)
    return (later, None) if again is None else (later[: later.index(again)], again)


def describe_dry_run(obj: Object, end: Request, met: Request) -> str:
    """That `end` only asked to delete `obj`, as `met` shows."""
    if met.object == obj:
        shown = f"{actor(met)} deleted it later" if deletes(met) else f"{actor(met)} still found it"
    else:
        shown = f"{actor(met)} {doing(met)} {target(met)} in it"
    asked = f"{actor(end)} asked to delete it at {end.time}, possibly as a dry run (its options are not in the log)"
    return f"{asked}, because {shown} at {met.time}"


def _maybe_dry(end: Request) -> bool:
    """Whether `end` names its object and may be somebody's dry run for all that is logged of it."""
    return end.facts.dry_run is None and bool(end.name) and not end.by_kubernetes


def _used_on(
    index: EventIndex, space: Object, end: Request, later: Sequence[Request], again: Request | None
) -> Request | None:
    """The first that was made in a namespace after `end`, if its controller did nothing to end it."""
    if NAMESPACES in {request.controller for request in later}:
        return None
    before = again.at if again else float("inf")
    since = max(end.at, end.end) + NAMESPACE_CLOSED + index.tolerance

    def inside(request: Request) -> bool:
        if not creates(request) or not request.done or request.resource in _REVIEWS:
            return False
        return request.namespace == space.name and since < request.at < before

    found = index.sift([b'"namespace":' + quoted(space.name) + b","], inside, focus=b'"verb":"create"')
    return found[0] if found else None


def _deleted_once_more(end: Request, later: Sequence[Request]) -> Request | None:
    """A controller's deletion of a Pod after its grace, upon which its kubelet took it away: it was not going."""
    deleted = list(filter(deletes, later))
    taken = max((request.at for request in deleted if request.node), default=0.0)
    again = (request for request in up_to(deleted, taken) if request.at - end.at > GRACE)
    return next((request for request in again if request.controller not in {"", *_CLEANERS}), None)


def _not_taken_away(index: EventIndex, end: Request, later: Sequence[Request], grace: float) -> Request | None:
    """Who met a Pod after `end`, so that it was not removed at once, if its kubelet never took it away, but took
    others when `grace` was over.
    """
    first = _met_after(later, end.end + index.tolerance)
    if first is None or any(map(deletes, later)):
        return None
    nodes = {request.node for request in index.on(end.object) if request.node}

    taken = index.sift([b'"verb":"delete"'], lambda request: _by_kubelet(request, nodes))
    return first if any(request.at - end.at > grace for request in taken) else None


def _met_after(requests: Sequence[Request], at: float) -> Request | None:
    """The first request that met its object after a time; lists and watches by name succeed without it."""
    return next((one for one in requests if one.at > at and one.verb not in {"list", "watch"}), None)


def _by_kubelet(request: Request, nodes: Collection[str]) -> bool:
    """Whether a kubelet took a Pod away: one of these nodes', if there are any."""
    if request.resource != "pods" or not request.done or not deletes(request):
        return False
    return request.node in nodes if nodes else bool(request.node)
