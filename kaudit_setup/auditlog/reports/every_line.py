"""A second look at a log in which nothing was found: whether each of its lines can be read at all, and which values
there are.

A search looks at how lines begin and end; a line that is damaged in its middle may be the one that is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.coverage.unreadable import together
from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import DIMENSIONS
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.search import CHECK_BELOW_BYTES
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource

_MOST_EVENTS = 100_000  # of different ones that are held at once
_MOST_VALUES = 100_000

_Values = dict[str, Counter[str]]


class EveryLine:
    """All lines of a log, decoded in one reading when that is first asked for."""

    def __init__(self, logs: LogSource, dimensions: Mapping[str, Filter]) -> None:
        """`dimensions`: of which the values are asked for, and of which events."""
        self._logs = logs
        self._dimensions = dimensions

    def values(self, dimension: str) -> Counter[str] | None:
        """What events have there, each with how many, of a hundred thousand the most frequent; None if it is not one
        of the dimensions.
        """
        return self._read[1][dimension] if dimension in self._dimensions else None

    def added_to(self, cover: Sequence[Coverage]) -> tuple[Coverage, ...]:
        """`cover` with the lines that cannot be read; as it is where the log is large, or not on this machine."""
        logs = self._logs
        if not isinstance(logs, LocalLogs) or any(file.once for file in logs.files):
            return tuple(cover)
        if sum(file.size for file in logs.files) > CHECK_BELOW_BYTES:
            return tuple(cover)
        found = {one.log: one for one in coverage(logs.files, self._read[0])}
        return tuple(_with(one, found[one.log]) if one.log in found else one for one in cover)

    @cached_property
    def _read(self) -> tuple[dict[str, Tally], _Values]:
        tallies: dict[str, Tally] = {}
        whole: _Values = {dimension: Counter() for dimension in self._dimensions}
        if not isinstance(self._logs, LocalLogs):
            return tallies, whole

        def work(unit: Unit, tally: Tally) -> Iterator[_Values]:
            return _values(unit, tally, self._dimensions)

        for _, _, part in scan(self._logs.files, work, tallies):
            for dimension, values in part.items():
                _add(whole[dimension], values)
        self._logs.tallies.update(tallies)
        return tallies, whole


def _values(unit: Unit, tally: Tally, dimensions: Mapping[str, Filter]) -> Iterator[_Values]:
    """The values of one unit. They are looked at once for each kind of event that was met."""
    fields = {name for one in dimensions for name in DIMENSIONS[one].fields | dimensions[one].fields()}
    found: _Values = {dimension: Counter() for dimension in dimensions}
    kinds: Counter[Event | None] = Counter()
    for lines in decode_unit(unit, tally, project(fields, with_id=False)):
        kinds.update(lines.events)
        if len(kinds) > _MOST_EVENTS:
            _sort(kinds, dimensions, found)
    _sort(kinds, dimensions, found)
    yield found


def _sort(kinds: Counter[Event | None], dimensions: Mapping[str, Filter], into: _Values) -> None:
    """Move what `kinds` holds to the values of each dimension."""
    for dimension, wanted in dimensions.items():
        fits, get = wanted.test(), DIMENSIONS[dimension].get
        counts: Counter[str] = Counter()
        for one, count in kinds.items():
            if one is not None and fits(one):
                counts[get(one)] += count
        _add(into[dimension], counts)
    kinds.clear()


def _add(values: Counter[str], more: Mapping[str, int]) -> None:
    values.update(more)
    if len(values) > _MOST_VALUES:
        for value, _ in values.most_common()[_MOST_VALUES // 2 :]:
            del values[value]


def _with(cover: Coverage, other: Coverage) -> Coverage:
    return msgspec.structs.replace(
        cover,
        damaged=max(cover.damaged, other.damaged),
        unreadable=together(other.unreadable, cover.unreadable),
    )
