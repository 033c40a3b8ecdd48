"""What was deleted because something above it was: the deletion of that, as the next link of a chain."""

from __future__ import annotations

from kaudit_setup.attribution.chain import Confidence, DeletionCase, Finding, Link, note, weakest
from kaudit_setup.attribution.deletion.request import Deletion, deletion_of
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import shown_since
from kaudit_setup.attribution.evidence.literals import bulk_deletions, named
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.timing import AT_ONCE


def deletion_link(index: EventIndex, obj: Object, deletion: Deletion, before: float, depth: int = 0) -> Finding:
    """The link of an object that was deleted; its root, or the controller that deleted it as the next question.

    `depth`: how many links the chain has before.
    """
    request = deletion.request
    link = Link(obj, request, deletion.confidence, deletion.why)
    if request.controller:
        return Finding((link,), next=DeletionCase(index, obj, request, deletion.confidence, before, depth + 1))
    what = "is a static Pod:" if deletion.confidence == "certain" else "may be a static Pod: then"
    manifest = f"{obj} {what} its manifest file on node {request.node} was removed or changed"
    return Finding((link,), request) + note(manifest if request.node else "")


def deleted_with(case: DeletionCase, owner: Object, confidence: Confidence, why: str) -> Finding | None:
    """The deletion of `owner`, if it came before that in `case`; None if the log does not have it."""
    index, at = case.index, case.request.at
    index.look_up([*named(owner), *bulk_deletions(owner)])
    aside, found = _within_tolerance(index, owner, at)
    if found is None or _before_it_was_made(case, found.request):
        return None
    reason = why if found.confidence == "certain" else f"{why}; {found.why}"
    deletion = Deletion(found.request, weakest(confidence, found.confidence), reason)
    return note(*aside.notes) + deletion_link(index, owner, deletion, at, case.depth)


def _within_tolerance(index: EventIndex, owner: Object, at: float) -> tuple[Finding, Deletion | None]:
    """What is said of the deletions of `owner` before `at`, by whatever clock, and the last one."""
    search = deletion_of(index, owner, at)
    if search.deletion is not None or not index.tolerance:
        return search.aside, search.deletion
    later = deletion_of(index, owner, at + index.tolerance)
    return search.aside + later.aside, later.deletion


def _before_it_was_made(case: DeletionCase, end: Request) -> bool:
    """Whether what `end` deleted was gone before the object in `case` was made: then that was made for another one.

    A controller may go on for a moment, unless its owner was made again.
    """
    index = case.index
    since = shown_since(index.on(case.object), case.request.at)
    if end.at >= since - index.tolerance:
        return False
    again = any(end.at < request.at for request in filter(creates, index.done(end.object, since)))
    return again or since - end.at > AT_ONCE
