"""Decoded lines → columns, many lines at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import compress
from operator import attrgetter
from typing import Any, cast

from kaudit_setup.auditlog.decode import Lines, decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import STATS
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.stats import Count
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.stores.schema import FAMILIES, NEEDED, OWN, UNKNOWN_DAY, Family, Reader

_PIECE_BYTES = 8 << 20
"""Bytes of lines that become columns together: each column has a price of its own, however short it is."""
_NOT_AN_EVENT = Event("")
_DAY = len("2026-11-23")
_version = attrgetter("api_version")


class _Numbers(dict[Hashable, int]):
    """Numbers what it is asked for, in the order in which it was asked first."""

    def __missing__(self, key: Hashable) -> int:
        self[key] = number = len(self)
        return number


@dataclass(slots=True)
class Shared:
    """The columns of a family. `values`: of each combination of values that was met, column by column; `codes`: for
    each line, which of them it has.
    """

    reader: Reader
    codes: list[int] = field(default_factory=list)
    values: list[list[Any]] = field(init=False)
    _known: _Numbers = field(default_factory=_Numbers)

    def __post_init__(self) -> None:
        self.values = [[] for _ in self.reader.columns]

    def counted(self, column: str, counting: Sequence[int]) -> Counter[Any]:
        """How many lines have each value of a column; `counting`: for each line, 1 if it counts or 0."""
        values = self.values[[one.name for one in self.reader.columns].index(column)]
        found: Counter[Any] = Counter()
        for code, many in Counter(compress(self.codes, counting)).items():
            found[values[code]] += many
        return found

    def take(self, events: Sequence[Event]) -> None:
        """Add events; of those alike the columns are read once."""
        before = len(self._known)
        codes = [*map(self._known.__getitem__, map(self.reader.key, events))]
        self.codes += codes
        if len(self._known) > before:
            fresh = {code: event for code, event in zip(codes, events, strict=True) if code >= before}
            for values, more in zip(self.values, self.reader.read(list(fresh.values())), strict=True):
                values += more


@dataclass(slots=True)
class Rows:
    """Lines of one unit, column by column. `lines`: their numbers in the unit, 1-based; `sizes`: their bytes with the
    newline; `events`: 1 or 0; `text`: the lines themselves, in blocks; `versions`: of the events; `own`: the columns
    of OWN, `shared`: those of FAMILIES.
    """

    lines: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    text: list[bytes] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    own: list[list[Any]] = field(default_factory=lambda: [[] for _ in OWN.columns])
    shared: dict[Family, Shared] = field(
        default_factory=lambda: {family: Shared(reader) for family, reader in FAMILIES.items()}
    )

    def texts(self) -> list[bytes]:
        """The lines without their newlines."""
        return b"".join(self.text).split(b"\n")[:-1]

    def count(self) -> Count:
        """What the events are like."""
        requests = self.shared[Family.request]
        count = Count(requests.counted("level", self.events), requests.counted("stage", self.events), self.versions)
        count.weigh(list(compress(self.sizes, self.events)))
        return count

    def take(self, lines: Lines) -> None:
        """Add decoded lines, those that are blank left out."""
        events, sizes = lines.events, lines.sizes
        text: bytes | memoryview = lines.block.view
        if None in events:
            flags = [event is not None for event in events]
            keep = [flag or bool(line.strip()) for flag, line in zip(flags, lines.texts, strict=True)]
            text = b"".join(line + b"\n" for line in compress(lines.texts, keep))
            numbers: Sequence[int] = list(compress(lines.numbers(), keep))
            sizes, found = list(compress(sizes, keep)), [one or _NOT_AN_EVENT for one in compress(events, keep)]
            self.events += map(int, compress(flags, keep))
        else:
            numbers, found = lines.numbers(), cast(list[Event], events)
            self.events += [1] * len(events)
        if not found:
            return
        self.versions.update(map(_version, filter(None, events)))
        self.lines += numbers
        self.sizes += sizes
        self.text.append(bytes(text))
        for shared in self.shared.values():
            shared.take(found)
        columns = OWN.read(found)
        for values, more in zip(self.own, columns, strict=True):
            values += more
        begins = [time[:_DAY] for time in columns[0]]
        days = {begin: _day(begin) for begin in set(begins)}
        self.days += map(days.__getitem__, begins)


def rows_of(unit: Unit, tally: Tally) -> Iterator[Rows]:
    """Every line of `unit` that is not blank; see `decode_unit`."""
    rows, size = Rows(), 0
    for lines in decode_unit(unit, tally, project(NEEDED | STATS, with_id=False)):
        rows.take(lines)
        size += lines.block.size
        if size >= _PIECE_BYTES:
            yield rows
            rows, size = Rows(), 0
    yield rows


def _day(begin: str) -> str:
    """The day that a timestamp which begins so is of."""
    try:
        return date.fromisoformat(begin).isoformat()
    except ValueError:
        return UNKNOWN_DAY
