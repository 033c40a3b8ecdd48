"""What an object was asked to be, by whom, and whether the log has all of it.

Source: metadata.generation counts the changes of a spec (AS/pkg/registry/rest/create.go:BeforeCreate sets 1, each
strategy's PrepareForUpdate adds 1, a Deployment's for annotations, too). It stands in every answer that holds the
object, and in a controller's PUT of the status, which fails if the object has changed since it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.timing import STATUS_REPORTED

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Count:
    """What the generations in the log say about the changes of one object, by `Request.key`.

    `idle` changed nothing that is asked for, `real` did; `counted` added to the generation, of a Deployment maybe by
    its annotations; of the `doubtful` some did nothing. `holes`: two requests between which the object was changed
    more often than the log knows.
    """

    idle: set[_Key] = field(default_factory=set)
    real: set[_Key] = field(default_factory=set)
    counted: set[_Key] = field(default_factory=set)
    doubtful: set[_Key] = field(default_factory=set)
    holes: list[tuple[Request, Request]] = field(default_factory=list)


def spec_requests(index: EventIndex, obj: Object, until: float) -> list[Request]:
    """What made `obj` or changed what it asks for in its life at `until`, in order; within the clocks' tolerance if
    need be.

    Changes whose logged patch touches labels or annotations only are left out, those that the log shows to have
    changed nothing, and those of the controllers that merely keep books on it.
    """
    requests = [d for d in index.on(obj) if d.done and (creates(d) or changes(d)) and d.facts.spec is not False]
    known = [d for d in requests if d.at <= until] or [d for d in requests if d.at <= until + index.tolerance]
    creations = [position for position, request in enumerate(known) if creates(request)]
    count = _count(index, obj)
    lifetime = [
        request for request in (known[creations[-1] :] if creations else known) if request.key not in count.idle
    ]
    return [
        request
        for position, request in enumerate(lifetime)
        if not (position and _same_scale(count, lifetime[position - 1], request))
    ]


def _same_scale(count: _Count, before: Request, after: Request) -> bool:
    """Whether `after` asked for the size that `before` had asked for, and nobody for another in between."""
    same = after.subresource == "scale" and 0 <= after.facts.replicas == before.facts.replicas
    return same and not any(before.at <= old.at and new.at <= after.at for old, new in count.holes)


def wishes(index: EventIndex, obj: Object, until: float) -> list[Request]:
    """As `spec_requests`, without what controllers note down on it for themselves (finalizers, revisions)."""
    return [d for d in spec_requests(index, obj, until) if not d.by_kubernetes or d.controller == AUTOSCALER]


def proven(index: EventIndex, obj: Object, cause: Request, renewed: bool = False) -> bool:
    """Whether the log shows that `cause` made `obj` or changed what it asks for.

    A patch says what it changes. A PUT and a server-side apply hold everything, changed or not: there only the
    generations before and after tell. `renewed`: a new ReplicaSet came of it, as no change of annotations brings.
    """
    if creates(cause):
        return True
    count = _count(index, obj)
    if not cause.facts.body or cause.key in count.doubtful:
        return False
    return not _tells_all(cause) or cause.key in count.real or (renewed and cause.key in count.counted)


def _tells_all(request: Request) -> bool:
    """Whether a request holds all of its object, so that it does not show what it changed, if anything."""
    return request.facts.whole and request.subresource != "scale"


def incomplete(index: EventIndex, obj: Object, at: float) -> bool:
    """Whether the log surely lacks a change of `obj` that a controller may have followed at `at`: after the last one
    that it has, the object was changed more often than it knows, before `at` or before a report soon after.
    """
    known = spec_requests(index, obj, at)
    last = known[-1].at if known else 0.0
    return any(old.at < at and last <= new.at <= at + STATUS_REPORTED for old, new in _count(index, obj).holes)


def _count(index: EventIndex, obj: Object) -> _Count:
    """Weigh what changed `obj` against the generations that answers and reports show in between."""
    count = _Count()
    shown: Request | None = None
    waiting: list[Request] = []
    for request in index.on(obj):
        if not request.done or not (_may_count(request) or _generation(request)):
            continue
        if creates(request) or (shown is not None and _another(shown, request)):
            shown, waiting = (request if creates(request) else None), []
        if creates(request):
            continue
        if _may_count(request):
            waiting.append(request)
        if _generation(request) or request.facts.spec_state:
            if shown is not None:
                _weigh(index, count, shown, waiting, request)
            shown, waiting = request, []
    return count


def _weigh(index: EventIndex, count: _Count, old: Request, waiting: list[Request], new: Request) -> None:
    """Judge the changes `waiting` between `old` and `new`, which show the object; `new` may be one of them."""
    keys = {request.key for request in waiting}
    counted = bool(_generation(new) and _generation(old))
    grown = _generation(new) - _generation(old) if counted else 0
    before, after = old.facts, new.facts
    answered = waiting == [new] and 0 not in {before.spec_state, after.spec_state}
    same = answered and before.spec_state == after.spec_state
    if same and _after(index, old, new) and (grown == 0 or (grown == 1 and before.state != after.state)):
        # with one more generation, a Deployment's annotations changed
        count.idle |= keys
    elif not counted:
        count.real |= keys if answered else set()
    elif grown == 0:
        clear = {d.key for d in waiting if _after(index, old, d) and (d is new or _after(index, d, new))}
        count.idle |= clear
        count.doubtful |= keys - clear
    elif grown > len(waiting):
        count.holes.append((old, new))
    elif grown == len(waiting):
        count.counted |= keys
        count.real |= {d.key for d in waiting if answered or d.resource != "deployments"}
    elif grown < sum(request.facts.spec is not False and not deletes(request) for request in waiting):
        count.doubtful |= keys


def _may_count(request: Request) -> bool:
    """Whether a request can add to the generation: a change, or a deletion that waits for finalizers
    (AS/pkg/registry/rest/delete.go:BeforeDelete).
    """
    return (changes(request) and request.subresource != "status") or creates(request) or deletes(request)


def _generation(request: Request) -> int:
    """The generation that a request left, 0 if it does not show it. A PUT's own body may hold any, of whatever age,
    but that of a controller's status is the object's.
    """
    if creates(request):
        return 1
    report = request.subresource == "status" and request.verb == "update" and request.by_kubernetes
    return request.facts.generation if request.facts.answered or report else 0


def _another(old: Request, new: Request) -> bool:
    """Whether two requests were on two objects, one after the other, of one name."""
    return "" != old.facts.uid != new.facts.uid != ""


def _after(index: EventIndex, old: Request, new: Request) -> bool:
    """Whether `new` was asked for after `old` was done, by whatever clock."""
    return old.end + (index.tolerance if old.source.node != new.source.node else 0.0) <= new.at


def of_another_lifetime(below: Request | None, requests: Sequence[Request]) -> bool:
    """Whether `requests` made another object than the one that `below` names as its owner: one name, two UIDs."""
    owner = below.facts.controller if below is not None else None
    creations = [request.facts.uid for request in requests if creates(request) and request.facts.uid]
    return owner is not None and bool(owner.uid and creations) and creations[-1] != owner.uid
