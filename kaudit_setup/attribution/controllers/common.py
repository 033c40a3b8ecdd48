"""What several rules say about an owner: it was made again, nobody is known, the log lacks a change."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Case, Child, Finding, certain_if, note
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
        case.index.take_reports(owner, named(owner))
    if of_another_lifetime(child.request, requests):
        return f"the {owner} that {child.object} belongs to was made by a request that is not in this log"
    if incomplete(case.index, owner, child.at):
        return f"the log lacks a change of {owner} before {child.object} followed: who made that change is not known"
    return _of_another_size(child, owner, requests)


def _of_another_size(child: Child, owner: Object, requests: Sequence[Request]) -> str:
    """That a StatefulSet's Pod was made, or deleted, for a number of Pods that nobody in the log asked for; empty if
    it may be for the last one. Its Pods have the numbers below its size
    (pkg/controller/statefulset/stateful_set_control.go:updateStatefulSet).
    """
    size = _size(requests)
    if owner.resource != "statefulsets" or child.timeless or size < 0 or not _unlike(child, size, requests[-1]):
        return ""
    asked = f"the last known size of {owner} is {size}"
    return f"{asked}, which does not explain {child.object}: another change of it is not in this log"


def _unlike(child: Child, size: int, last: Request) -> bool:
    """Whether a Pod was made although it is beyond `size`, or deleted for `last`, a new size, although it is not."""
    number = child.object.name.rpartition("-")[2]
    if not number.isdigit():
        return False
    within = int(number) < size
    return within and last.subresource == "scale" if child.deleted else not within


def _size(requests: Sequence[Request]) -> int:
    """How many Pods were asked for last; -1 if the bodies do not tell."""
    for request in reversed(requests):
        if request.facts.replicas >= 0 or not request.facts.body:
            return request.facts.replicas
    return -1


def recreation_note(index: EventIndex, obj: Object, made: Request) -> str:
    """Who deleted `obj`, if it was made again at once by `made`; empty if nobody did."""
    deleted = [r for r in index.on(obj) if r.done and deletes(r) and 0 <= made.at - r.at <= NEAR]
    if not creates(made) or not deleted or deleted[-1].by_kubernetes:
        return ""
    return f"{obj} was made again after {actor(deleted[-1])} deleted it at {deleted[-1].time}"
