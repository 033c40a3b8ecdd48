"""Why nobody is named: nothing was found, the log begins later, the policy left it out, or a log is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import lifetimes
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.trust.spans import common_span
from kaudit_setup.attribution.unanswered.codes import Because, Reason
from kaudit_setup.attribution.unanswered.missing_logs import missing_time
from kaudit_setup.auditlog.coverage.node import Coverage

if TYPE_CHECKING:
    from kaudit_setup.policy.model import Policy

_NOTHING: Final = {
    "created": "No successful create of",
    "changed": "No successful change of",
    "deleted": "No successful deletion of",
    "read": "No successful read of",
    "exec": "No successful exec, attach, port-forward or proxy request into",
    "touched": "No successful request on",
}
_FEW: Final = 5
_CHECK: Final = "check with --policy FILE."


class Unanswered(msgspec.Struct, frozen=True):
    """A question whose object's own request is not known.

    `policy`: the one in force, if it is at hand. `known`: the reason, where the log shows it, of kind `why`.
    `followed`: although no request for the object is known, what is above it has an answer. `namespaces`: those that
    have one of that name.
    """

    verb: str
    object: Object
    policy: Policy | None = None
    known: str = ""
    why: Reason = Reason.not_in_log
    followed: bool = False
    namespaces: frozenset[str] = frozenset()


def reasons(index: EventIndex, question: Unanswered, coverage: Sequence[Coverage]) -> list[Because]:
    """Sentences that say why nobody is named, the weightiest first."""
    if not any(each.first for each in coverage):
        return [Because(Reason.no_events, "This log holds no events.")]
    first, last = common_span(coverage)
    gaps = (Because(Reason.log_missing, gap) for gap in missing_time(coverage))
    return [*_reason(index, question, first, last), *gaps]


def _left_out(question: Unanswered) -> list[str]:
    """What the policy keeps out of the log; its rules are loaded only where one is at hand."""
    if question.policy is None:
        return []
    from kaudit_setup.attribution.unanswered.policy_gaps import unlogged

    return unlogged(question.policy, question.verb, question.object)


def _reason(index: EventIndex, question: Unanswered, first: str, last: str) -> list[Because]:
    """The reason itself; the log covers `first` to `last`."""
    if question.known:
        return [Because(question.why, f"{question.known}.")]
    if left_out := _left_out(question):
        return [Because(Reason.not_logged, sentence) for sentence in left_out]
    alive = index.done(question.object)
    if question.verb == "created" and alive:
        return [Because(Reason.not_in_log, sentence) for sentence in _created_before(question, alive, first)]
    nothing = f"{_NOTHING[question.verb]} {question.object} found in this log ({_span(first, last)})."
    doubts = _doubts(question, alive)
    why = Reason.not_done if alive else next((doubt.reason for doubt in doubts if doubt.reason), None)
    return [Because(why, nothing), *doubts]


def _span(first: str, last: str) -> str:
    return f"covers {first} to {last}" if first <= last else "its servers' logs have no time in common"


def _doubts(question: Unanswered, alive: Sequence[Request]) -> list[Because]:
    """Why nothing may be found although somebody did it: a wrong name, or the policy. `alive`: what is found."""
    if not alive:
        if elsewhere := _other_namespaces(question):
            it_is = f"one of that name is in namespace {', '.join(elsewhere)}"
            named = (
                f"No successful request in this log names {question.object}, but {it_is}: write -n {elsewhere[0]}."
            )
            return [Because(Reason.other_namespace, named)]
        advice = "" if question.followed else " Check the name and the namespace."
        return [
            Because(Reason.not_found, f"No successful request in this log names {question.object}.{advice}"),
        ]
    if question.policy is None and question.verb in {"read", "exec"}:
        return [Because(None, f"The policy may not log this; {_CHECK}")]
    return []


def _other_namespaces(question: Unanswered) -> list[str]:
    """Other namespaces in which the log has an object of this kind and name, the first few."""
    here = question.object.namespace
    return sorted(question.namespaces - {"", here})[:_FEW] if here else []


def _created_before(question: Unanswered, alive: Sequence[Request], first: str) -> list[str]:
    """Why the log does not have the create of an object that it shows later: `alive` is what was done to all that
    bore its name, and the log begins at `first`.
    """
    obj, since = question.object, lifetimes(alive)[-1].since
    own = [request for request in alive if request.at >= since]
    bound = next((request for request in own if request.subresource == "binding"), None)
    if bound is not None:
        made = f"{obj} was created while this log was written, just before it was bound to a node at {bound.time}"
        return [f"{made}. The create is missing: the policy did not log it, or it is in another node's log."]
    if since:
        return [f"{obj} existed at {own[0].time} and is not the one before it; its create is not in this log."]
    said = [f"{obj} already existed at {own[0].time}, when this log first mentions it; the log begins at {first}."]
    return said if question.policy else [*said, f"The policy may not log its creation; {_CHECK}"]
