"""The changes of a ReplicaSet's size: which of them its controller was busy with.

Source: pkg/controller/replicaset/replica_set.go:manageReplicas (makes what is missing; slowStartBatch).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.chain import Case
from kaudit_setup.attribution.controllers.pod_steps import creations, deleting, unbroken
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.timing import AT_ONCE, NEAR
from kaudit_setup.values import replace


class Waiting(msgspec.Struct, frozen=True):
    """The changes of a ReplicaSet's size that a Pod can have been made for; whether the Pods were `counted`."""

    requests: tuple[Request, ...] = ()
    counted: bool = False


class _Queue(msgspec.Struct, frozen=True):
    """The changes of a ReplicaSet's size whose Pods are still to be made, with how many (None: not known).

    `pause`: the seconds between two Pods after which the controller has stopped.
    """

    waiting: tuple[tuple[Request, int | None], ...] = ()
    pause: float = NEAR

    def after(self, request: Request, more: int | None) -> _Queue:
        """The queue after a change by so many Pods."""
        if more is None:
            return _Queue(((request, None),))
        if more > 0:
            begun = tuple(one for one in self.waiting if one[1] is not None) if self.pause == NEAR else ()
            return _Queue((*begun, (request, more)))
        return replace(self, pause=AT_ONCE) if more < 0 else self

    def less(self, made: int) -> _Queue:
        """The queue once so many Pods were made, for the first change first."""
        left: list[tuple[Request, int | None]] = []
        for request, count in self.waiting:
            used = min(count or 0, made)
            made -= used
            if count is None or count > used:
                left.append((request, None if count is None else count - used))
        return replace(self, waiting=tuple(left))


def last_shrink(
    index: EventIndex, requests: Sequence[Request], end: Request, owner: Object
) -> tuple[Request | None, bool]:
    """The last change that made a ReplicaSet smaller, as far as bodies tell, and whether its controller was still at
    that when it deleted a Pod by `end`. `requests`: what made and changed the ReplicaSet before.
    """
    smaller = [request for request, more in _resized(requests) if more is None or more < 0]
    if not smaller:
        return None, False
    steps = deleting(index, owner, end.controller)
    return smaller[-1], unbroken(smaller[-1].at, steps, end.at, NEAR)


def last_growth(requests: Sequence[Request]) -> Request | None:
    """The last change that made a ReplicaSet bigger, as far as bodies tell."""
    found = [request for request, more in _resized(requests) if more is None or more > 0]
    return found[-1] if found else None


def _growth(requests: Sequence[Request]) -> list[tuple[Request, int | None]]:
    """By how many Pods a ReplicaSet was to grow by each of `requests`; None if bodies do not tell."""
    before = [-1, *(request.facts.replicas for request in requests)]
    return [(request, _more(request, old)) for request, old in zip(requests, before, strict=False)]


def _more(request: Request, before: int) -> int | None:
    """By how many Pods a ReplicaSet of the size `before` (-1: not known) was to grow; None if bodies do not tell."""
    old, new = 0 if creates(request) else before, request.facts.replicas
    return new - old if min(new, old) >= 0 else None


def _resized(requests: Sequence[Request]) -> list[tuple[Request, int | None]]:
    """As `_growth`, without creates."""
    return [(request, more) for request, more in _growth(requests) if not creates(request)]


def unfulfilled(case: Case, requests: Sequence[Request]) -> Waiting:
    """The changes of a ReplicaSet's size that the child can have been made for: none if all had their Pods already,
    so that it took another's place. `requests`: what made and changed the ReplicaSet before.

    The Pods that were made since fulfil one change after the other. Where bodies do not tell how many each of them
    asked for, it is the last, as long as Pods are made at once and without a break. What the controller has begun it
    also ends, whoever wants fewer meanwhile (slowStartBatch).
    """
    child = case.child
    steps = creations(case.index, child.object, case.owner, child.at)
    done = sorted(at for at, refused in steps if not refused)
    ends = [*(request.at for request in requests[1:]), child.at]
    queue = _Queue()
    for (request, more), until in zip(_growth(requests), ends, strict=False):
        queue = queue.after(request, more).less(bisect_left(done, until) - bisect_left(done, request.at))
    busy = [(request, left) for request, left in queue.waiting if unbroken(request.at, steps, child.at, queue.pause)]
    return Waiting(tuple(request for request, _ in busy), any(left is not None for _, left in busy))
