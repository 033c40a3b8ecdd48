"""Which of several requests: the first or the last one, by time and by what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf

from kaudit_setup.attribution.evidence.requests import Request, changes, creates, deletes
from kaudit_setup.attribution.timing import NEAR


def when(request: Request) -> float:
    """When a request was received (Unix seconds); the key to sort by."""
    return request.at


def latest(requests: Iterable[Request]) -> Request | None:
    """The request that came last; the first of them if several came at once."""
    return max(requests, key=when, default=None)


def earliest(requests: Iterable[Request]) -> Request | None:
    """The request that came first; the first of them if several came at once."""
    return min(requests, key=when, default=None)


def last_that(requests: Sequence[Request], did: Callable[[Request], bool]) -> Request | None:
    """The last in a sequence that did something."""
    return next(filter(did, reversed(requests)), None)


def up_to(requests: Iterable[Request], at: float) -> list[Request]:
    """The requests that came no later than `at` (Unix seconds)."""
    return [request for request in requests if request.at <= at]


def by_a_clock_ahead(
    requests: Iterable[Request], known: Sequence[Request], follower: Request, tolerance: float
) -> list[Request]:
    """The one of `requests` that `follower` may have followed though it seems to have come after it: the next that
    another server logged, within the `tolerance` of the clocks, unless one of those `known` came right before.
    """
    if known and shortly_before(known[-1], follower.at, NEAR):
        return []
    later = (request for request in requests if follower.at < request.at <= follower.at + tolerance)
    return [request for request in later if request.source.node != follower.source.node][:1]


def without(requests: Iterable[Request], did: Callable[[Request], bool]) -> list[Request]:
    """The requests that did something else."""
    return [request for request in requests if not did(request)]


def shortly_before(request: Request, at: float, within: float) -> bool:
    """Whether a request came before `at`, by less than so many seconds."""
    return 0 <= at - request.at < within


def lifespan(requests: Sequence[Request]) -> tuple[float, float]:
    """From when to when one name was there, as the `requests` say that took effect on it, in order of time (Unix
    seconds): what was listed before or after did not show it.
    """
    known = [request for request in requests if creates(request) or deletes(request)]
    begin = known[0].at if known and creates(known[0]) else 0.0
    return begin, known[-1].at if known and deletes(known[-1]) else inf


def writes(request: Request) -> bool:
    """Whether a request created or changed its object."""
    return creates(request) or changes(request)


def by_somebody(request: Request) -> bool:
    """Whether somebody else than Kubernetes did it, and it took effect."""
    return request.done and not request.by_kubernetes
