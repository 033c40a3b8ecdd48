"""Clocks of servers that cannot be right, as the times of a chain tell: an object was met before it was created."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import is_named_once
from kaudit_setup.attribution.evidence.requests import Request, creates, deletes

_APART: Final = 0.1
"""Seconds from which on it is said: clocks that are kept (NTP) differ by less."""


def clocks_apart(index: EventIndex, links: Sequence[Link]) -> str:
    """Whose clocks contradict each other, and by how much at least; empty if none do, or only one server is known.

    An object is met only after its create was received, and what a body names as its owner was created before it.
    Where one server's times say otherwise than another's, one of them is wrong.
    """
    found = max([*_met_too_early(index, links), *_made_too_early(links)], key=_seconds, default=None)
    if found is None:
        return ""
    early, late = found
    clocks = f"the clocks of {early.source.node} and {late.source.node} are at least {_seconds(found):.1f} s apart"
    seems = f"{early.object} was there at {early.time}, before {late.object} was created at {late.time}"
    return f"{clocks}: by them {seems}; what came first is not told by the times of two nodes"


def _seconds(found: tuple[Request, Request]) -> float:
    early, late = found
    return late.at - early.at


def _met_too_early(index: EventIndex, links: Sequence[Link]) -> Iterator[tuple[Request, Request]]:
    """What met an object of the chain before the request that created it was received."""
    for create in _creates(links):
        before = [one for one in index.done(create.object, create.at) if _contradicts(one, create)]
        yield from ((one, create) for one in before[:1] if not any(map(deletes, before)))


def _made_too_early(links: Sequence[Link]) -> Iterator[tuple[Request, Request]]:
    """What was created before its owner, of which a body says that it is."""
    for below, above in pairwise(links):
        if below.request is None or above.request is None or above.confidence != "certain":
            continue
        if creates(above.request) and _contradicts(below.request, above.request):
            yield below.request, above.request


def _creates(links: Sequence[Link]) -> Iterator[Request]:
    return (link.request for link in links if link.request is not None and creates(link.request))


def _contradicts(early: Request, late: Request) -> bool:
    """Whether `early`, which needs what `late` created, came too early by the clock of another server."""
    if early.source.node == late.source.node or late.at - early.at < _APART:
        return False
    return early.object != late.object or _is_same(early, late)


def _is_same(one: Request, other: Request) -> bool:
    """Whether two requests on one name were on one object: its UID says so, or the server made up the name."""
    if one.facts.uid and other.facts.uid:
        return one.facts.uid == other.facts.uid
    return is_named_once(one.object)
