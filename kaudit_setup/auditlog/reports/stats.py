"""What the log itself is like: time covered, gaps, levels, sizes, rotation, damage; every line is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress
from operator import attrgetter

import msgspec

from kaudit_setup.auditlog.coverage.extent import Extent, extent
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.decode import Lines, decode_unit, project
from kaudit_setup.auditlog.fields import STATS
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.timestamps import seconds


class Count(msgspec.Struct):
    """What some events are like. `sizes`: how many events by their size, in steps of a sixty-fourth."""

    levels: Counter[str] = msgspec.field(default_factory=Counter)
    stages: Counter[str] = msgspec.field(default_factory=Counter)
    versions: Counter[str] = msgspec.field(default_factory=Counter)
    sizes: Counter[int] = msgspec.field(default_factory=Counter)
    largest: int = 0
    total: int = 0

    def take(self, lines: Lines) -> None:
        """Count the events of some decoded lines."""
        events, sizes = lines.events, lines.sizes
        if None in events:
            flags = [event is not None for event in events]
            events, sizes = list(compress(events, flags)), list(compress(sizes, flags))
        for one, many in Counter(map(kind, events)).items():
            self.sort_in(one, many)
        self.weigh(sizes)

    def sort_in(self, one: tuple[str, str, str], many: int) -> None:
        """Take in so many events of one `kind`."""
        level, stage, version = one
        self.levels[level] += many
        self.stages[stage] += many
        self.versions[version] += many

    def weigh(self, sizes: Collection[int]) -> None:
        """Take in the sizes of events."""
        for size, many in Counter(sizes).items():
            self.sizes[_step(size)] += many
        self.largest = max(self.largest, max(sizes, default=0))
        self.total += sum(sizes)

    def add(self, other: Count) -> None:
        """Take in what another worker counted."""
        self.levels += other.levels
        self.stages += other.stages
        self.versions += other.versions
        self.sizes += other.sizes
        self.largest = max(self.largest, other.largest)
        self.total += other.total

    def percentile(self, share: float) -> int:
        """A size that this share of the events does not exceed, at most 1/64 too large; 0 without events."""
        left = share * self.sizes.total()
        for step in sorted(self.sizes):
            left -= self.sizes[step]
            if left <= 0:
                return min(_upper(step), self.largest)
        return self.largest


class Rotation(msgspec.Struct, frozen=True):
    """How a node's log is rotated: files by kind, their mean size in bytes (as they lie there) and the mean hours
    from one rotation to the next, 0.0 where there were fewer than two.
    """

    rotated: int
    compressed: int
    mean_size: int
    mean_hours: float


class NodeStats(msgspec.Struct, frozen=True):
    """One node's log. `extent`: the time from the first event to the last, in gaps and without them."""

    coverage: Coverage
    count: Count
    rotation: Rotation
    extent: Extent


def stats(logs: LocalLogs) -> tuple[NodeStats, ...]:
    """Read all of `logs`; one NodeStats for each node."""
    counts: dict[tuple[str, str], Count] = {}
    for file, _, part in scan(logs.files, _count, logs.tallies):
        counts.setdefault(file.log, Count()).add(part)
    return by_node(logs.files, logs.coverage(), counts)


def by_node(
    files: Sequence[LogFile], cover: Sequence[Coverage], counts: Mapping[tuple[str, str], Count]
) -> tuple[NodeStats, ...]:
    """One NodeStats for each node of `cover`; `counts`: by `LogFile.log`."""
    return tuple(
        NodeStats(
            one,
            counts.get(one.log, Count()),
            _rotation([file for file in files if file.log == one.log]),
            extent([one]),
        )
        for one in cover
    )


_DECODER = project(STATS, with_id=False)
kind = attrgetter("level", "stage", "api_version")
"""By which events are counted."""
_BITS = 6  # what is kept of a size behind its first bit: 64 steps for each power of two, each 1/64 wide at most


def _count(unit: Unit, tally: Tally) -> Iterator[Count]:
    count = Count()
    for lines in decode_unit(unit, tally, _DECODER):
        count.take(lines)
    yield count


def _step(size: int) -> int:
    """The step that `size` lies in: 64 times the bits that are cut off, and the bits that are kept."""
    shift = max(size.bit_length() - _BITS - 1, 0)
    return (shift << _BITS) + (size >> shift)


def _upper(step: int) -> int:
    shift = max((step >> _BITS) - 1, 0)
    return ((step - (shift << _BITS) + 1) << shift) - 1


def _rotation(files: Sequence[LogFile]) -> Rotation:
    times = [seconds(file.rotated) for file in files if file.rotated]
    sizes = [file.size for file in files if file.rotated]
    return Rotation(
        len(sizes),
        sum(file.gzipped for file in files),
        sum(sizes) // len(sizes) if sizes else 0,
        (max(times) - min(times)) / (len(times) - 1) / 3600 if len(times) > 1 else 0.0,
    )
