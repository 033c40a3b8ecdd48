"""Why nobody is named: nobody did it, the log begins later, the policy left it out, or a log is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import lifetimes
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.unanswered.missing_logs import missing_nodes, missing_time
from kaudit_setup.attribution.unanswered.policy_gaps import unlogged
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.policy.model import Policy

_DID: Final = {"exec": "went into"}
_ASK_WITH_POLICY: Final = "give --policy FILE to know."


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question whose object's own request is not known.

    `policy`: the one in force, if it is at hand. `known`: the reason, where the log shows it. `followed`: although no
    request for the object is known, what is above it has an answer.
    """

    verb: str
    object: Object
    policy: Policy | None = None
    known: str = ""
    followed: bool = False


def reasons(index: EventIndex, question: Unanswered, coverage: Sequence[Coverage]) -> list[str]:
    """Sentences that say why nobody is named, the weightiest first."""
    first = min(filter(None, (each.first for each in coverage)), default="")
    last = max((each.last for each in coverage), default="")
    if not first:
        return ["There is no event in this log."]
    return [*_reason(index, question, first, last), *missing_time(coverage), *missing_nodes(index, coverage)]


def _reason(index: EventIndex, question: Unanswered, first: str, last: str) -> list[str]:
    """The reason itself; the log covers `first` to `last`."""
    if question.known:
        return [f"{question.known}."]
    if left_out := unlogged(question.policy, question.verb, question.object):
        return left_out
    alive = index.done(question.object)
    if question.verb == "created" and alive:
        return _created_before(question, alive, first)
    did, obj = _DID.get(question.verb, question.verb), question.object
    nobody = (
        f"Nobody in this log {did} {obj}: no successful request to do so is in it, and it covers {first} to {last}."
    )
    return [nobody, *_doubts(question, alive)]


def _doubts(question: Unanswered, alive: Sequence[Request]) -> list[str]:
    """What may be behind it that nobody did it: the name, or the policy. `alive`: what was done to the object."""
    if not alive:
        doubt = "" if question.followed else "; is the name, the namespace right?"
        return [f"No successful request in this log names {question.object} at all{doubt or '.'}"]
    if question.policy is None and question.verb in {"read", "exec"}:
        return [f"Or the policy did not log it: {_ASK_WITH_POLICY}"]
    return []


def _created_before(question: Unanswered, alive: Sequence[Request], first: str) -> list[str]:
    """Why the log does not have the create of an object that it shows later: `alive` is what was done to all that
    bore its name, and the log begins at `first`.
    """
    obj, since = question.object, lifetimes(alive)[-1].since
    own = [request for request in alive if request.at >= since]
    bound = next((request for request in own if request.subresource == "binding"), None)
    if bound is not None:
        made = f"{obj} was made while this log was written, just before it was bound to a node at {bound.time}"
        return [f"{made}; the request is not in it: the policy did not log it, or another node's log has it."]
    if since:
        return [f"{obj} was there at {own[0].time}, another one than before; who made it is not in this log."]
    there = f"{obj} was there already at {own[0].time}, when it is first mentioned"
    said = [f"The log does not reach back that far: {there}, and the log begins at {first}."]
    return said if question.policy else [*said, f"Or the policy did not log who made it: {_ASK_WITH_POLICY}"]
