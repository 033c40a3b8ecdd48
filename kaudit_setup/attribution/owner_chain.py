"""Why an object came to be: from itself, by way of the controllers that made it, to the first who is not one.

Bodies (ownerReferences, generated names, replica counts) make a link certain. At level Metadata the controllers'
naming, the order of their requests and their users make it inferred. The chain goes up only through objects that a
controller made: what a person made belongs to that person, whoever its ownerReferences name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kaudit_setup.attribution.chain import (
    DEEP,
    NOTHING,
    Case,
    Child,
    Creator,
    Finding,
    LastChange,
    Rule,
    certain_if,
    first_found,
    note,
)
from kaudit_setup.attribution.controllers.autoscaler import autoscaler
from kaudit_setup.attribution.controllers.common import check_completeness
from kaudit_setup.attribution.controllers.deployments import deployment
from kaudit_setup.attribution.controllers.other_owners import any_owner, job, service
from kaudit_setup.attribution.controllers.pod_sets import pod_set
from kaudit_setup.attribution.controllers.replicasets import replicaset
from kaudit_setup.attribution.controllers.special_controllers import aggregated_role
from kaudit_setup.attribution.creation.step import creation_step
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.choose import last_that, without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.owners import owner_of
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import proven
from kaudit_setup.attribution.timing import NEAR
from kaudit_setup.values import replace

OWNER_RULES: Final[Mapping[str, Rule[Case]]] = {
    # its Pods follow its last change of size at once; one made later takes another's place
    "replicasets": replicaset,
    "replicationcontrollers": replicaset,
    # whoever made it or changed it last before its ReplicaSet followed
    "deployments": deployment,
    # the last change, unless the Pod only took the place of one that went otherwise
    "statefulsets": pod_set,
    "daemonsets": pod_set,
    # a change of parallelism or of suspend is followed at once, else it is whoever made the Job
    "jobs": job,
    # Endpoints follow a new selector at once, else it is whoever made the Service
    "services": service,
}
"""What the controller of an owner followed, by the owner's resource; `any_owner` for all others: whoever made it."""

CHANGE_RULES: Final[Mapping[str, Rule[Child]]] = {
    # scales what a HorizontalPodAutoscaler names: whoever said last what that should do
    AUTOSCALER: autoscaler,
}
"""Who is behind a change that a controller made to an object that others own, by the controller."""

OWNERLESS_RULES: Final[tuple[Rule[Child], ...]] = (
    # a ClusterRole takes its rules from others, which do not own it
    aggregated_role,
)
"""What a controller followed where its object has no owner."""


def creation_chain(index: EventIndex, obj: Object, before: float = float("inf")) -> Finding:
    """Who made `obj` (in its last lifetime before `before`, Unix seconds), and who is behind that."""
    return follow_up(creation_step(index, obj, before))


def follow_up(finding: Finding) -> Finding:
    """A finding, with all that comes of its next steps; those of deletions are left to `deletion/rules`."""
    while isinstance(step := finding.next, Child | LastChange | Creator):
        finding = replace(finding, next=None) + _take(step)
    return finding


def _take(step: Child | LastChange | Creator) -> Finding:
    if isinstance(step, Child):
        return _owner(step)
    return _last_change(step) if isinstance(step, LastChange) else _creator(step)


def _owner(child: Child) -> Finding:
    """The link of the owner of `child`, or what is said where none is known."""
    if child.depth >= DEEP:
        return NOTHING
    owner = owner_of(child)
    if owner is not None:
        rule = OWNER_RULES.get(owner.object.resource, any_owner)
        return rule(Case(child, owner)) or NOTHING
    found = first_found(OWNERLESS_RULES, child)
    if found is None and child.request is not None:
        return note(f"nothing in the log says why {child.request.controller} made {child.object}")
    return found or NOTHING


def _last_change(step: LastChange) -> Finding:
    """End the chain at the last request on the owner, and say who created that, and who else changed it."""
    case, requests, before = step.case, step.requests, NOTHING
    index, child = case.index, case.child
    if child.timeless:
        requests, before = _whenever(case, requests)
    cause = requests[-1]
    shown = proven(index, case.owner, cause, renewed=child.cause is not None and creates(child.cause))
    case, doubt = check_completeness(case, requests)
    case = case.at_most(certain_if(shown and not _long_before(child, cause)))
    why = _when_changed(child, requests)
    if not shown and cause.facts.body:
        why += "; whether that changed anything is not in the log"
    skewed = "the clocks of the nodes differ: a request seems to come before its cause"
    clocks = note(skewed if index.tolerance and child.at < cause.at else "")
    found = before + doubt + clocks + Finding((case.link(cause, why),))
    return found + _sender(case, cause) + _creator(Creator(index, case.owner, cause)) + _others(case.owner, requests)


def _long_before(child: Child, cause: Request) -> bool:
    """Whether a change of a Deployment's size, which its controller follows at once, came too long before the child
    to be behind it for sure: something else was, which the log lacks, or a rollout went on.
    """
    scaled = (cause.resource, cause.subresource) == ("deployments", "scale")
    return scaled and not child.timeless and child.at - cause.at > NEAR


def _when_changed(child: Child, requests: Sequence[Request]) -> str:
    """How long before the child the last request came; empty if it created the owner, or that is not known."""
    cause = requests[-1]
    if child.timeless or (len(requests) == 1 and creates(cause)):
        return ""
    return f"; {actor(cause)} {doing(cause)} it {child.at - cause.at:.3f} s before, the last to do so"


def _sender(case: Case, cause: Request) -> Finding:
    """Who is behind the last change: its sender, or whom the controller that sent it followed."""
    if not cause.controller:
        return Finding(root=cause)
    rule = CHANGE_RULES.get(cause.controller)
    changed = case.above(cause.at, cause, case.known.confidence, cause)
    return (rule(changed) if rule else None) or NOTHING


def _whenever(case: Case, requests: Sequence[Request]) -> tuple[tuple[Request, ...], Finding]:
    """Whoever made the owner, and a word about the others: when the child was made, so after whom, is not known."""
    owner, child = case.owner, case.child.object
    create = last_that(requests, creates)
    known = [r for r in filter(creates, case.index.done(owner)) if create is not None and r.at < create.at]
    earlier = [f"{actor(r)} created {owner} before, at {r.time}: {child} may belong to that one" for r in known[-3:]]
    changed = [
        f"{actor(request)} {doing(request)} {owner} at {request.time}, maybe before {child} was made"
        for request in without(requests, creates)
    ]
    others = [] if create is None else list(dict.fromkeys(actor(r) for r in requests if _may_be_it(child, create, r)))
    named = f"{', '.join(others[:-1])} or {others[-1]}" if len(others) > 1 else "".join(others)
    proviso = f"it may as well have come of what {named} did to {owner}: the log does not tell when it was made"
    found = note(*earlier, *changed) + Finding(proviso=proviso if others else "")
    return (tuple(requests) if create is None else (create,)), found


def _may_be_it(child: Object, create: Request, other: Request) -> bool:
    """Whether `other` changed an owner so that `child` may be there for that, for somebody else than `create`."""
    resized = other.subresource == "scale" and child.resource == "replicasets"
    return other.at > create.at and other.user != create.user and not resized


def _others(owner: Object, requests: Sequence[Request]) -> Finding:
    """Who else changed `owner` before the last of `requests`: a paused Deployment holds many people's changes."""
    named = {requests[-1].user, *(request.user for request in requests if creates(request))}
    others: dict[str, Request] = {}
    for request in reversed(requests[:-1]):
        if request.user not in named:
            others.setdefault(request.user, request)
    return note(*(f"{actor(r)} {doing(r)} {owner} before that, at {r.time}" for r in others.values()))


def _creator(step: Creator) -> Finding:
    """Who created an object, where `cause` changed it later."""
    index, obj, cause = step.index, step.object, step.cause
    if creates(cause):
        return NOTHING
    create = last_that(index.done(obj, cause.at), creates)
    if create is None:
        return note(f"who created {obj} is not in this log")
    if not create.controller:
        return note(f"{obj} was created by {actor(create)} at {create.time}")
    behind = creation_chain(index, obj, cause.at)
    if behind.root is None:
        return NOTHING
    return note(f"{obj} was made for {behind.links[-1].object} of {actor(behind.root)} ({behind.root.time})")
