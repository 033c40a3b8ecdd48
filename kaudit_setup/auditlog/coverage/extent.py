"""How many hours logs cover: what rates are computed from."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.scan_statistics import GAP_SECONDS
from kaudit_setup.auditlog.timestamps import ALWAYS, Span, Window, seconds, without

_UNUSUAL = 10  # times the usual pause


class Extent(msgspec.Struct, frozen=True):
    """How much time logs cover. `hours`: without gaps that are unusual for them; `gaps`: the hours in between that no
    log covers.
    """

    hours: float
    gaps: float


def extent(cover: Iterable[Coverage], window: Window = ALWAYS) -> Extent:
    """The time in `window` that any of these logs covers; an hour that two of them cover is one hour.

    Rates are computed from it. A gap that is not a usual pause does not count: what happened in it is unknown.
    """
    wholes: list[Span] = []
    parts: list[Span] = []
    for one in cover:
        if one.first:
            whole = window.clip(one.first, one.last)
            wholes.append(whole)
            parts += without([whole], _missing(one))
    seen, covered = without(wholes), without(parts)
    between = without([(seen[0][0], seen[-1][1])], covered) if seen else []
    return Extent(_hours(covered), _hours(between))


def _missing(cover: Coverage) -> list[Span]:
    """The gaps that are ten times as long as the log's usual pause.

    A policy that logs little makes a log of bursts; the pauses between them count as covered time.
    """
    gaps = [(seconds(begin), seconds(end)) for begin, end in cover.gaps]
    whole = seconds(cover.last) - seconds(cover.first)
    # where there is no gap, the pauses are at most GAP_SECONDS long
    pauses = (whole - sum(end - begin for begin, end in gaps)) / GAP_SECONDS + len(gaps)
    return [
        (begin, end)
        for begin, end in gaps
        if end - begin > _UNUSUAL * max(GAP_SECONDS, (whole - (end - begin)) / pauses)
    ]


def _hours(spans: Iterable[Span]) -> float:
    return sum(end - begin for begin, end in spans) / 3600
