"""What the Deployment controller followed when it made or changed a ReplicaSet.

Source: pkg/controller/deployment/sync.go (getNewReplicaSet: a new template makes a new ReplicaSet, scale: a new size
does not).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from kaudit_setup.attribution.chain import NOTHING, Case, Child, Creator, Finding, LastChange, Link, certain_if, note
from kaudit_setup.attribution.controllers.adoption import changed_just_before, deletion_before
from kaudit_setup.attribution.controllers.common import nobody_known
from kaudit_setup.attribution.evidence.actors import DEPLOYMENTS
from kaudit_setup.attribution.evidence.choose import earliest, last_that, without
from kaudit_setup.attribution.evidence.literals import begins, named
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import NEAR, PROMPT
from kaudit_setup.attribution.unlogged_changes import unlike_size
from kaudit_setup.units import counted


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
        lacking = _lacking(case, requests)
        if lacking is not None:
            return lacking
        found += Finding(proviso=_late(case, requests))
        case = case.at_most(certain_if(not found.proviso))
    elif _is_resized_later(child, requests):
        why = f"; nobody in this log changed it since {actor(requests[-1])} created it, at {requests[-1].time}"
        return Finding((case.at_most("inferred").link(None, why),), notes=(_unlogged_change(case),))
    elif _outgrew(child, requests) and (lacking := _lacking(case, requests)) is not None:
        # a new template makes another ReplicaSet grow
        return lacking
    elif made := _made_for_the_last(case, requests):
        last = requests[-1]
        why = (
            f"; {actor(last)} {doing(last)} it at {last.time}, and {child.object} was made after that, at {made.time}"
        )
        return Finding((case.at_most("inferred").link(None, why),), notes=(_unlogged_change(case),))
    found += note(unlike := unlike_size(child, requests))
    case = case.at_most(certain_if(not unlike))
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


def _lacking(case: Case, requests: Sequence[Request]) -> Finding | None:
    """What is said where another ReplicaSet was made for the last of `requests`, so that the change that made this
    one is not in the log; None if it may have made this one.
    """
    child = case.child
    # of a ReplicaSet whose create is not in the log, whoever made the Deployment may have made it, too
    at_once = (
        any(map(creates, requests)) if child.timeless else bool(requests) and child.at - requests[-1].at < PROMPT
    )
    if not requests or at_once:
        return None
    last, made = requests[-1], _made_between(case, requests[-1].at)
    if made is None:
        return None
    why = f"; {actor(last)} {doing(last)} it at {last.time}, but {made.object} was made for that, at {made.time}"
    return Finding((case.at_most("inferred").link(None, why),), notes=(_unlogged_change(case),))


def _unlogged_change(case: Case) -> str:
    return (
        f"the change of {case.owner} that {case.child.object} followed is not in this log, so its author is not known"
    )


def _outgrew(child: Child, requests: Sequence[Request]) -> bool:
    """Whether a ReplicaSet grew, and the last known change of its Deployment was not that of its size."""
    return child.grown and bool(requests) and not (creates(requests[-1]) or _scales(requests[-1]))


def _made_for_the_last(case: Case, requests: Sequence[Request]) -> Request | None:
    """The create of a ReplicaSet that got smaller, if it came after the last known change of its Deployment and that
    was not of its size: it was made for that, so that it got smaller for another; None otherwise.
    """
    child = case.child
    if child.grown or child.timeless or not requests or creates(requests[-1]) or _scales(requests[-1]):
        return None
    made = last_that(case.index.done(child.object, child.at), _by_the_controller)
    later = made is not None and requests[-1].at + case.index.tolerance <= made.at < child.at
    return made if later else None


def _is_resized_later(child: Child, requests: Sequence[Request]) -> bool:
    """Whether the controller changed the size of a ReplicaSet long after the Deployment was created, and the log has
    no change of that: a new Deployment's ReplicaSet has its size from the start (sync.go:getNewReplicaSet).
    """
    cause = child.cause
    if cause is None or not requests or not (changes(cause) and cause.controller == DEPLOYMENTS):
        return False
    return creates(requests[-1]) and child.at - requests[-1].at > NEAR


def _made_between(case: Case, since: float) -> Request | None:
    """The first create of another ReplicaSet of the Deployment from `since` on (Unix seconds), before the child."""
    index, child, owner = case.index, case.child, case.owner
    beginning = Object("apps", "replicasets", owner.namespace, f"{owner.name}-")
    index.look_up(begins(beginning))
    others = (one for one in index.starting(beginning) if one != child.object)
    own = (one for one in others if owner in {guess.owner for guess in guesses(one)})
    made = filter(_by_the_controller, chain.from_iterable(index.done(one) for one in own))
    return earliest(request for request in made if since + index.tolerance <= request.at < child.at)


def _by_the_controller(request: Request) -> bool:
    return creates(request) and request.controller == DEPLOYMENTS


def _late(case: Case, requests: Sequence[Request]) -> str:
    """What the sentence says where the last of `requests` came long before its ReplicaSet; empty if it did not."""
    child = case.child
    if not requests or child.timeless or child.at - requests[-1].at <= NEAR:
        return ""
    lag = counted(round(child.at - requests[-1].at), "second")
    return f"{child.object} was made {lag} later, so that the change that it was made for may not be in this log"


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
