"""The algebra behind every proof about a policy: sets of requests as boxes, and what is left of one after others.

A request is a point; a box is a product of sets, one for each dimension, each a bit mask over the finitely many
classes of `classes.Space`. Only the groups of the requester are special, because a user is in any number of them:
a box says of them "in none of `never`" and "in at least one of each of `some`". Both are closed under what a policy
can ask, so that the difference of boxes is a union of boxes and every answer is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

USER, VERB, WHERE, NAMESPACE, NAME = range(5)


class Box(NamedTuple):
    """A set of requests: `at` holds a mask for each of USER, VERB, WHERE, NAMESPACE, NAME."""

    at: tuple[int, ...]
    never: int = 0
    some: tuple[int, ...] = ()


def meet(a: Box, b: Box) -> Box | None:
    """What is in both; None if nothing is."""
    at = tuple(x & y for x, y in zip(a.at, b.at, strict=True))
    if not all(at):
        return None
    never = a.never | b.never
    some = a.some + tuple(clause for clause in b.some if clause not in a.some)
    if never and any(not clause & ~never for clause in some):
        return None
    return Box(at, never, some)


def intersections(region: Iterable[Box], others: Iterable[Box]) -> list[Box]:
    """The non-empty meetings of two unions."""
    kept = tuple(others)
    return [both for a in region for b in kept if (both := meet(a, b)) is not None]


def remainder(region: Box, minus: Sequence[Box]) -> Iterator[Box]:
    """Disjoint boxes that make up `region` without every box of `minus` (rules: at most one clause, no `never`).

    Depth first: taking the first is enough to know whether anything is left. Where a box of `minus` leaves only one
    way around it, that way is taken before anything is tried, which keeps large policies from fanning out.
    """
    stack: list[tuple[Box, Sequence[Box]]] = [(region, minus)]
    while stack:
        box, candidates = stack.pop()
        live = [other for other in candidates if _touch(box, other)]
        if not live:
            yield box
            continue
        best, excess = _nearest(box, live)
        if excess:
            rest = [other for other in live if other is not best]
            stack.extend((piece, rest) for piece in _outside(box, best))


def _nearest(box: Box, live: Sequence[Box]) -> tuple[Box, int]:
    """The box that `box` reaches beyond in the fewest dimensions, and in how many; one or none ends the search."""
    best, fewest = live[0], len(box.at) + 2
    for other in live:
        excess = _excess(box, other)
        if excess < fewest:
            best, fewest = other, excess
            if excess <= 1:
                break
    return best, fewest


def witness(region: Iterable[Box], minus: Sequence[Box]) -> Box | None:
    """Some part of `region` that no box of `minus` covers, or None: the proof that there is none."""
    for box in region:
        found = next(remainder(box, minus), None)
        if found is not None:
            return found
    return None


def _touch(box: Box, other: Box) -> bool:
    (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4) = box.at, other.at
    if a0 & b0 and a1 & b1 and a2 & b2 and a3 & b3 and a4 & b4:
        return not other.some or bool(other.some[0] & ~box.never)
    return False


def _excess(box: Box, other: Box) -> int:
    """In how many dimensions `box` reaches beyond `other`; 0 means that `other` covers it."""
    (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4) = box.at, other.at
    count = bool(a0 & ~b0) + bool(a1 & ~b1) + bool(a2 & ~b2) + bool(a3 & ~b3) + bool(a4 & ~b4)
    # "in one of these groups" does not limit anything where each member of the box is in one of them anyway
    free = other.some and all(have & ~box.never & ~other.some[0] for have in box.some)
    return count + bool(free)


def _outside(box: Box, other: Box) -> Iterator[Box]:
    """Disjoint boxes that make up `box` without `other`."""
    at = list(box.at)
    for i, limit in enumerate(other.at):
        beyond = at[i] & ~limit
        if beyond:
            yield box._replace(at=(*at[:i], beyond, *at[i + 1 :]))
            at[i] &= limit
    for clause in other.some:
        never = box.never | clause
        if all(have & ~never for have in box.some):
            yield Box(tuple(at), never, box.some)
