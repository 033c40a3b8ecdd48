"""Which creates can have been for the object's owner: controllers create right after what they follow."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.creation.candidates import Candidates
from kaudit_setup.attribution.evidence.choose import writes
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.timing import PROMPT


class _Change(msgspec.Struct, frozen=True, order=True):
    """When something that makes such objects was made or changed (Unix seconds), whether it may own the object, and
    on which node the server is whose clock that was.
    """

    at: float
    own: bool
    node: str


def for_the_owner(candidates: Candidates, makers: Sequence[Request]) -> list[Request]:
    """The creates that can have been for the object's owner: not those that followed the change of another at once.

    A Pod meets the scheduler right after it is made, so that the last create before that is its own. Where the log
    names it first in another way, maybe long after, those count that followed a change of its own owner at once.
    """
    changed = _changes_of_owners(candidates)
    followed = [(request, _follows_own(changed, request)) for request in makers]
    possible = [request for request, own in followed if own is not False]
    if possible and candidates.fresh(possible[-1]):
        return possible
    prompt = [request for request, own in followed if own]
    return prompt or [request for request in possible if not request.by_kubernetes] or possible


def _changes_of_owners(candidates: Candidates) -> list[_Change]:
    """In order of time."""
    index, owners = candidates.index, candidates.owners
    others = index.starting(Object("apps", "replicasets", candidates.object.namespace, ""))
    written = (request for one in {*owners, *others} for request in filter(writes, index.done(one)))
    return sorted(_Change(request.at, request.object in owners, request.source.node) for request in written)


def _follows_own(changed: Sequence[_Change], maker: Request) -> bool | None:
    """Whether the last of `changed` that `maker` followed at once may be of the object's owner; None if none was, or
    if it only seems so by the clocks of two servers.
    """
    change = _last_before(changed, maker.at)
    if change is None or maker.at - change.at >= PROMPT:
        return None
    return change.own or (False if change.node == maker.source.node else None)


def _last_before(changed: Sequence[_Change], at: float) -> _Change | None:
    last = bisect_right(changed, at, key=lambda change: change.at)
    return changed[last - 1] if last else None
