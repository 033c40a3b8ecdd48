"""Why a controller deleted one of its own: fewer, or newer ones, were wanted, or it had one too many.

Sources: pkg/controller/replicaset/replica_set.go:manageReplicas, pkg/controller/controller_ref_manager.go:AdoptPod (a
Pod that is taken over may be one too many), pkg/controller/job/job_controller.go, pkg/controller/cronjob (history
limits, deadlines).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.chain import (
    Case,
    Child,
    Confidence,
    DeletionCase,
    Finding,
    KnownOwner,
    Link,
    certain_if,
    ends_at,
    note,
    weakest,
)
from kaudit_setup.attribution.controllers.adoption import ownership
from kaudit_setup.attribution.controllers.common import check_completeness
from kaudit_setup.attribution.controllers.pod_sets import is_rolling_out, recreates
from kaudit_setup.attribution.controllers.replicaset_sizes import last_shrink
from kaudit_setup.attribution.controllers.replicasets import deployment_of, set_back, set_back_note
from kaudit_setup.attribution.controllers.selected_pods import (
    adoption_before,
    adoption_of_deleted,
    is_new_owner,
    last_labelling,
)
from kaudit_setup.attribution.creation.step import creation_of, creation_step
from kaudit_setup.attribution.evidence.actors import CRONJOBS, JOBS
from kaudit_setup.attribution.evidence.choose import by_somebody, last_that, shortly_before, without
from kaudit_setup.attribution.evidence.requests import Request, changes, creates
from kaudit_setup.attribution.owners import owner_of
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import requested_changes, spec_requests
from kaudit_setup.attribution.timing import NEAR, NODE_CHANGE
from kaudit_setup.values import replace


class _Removed(msgspec.Struct, frozen=True):
    """An object that the controller of its owner deleted by `end`."""

    case: Case
    end: Request


def scaled_down(case: DeletionCase) -> Finding:
    """Whoever changed what the controller of the object's owner followed when it deleted the object."""
    child = _as_child(case)
    owner = owner_of(child)
    if owner is None:
        adopted = adoption_of_deleted(case.index, case.request)
        if adopted is not None:
            return _one_too_many(child, case.request.controller, adopted, "inferred")
        return note(f"what {case.request.controller} followed when it deleted {case.object} is not in this log")
    rule = _own_rules if case.request.controller in {JOBS, CRONJOBS} else REMOVAL_RULES.get(owner.object.resource)
    if rule is None:
        return Finding(next=child)
    return rule(_Removed(Case(child, KnownOwner(owner.object, child.confidence, owner.why)), case.request))


def _as_child(case: DeletionCase) -> Child:
    """The deleted object as its owner's: by the last body that tells its controller, else by the deletion itself."""
    index, obj, end = case.index, case.object, case.request
    creation = creation_of(index, obj, case.before)
    said = ownership(index, obj, end.at, creation.request)
    request, confidence = end, certain_if(False)
    if said is not None and said.controller is not None:
        request = said.request
        confidence = certain_if(creation.confidence == "certain" or request is not creation.request)
    return Child(index, obj, end.at, request, confidence, end, case.depth, deleted=True)


def _own_rules(removed: _Removed) -> Finding:
    """A Job's or CronJob's own rules (history limits, deadlines) ended it: those of whoever wrote them."""
    case = removed.case
    index, child, owner = case.index, case.child, case.owner
    changed = filter(changes, spec_requests(index, owner, child.at))
    near = [request for request in changed if shortly_before(request, child.at, NODE_CHANGE)]
    last = last_that(near, by_somebody)
    if last is not None:
        return ends_at(Link(owner, last, "inferred", f"{actor(last)} changed {owner} before; {case.known.why}"))
    rules = f"no request caused this: the rules of {owner} did (a history limit, a deadline, a suspension)"
    return note(rules) + Finding(next=replace(child, deleted=False))


def _of_set(removed: _Removed) -> Finding:
    """A StatefulSet or DaemonSet deletes a Pod for its last change, or one that failed."""
    case, end = removed.case, removed.end
    index, child, owner = case.index, case.child, case.owner
    requests = requested_changes(index, owner, child.at, end)
    changed = without(requests, creates)
    if recreates(index, end, owner) != "no":
        again = f"{end.controller} deleted {child.object} only to recreate it, as it does with a Pod that failed"
        return note(f"no request in this log caused this: {again} or was evicted")
    if requests and not changed:
        return note(f"no request in this log caused this: nobody changed {owner} since it was made")
    proven = bool(changed) and child.confidence == "certain" and is_rolling_out(index, end, owner, changed[-1])
    return Finding(next=replace(child, confidence=certain_if(proven)))


def _of_replicaset(removed: _Removed) -> Finding:
    """A ReplicaSet that had a Pod too many: it was to get smaller, or took one over that was there already."""
    case, end = removed.case, removed.end
    index, child, owner = case.index, case.child, case.owner
    requests = spec_requests(index, owner, child.at, end)
    cause, busy = last_shrink(index, requests, end, owner)
    adopted = adoption_before(index, owner, end, thorough=not busy)
    if adopted is not None and (cause is None or cause.at < adopted.at):
        maker = last_that(requests, creates)
        if maker is not None and is_new_owner(index, maker, adopted):
            return _for_a_new_one(case, maker, adopted)
        return _one_too_many(child, str(owner), adopted, weakest(child.confidence, certain_if(not busy)))
    return _smaller(case.at_most(certain_if(busy)), requests, cause, busy=busy)


def _smaller(case: Case, requests: Sequence[Request], cause: Request | None, *, busy: bool) -> Finding:
    """A ReplicaSet that was to get smaller by `cause`; `busy`: its controller was still at that."""
    index, child, owner = case.index, case.child, case.owner
    create = _by_controller(creation_of(index, owner, child.at).request)
    case, found = check_completeness(case, requests)
    if not busy and (cause is None or child.at - cause.at >= NODE_CHANGE):
        if requests and not _deployment_was_changed(Child(index, owner, child.at, create, "inferred")):
            many = f"{owner} had one Pod too many, but nobody had just scaled it down"
            return found + note(f"no request in this log caused this: {many}")
        cause = None
    by_hand = set_back(index, deployment_of(index, owner, child.at, create), requests, cause)
    found += note(set_back_note(by_hand, cause))
    cause, case = by_hand or cause, case.at_most(certain_if(by_hand is None))
    confidence = case.known.confidence
    found += Finding((Link(owner, cause, confidence, f"it wanted fewer Pods; {case.known.why}"),))
    if cause is not None and not cause.controller:
        return found + Finding(root=cause)
    return found + Finding(next=case.above(cause.at if cause else child.at, create, confidence, cause))


def _by_controller(create: Request | None) -> Request | None:
    return create if create is not None and create.controller else None


def _deployment_was_changed(below: Child) -> bool:
    """Whether somebody had just changed the Deployment of a ReplicaSet, whose own changes are not in the log."""
    owner = owner_of(below)
    if owner is None:
        return False
    changed = [r for r in requested_changes(below.index, owner.object, below.at) if not creates(r)]
    return bool(changed) and below.at - changed[-1].at < NODE_CHANGE


def _for_a_new_one(case: Case, maker: Request, adopted: Request) -> Finding:
    """A ReplicaSet that `maker` had just made took over Pods that were there already, one too many among them."""
    lag = adopted.at - maker.at
    why = f"it was created {lag:.3f} s before it adopted {adopted.object}, which existed already"
    link = Link(maker.object, maker, "inferred", why)
    if not maker.controller:
        return ends_at(link)
    above = Child(case.index, maker.object, maker.at, maker, "inferred", maker, case.child.depth + 1)
    return Finding((link,), next=above)


def _one_too_many(child: Child, keeper: str, adopted: Request, confidence: Confidence) -> Finding:
    """`keeper` took over a Pod that it did not need: behind that is whoever made the Pod, or made it match."""
    index, pod = child.index, adopted.object
    matched = last_labelling(index, pod, adopted.at)
    confidence = weakest(confidence, certain_if(matched is not None and adopted.at - matched.at <= NEAR))
    if matched is not None and changes(matched):
        lag = adopted.at - matched.at
        why = f"{actor(matched)} changed it {lag:.3f} s before {keeper} adopted it and had one Pod too many"
        return ends_at(Link(pod, matched, weakest(confidence, certain_if(bool(matched.facts.relabels))), why))
    made = creation_step(index, pod, adopted.at)
    if not made.links:
        return note(f"{keeper} adopted {pod} at {adopted.time}; who created it is not in this log")
    first = made.links[0]
    why = f"{keeper} adopted it at {adopted.time} and then had one Pod too many"
    return replace(made, links=(Link(pod, first.request, weakest(confidence, first.confidence), why),))


REMOVAL_RULES: Final[Mapping[str, Callable[[_Removed], Finding]]] = {
    # smaller, or a Pod too many that it took over
    "replicasets": _of_replicaset,
    "replicationcontrollers": _of_replicaset,
    # a new template, fewer replicas, or a Pod that had failed
    "statefulsets": _of_set,
    "daemonsets": _of_set,
}
"""Why the controller of an owner deletes what the owner has, by the owner's resource; all others follow its last
change.
"""
