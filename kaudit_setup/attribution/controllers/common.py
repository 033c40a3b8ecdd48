"""What several rules say about an owner: it was made again, nobody is known, the log lacks a change."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Case, Finding, certain_if, note
from kaudit_setup.attribution.controllers.set_sizes import of_another_size
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import incomplete, of_another_lifetime
from kaudit_setup.attribution.timing import NEAR, PROMPT


def nobody_known(case: Case) -> Finding:
    """End the chain, as far as it is known, at an owner that nobody in the log made or changed."""
    owner = case.owner
    said = f"the log does not reach back to whoever made {owner}, or the policy did not log it"
    return Finding((case.link(None, f"; the log does not show who made {owner}"),), notes=(said,))


def check_completeness(case: Case, requests: Sequence[Request]) -> tuple[Case, Finding]:
    """The case, if it is certain no surer than the log is complete, and a note where the log is not.

    `requests`: what is known to be behind what the child followed.
    """
    lacking = _lacking(case, requests) if case.certain else ""
    return case.at_most(certain_if(not lacking)), note(lacking) + Finding(proviso=lacking)


def _lacking(case: Case, requests: Sequence[Request]) -> str:
    """Why the log surely has not all that the child followed; empty if it may have."""
    child, owner = case.child, case.owner
    if requests and child.at - requests[-1].at > PROMPT:
        case.index.hear_reports(owner, named(owner))
    if of_another_lifetime(child.request, requests):
        return f"the {owner} that {child.object} belongs to was made by a request that is not in this log"
    if incomplete(case.index, owner, child.at):
        return f"the log lacks a change of {owner} before {child.object} followed: who made that change is not known"
    return of_another_size(child, owner, requests)


def recreation_note(index: EventIndex, obj: Object, made: Request) -> str:
    """Who deleted `obj`, if it was made again at once by `made`; empty if nobody did."""
    deleted = [r for r in index.on(obj) if r.done and deletes(r) and 0 <= made.at - r.at <= NEAR]
    if not creates(made) or not deleted or deleted[-1].by_kubernetes:
        return ""
    return f"{obj} was made again after {actor(deleted[-1])} deleted it at {deleted[-1].time}"
