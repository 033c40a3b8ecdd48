"""Owners whose objects are as old as they are: a Job, a CronJob, a Service, a namespace, a custom kind."""

from __future__ import annotations

from kaudit_setup.attribution.chain import NOTHING, Case, Finding, LastChange, note
from kaudit_setup.attribution.controllers.common import check_completeness, nobody_known
from kaudit_setup.attribution.controllers.replacements import missing_pod, replacement_note
from kaudit_setup.attribution.creation.step import creation_of
from kaudit_setup.attribution.evidence.first_seen import mentions
from kaudit_setup.attribution.evidence.literals import named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import is_generated
from kaudit_setup.attribution.evidence.requests import changes, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes, spec_requests
from kaudit_setup.attribution.timing import AT_ONCE, NEAR
from kaudit_setup.values import replace


def job(case: Case) -> Finding:
    """A Job: its controller follows a change of parallelism, or of suspend, at once; else whoever made the Job."""
    _look_up(case)
    gone = None if case.child.deleted or case.child.timeless else missing_pod(case)
    found = note(replacement_note(case.index, case.owner, gone)) if gone is not None else NOTHING
    return found + (_just_changed(case, AT_ONCE) or any_owner(case))


def service(case: Case) -> Finding:
    """A Service: its Endpoints are changed for a new selector, and else made with it."""
    _look_up(case)
    if not _altered(case):
        return any_owner(case)
    case = case.at_most("inferred")
    return _just_changed(case, NEAR) or any_owner(case)


def any_owner(case: Case) -> Finding:
    """Whoever made the owner; who changed it later is said too."""
    _look_up(case)
    index, child, owner = case.index, case.child, case.owner
    creation = creation_of(index, owner, child.at + index.tolerance, seen_at=_seen_at(case))
    create, found = creation.request, note(creation.note) + Finding(proviso=creation.proviso)
    if create is None:
        above = replace(case.above(child.at, None, "inferred", None), timeless=True)
        return found + nobody_known(case) + Finding(next=above)
    case = case.at_most(creation.confidence)
    case, doubt = check_completeness(case, [create])
    why = "" if creation.confidence == "certain" else f"; {creation.why}"
    found += doubt + Finding((case.link(create, why),)) + note(*_later_changes(case))
    if create.controller:
        return found + Finding(next=case.above(create.at, create, case.known.confidence, create))
    return found + Finding(root=create)


def _look_up(case: Case) -> None:
    owner = case.owner
    case.index.look_up([*named(owner), *([nameless_requests(owner)] if is_generated(owner.name) else [])])


def _altered(case: Case) -> bool:
    """Whether the child was changed, not made."""
    return case.child.request is not None and changes(case.child.request)


def _just_changed(case: Case, within: float) -> Finding | None:
    """The last change of the owner, if one came so many seconds before the child at most."""
    requests = requested_changes(case.index, case.owner, case.child.at)
    changed = any(not creates(request) and case.child.at - request.at < within for request in requests)
    return Finding(next=LastChange(case, tuple(requests))) if changed and not case.child.timeless else None


def _later_changes(case: Case) -> list[str]:
    """Who changed the owner after it was made, before the child."""
    owner, child = case.owner, case.child
    then = "was changed" if _altered(case) else "was made"
    return [
        f"{actor(request)} {doing(request)} {owner} at {request.time}, before {child.object} {then}"
        for request in spec_requests(case.index, owner, child.at)
        if not creates(request) and not request.by_kubernetes
    ]


def _seen_at(case: Case) -> float:
    """From when on the owner was there, as the child shows, or what the log says of it before that if the server made
    up its name: what was asked for later did not make it.
    """
    index, owner, at = case.index, case.owner, case.child.at
    known = [request.at for request in index.on(owner) if request.done]
    if is_generated(owner.name) and not any(map(creates, index.on(owner))):
        known += [request.at for request in mentions(index, [owner])]
    return min((one for one in known if one <= at), default=at)
