"""Decoded lines → columns, many lines at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, compress
from typing import Any, cast

from msgspec.structs import astuple

from kaudit_setup.auditlog.decode import Lines, decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.stats import Count, kind
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.stores.schema import FAMILIES, NEEDED, OBJECT, OWN, UNKNOWN_DAY, Family, Reader

_PIECE_BYTES = 4 << 20
"""Bytes of lines that become columns together: each column has a price of its own, however short it is."""
_DECODER = project(NEEDED, with_id=False)
_NOT_AN_EVENT = _DECODER.type("")
_DAY = len("2026-11-23")

Fields = Mapping[str, Sequence[Any]]
"""Events, field by field."""


class _Numbers(dict[Hashable, int]):
    """Numbers what it is asked for, in the order in which it was asked first."""

    def __missing__(self, key: Hashable) -> int:
        self[key] = number = len(self)
        return number


@dataclass(slots=True)
class Shared:
    """The columns of a family. `met`: an event of each combination of values; `codes`: for each line, which of them
    it has.
    """

    reader: Reader
    codes: list[int] = field(default_factory=list)
    met: list[Event] = field(default_factory=list)
    _known: _Numbers = field(default_factory=_Numbers)

    def values(self) -> list[list[Any]]:
        """What was met, column by column."""
        return self.reader.read(self.met)

    def take(self, events: Sequence[Event], fields: Fields) -> None:
        """Add events, whose `fields` are these."""
        keys = zip(*(fields[part] for part in self.reader.parts), strict=True)
        codes = [*map(self._known.__getitem__, keys)]
        self.codes += codes
        if len(self._known) > len(self.met):
            met = len(self.met)
            fresh = {code: event for code, event in zip(codes, events, strict=True) if code >= met}
            self.met += fresh.values()


@dataclass(slots=True)
class Rows:
    """Lines of one unit, column by column. `lines`: their numbers in the unit, 1-based; `sizes`: their bytes with the
    newline; `events`: 1 or 0; `text`: the lines without newlines, in blocks; `own`: the columns of OWN by their
    names, `shared`: those of FAMILIES.
    """

    lines: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    text: list[bytes] = field(default_factory=list)
    own: dict[str, list[Any]] = field(default_factory=lambda: {column.name: [] for column in OWN})
    shared: dict[Family, Shared] = field(
        default_factory=lambda: {family: Shared(reader) for family, reader in FAMILIES.items()}
    )

    def texts(self) -> list[bytes]:
        """The lines one by one."""
        text = b"".join(self.text)
        ends = list(accumulate(size - 1 for size in self.sizes))
        return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def days(self) -> list[str]:
        """The day of each line."""
        times = self.own["time"]
        first, last = min(times, default="")[:_DAY], max(times, default="")[:_DAY]
        if first == last:  # so does each between them begin
            return [_day(first)] * len(times)
        begins = [time[:_DAY] for time in times]
        days = {begin: _day(begin) for begin in set(begins)}
        return [days[begin] for begin in begins]

    def count(self) -> Count:
        """What the events are like."""
        requests, count = self.shared[Family.request], Count()
        for code, many in Counter(compress(requests.codes, self.events)).items():
            count.sort_in(kind(requests.met[code]), many)
        count.weigh(list(compress(self.sizes, self.events)))
        return count

    def take(self, lines: Lines) -> None:
        """Add decoded lines, those that are blank left out."""
        events, sizes = lines.events, lines.sizes
        if None in events:
            flags = [event is not None for event in events]
            keep = [flag or bool(line.strip()) for flag, line in zip(flags, lines.texts, strict=True)]
            text = b"".join(compress(lines.texts, keep))
            numbers: Sequence[int] = list(compress(lines.numbers(), keep))
            sizes, found = list(compress(sizes, keep)), [one or _NOT_AN_EVENT for one in compress(events, keep)]
            self.events += map(int, compress(flags, keep))
        else:
            text = bytes(lines.block.view).replace(b"\n", b"")
            numbers, found = lines.numbers(), cast(list[Event], events)
            self.events += [1] * len(events)
        if not found:
            return
        self.lines += numbers
        self.sizes += sizes
        self.text.append(text)
        fields = _by_field(found)
        for shared in self.shared.values():
            shared.take(found, fields)
        for column in OWN:
            values = fields[column.field]
            self.own[column.name] += values if column.convert is None else column.convert(values)


def _by_field(events: Sequence[Event]) -> Fields:
    """The fields of some events, at least one, and those of their objects."""
    fields = _columns(events)
    objects = _columns(fields["object_ref"])
    return {**fields, **{OBJECT + name: values for name, values in objects.items()}}


def _columns(structs: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Field by field; to ask each for each of its fields takes twice as long."""
    return dict(zip(structs[0].__struct_fields__, zip(*map(astuple, structs), strict=True), strict=True))


def rows_of(unit: Unit, tally: Tally) -> Iterator[Rows]:
    """Every line of `unit` that is not blank; see `decode_unit`."""
    rows, size = Rows(), 0
    for lines in decode_unit(unit, tally, _DECODER):
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
