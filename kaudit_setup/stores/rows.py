"""Decoded lines → columns, many lines at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kaudit_setup.auditlog.decode import Lines, decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import STATS
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.stats import Count
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.timestamps import stamp_or_nothing
from kaudit_setup.stores.schema import COLUMNS, NEEDED, UNKNOWN_DAY

_NOT_AN_EVENT = Event("")
_DAY = len("2026-11-23")


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines of one unit, column by column. `lines`: their numbers in the unit, 1-based; `events`: 1 or 0;
    `columns`: in the order of COLUMNS.
    """

    lines: list[int]
    sizes: list[int]
    events: list[int]
    days: list[str]
    raws: list[bytes]
    columns: list[list[Any]]


def rows_of(unit: Unit, tally: Tally) -> Iterator[tuple[Rows, Count]]:
    """Every line of `unit` that is not blank, and what its events are like; see `decode_unit`."""
    for lines in decode_unit(unit, tally, project(NEEDED | STATS)):
        count = Count()
        count.take(lines)
        yield _rows(lines), count


def _rows(lines: Lines) -> Rows:
    flags = [int(event is not None) for event in lines.events]
    kept = [at for at, flag in enumerate(flags) if flag or lines.texts[at].strip()]
    events = [lines.events[at] or _NOT_AN_EVENT for at in kept]
    columns = [list(map(column.get, events)) for column in COLUMNS]
    return Rows(
        [lines.number(at) for at in kept],
        [lines.sizes[at] for at in kept],
        [flags[at] for at in kept],
        list(map(_day, columns[0])),
        [lines.texts[at] for at in kept],
        columns,
    )


def _day(time: str) -> str:
    return time[:_DAY] if stamp_or_nothing(time) else UNKNOWN_DAY
