"""What the Deployment controller followed when it made or changed a ReplicaSet.

Source: pkg/controller/deployment/sync.go (getNewReplicaSet: a new template makes a new ReplicaSet, scale: a new size
does not).
"""

from __future__ import annotations

from kaudit_setup.attribution.chain import NOTHING, Case, Child, Creator, Finding, LastChange, Link, certain_if, note
from kaudit_setup.attribution.controllers.adoption import changed_just_before, deletion_before
from kaudit_setup.attribution.controllers.common import nobody_known
from kaudit_setup.attribution.evidence.choose import without
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Request, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes


def deployment(case: Case) -> Finding:
    """Whoever made or changed the Deployment last before its ReplicaSet followed."""
    index, child = case.index, case.child
    index.look_up(named(case.owner))
    doubtful = not (case.certain or child.timeless or child.deleted)
    gone = deletion_before(index, case.owner, child.at) if doubtful else None
    if gone is not None:
        return _adopter(case, gone)
    requests, found = requested_changes(index, case.owner, child.at, child.follower), NOTHING
    if _was_made(child):
        case, requests, found = _without_scaling(case, requests)
    return found + (Finding(next=LastChange(case, tuple(requests))) if requests else nobody_known(case))


def _was_made(child: Child) -> bool:
    """Whether it is asked why the ReplicaSet was made, not why it has so many Pods."""
    if child.cause is None:
        return child.depth == 1 and not child.deleted
    return creates(child.cause)


def _without_scaling(case: Case, requests: list[Request]) -> tuple[Case, list[Request], Finding]:
    """The changes that can make a new ReplicaSet: a scale never does, a new template does."""
    kept = without(requests, _scales)
    if not kept:
        return case, kept, NOTHING
    scaled = [request for request in filter(_scales, requests) if request.at > kept[-1].at]
    said = note(*(f"{actor(r)} scaled {case.owner} at {r.time}, before {case.child.object} was made" for r in scaled))
    # some of its Pods are there for the one, some for the other
    same = all(request.user == kept[-1].user for request in scaled)
    return case.at_most(certain_if(same)), kept, said


def _scales(request: Request) -> bool:
    return request.subresource == "scale"


def _adopter(case: Case, gone: Request) -> Finding:
    """The Deployment that the name tells was no more: another one had taken its ReplicaSet over."""
    index, owner, child = case.index, case.owner, case.child
    left = f"{actor(gone)} deleted {owner} at {gone.time} and orphaned {child.object}"
    cause = changed_just_before(index, owner, child.at)
    if cause is None:
        return note(left, f"which owner {child.object} had after that is not in this log")
    why = f"{actor(cause)} {doing(cause)} it {child.at - cause.at:.3f} s before {child.object} followed"
    link = Link(cause.object, cause, "inferred", why)
    return Finding((link,), cause, (left,), Creator(index, cause.object, cause))
