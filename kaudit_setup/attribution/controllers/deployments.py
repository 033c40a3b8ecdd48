"""What the Deployment controller followed when it made or changed a ReplicaSet.

Source: pkg/controller/deployment/sync.go (getNewReplicaSet: a new template makes a new ReplicaSet, scale: a new size
does not).
"""

from __future__ import annotations

from kaudit_setup.attribution.chain import NOTHING, Case, Creator, Finding, LastChange, Link, certain_if, note
from kaudit_setup.attribution.controllers.adoption import changed_just_before, ended
from kaudit_setup.attribution.controllers.common import nobody_known
from kaudit_setup.attribution.evidence.index import named
from kaudit_setup.attribution.evidence.requests import Request, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes


def deployment(case: Case) -> Finding:
    """Whoever made or changed the Deployment last before its ReplicaSet followed."""
    index, child = case.index, case.child
    index.look_up(named(case.owner))
    gone = None if case.certain or child.timeless else ended(index, case.owner, child.at)
    if gone is not None and not child.deleted:
        return _adopter(case, gone)
    requests, found = requested_changes(index, case.owner, child.at), NOTHING
    if child.cause is not None and creates(child.cause):
        case, requests, found = _without_scaling(case, requests)
    return found + (Finding(next=LastChange(case, tuple(requests))) if requests else nobody_known(case))


def _without_scaling(case: Case, requests: list[Request]) -> tuple[Case, list[Request], Finding]:
    """The changes that can make a new ReplicaSet: a scale never does, a new template does."""
    owner, child, found = case.owner, case.child.object, NOTHING
    kept = [request for request in requests if request.subresource != "scale"] or requests
    scaled = [r for r in requests if r.subresource == "scale" and kept and r.at > kept[-1].at]
    for request in scaled:
        found += note(f"{actor(request)} scaled {owner} at {request.time}, before {child} was made")
        # some of its Pods are there for the one, some for the other
        case = case.at_most(certain_if(request.user == kept[-1].user))
    return case, kept, found


def _adopter(case: Case, gone: Request) -> Finding:
    """The Deployment that the name tells was no more: another one had taken its ReplicaSet over."""
    index, owner, child = case.index, case.owner, case.child
    left = f"{actor(gone)} deleted {owner} at {gone.time} and left {child.object} to others"
    cause = changed_just_before(index, owner, child.at)
    if cause is None:
        return note(left, f"whose {child.object} was after that is not in this log")
    why = f"{actor(cause)} {doing(cause)} it {child.at - cause.at:.3f} s before {child.object} followed"
    link = Link(cause.object, cause, "inferred", why)
    return Finding((link,), cause, (left,), Creator(index, cause.object, cause))
