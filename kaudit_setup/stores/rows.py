"""Decoded lines → columns, many lines at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import accumulate, compress, pairwise
from typing import Any

from kaudit_setup.auditlog.decode import Lines, decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import STATS
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.stats import Count
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.stores.schema import COLUMNS, NEEDED, UNKNOWN_DAY, columns_of

_PIECE_BYTES = 4 << 20
"""Bytes of lines that become columns together: each column has a price of its own, however short it is."""
_NOT_AN_EVENT = Event("")
_DAY = len("2026-11-23")


@dataclass(slots=True)
class Rows:
    """Lines of one unit, column by column. `lines`: their numbers in the unit, 1-based; `sizes`: their bytes with the
    newline; `events`: 1 or 0; `text`: the lines without their newlines, one behind the other; `columns`: in the order
    of COLUMNS.
    """

    lines: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)
    columns: list[list[Any]] = field(default_factory=lambda: [[] for _ in COLUMNS])

    def ends(self) -> list[int]:
        """Where each line begins in `text`, and where the last one ends."""
        return list(accumulate((size - 1 for size in self.sizes), initial=0))

    def texts(self) -> list[bytes]:
        """The lines without their newlines."""
        return [bytes(self.text[begin:end]) for begin, end in pairwise(self.ends())]

    def take(self, lines: Lines) -> None:
        """Add decoded lines, those that are blank left out."""
        events, sizes = lines.events, lines.sizes
        text = bytes(lines.block.view)
        if None in events:
            flags = [event is not None for event in events]
            keep = [flag or bool(line.strip()) for flag, line in zip(flags, lines.texts, strict=True)]
            text = b"\n".join(compress(lines.texts, keep))
            numbers = list(compress(lines.numbers(), keep))
            sizes, found = list(compress(sizes, keep)), [one or _NOT_AN_EVENT for one in compress(events, keep)]
            self.events += map(int, compress(flags, keep))
        else:
            numbers, found = list(lines.numbers()), [one for one in events if one is not None]
            self.events += [1] * len(events)
        self.lines += numbers
        self.sizes += sizes
        self.text += text.replace(b"\n", b"")
        for values, more in zip(self.columns, columns_of(found), strict=True):
            values += more
        self.days += [_day(time[:_DAY]) for time in self.columns[0][len(self.days) :]]


def rows_of(unit: Unit, tally: Tally) -> Iterator[tuple[Rows, Count]]:
    """Every line of `unit` that is not blank, and what its events are like; see `decode_unit`."""
    rows, count = Rows(), Count()
    for lines in decode_unit(unit, tally, project(NEEDED | STATS)):
        count.take(lines)
        rows.take(lines)
        if len(rows.text) >= _PIECE_BYTES:
            yield rows, count
            rows, count = Rows(), Count()
    yield rows, count


@lru_cache(maxsize=4096)
def _day(begin: str) -> str:
    """The day that a timestamp which begins so is of."""
    try:
        return date.fromisoformat(begin).isoformat()
    except ValueError:
        return UNKNOWN_DAY
