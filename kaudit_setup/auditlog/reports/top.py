"""What fills the log: events and bytes by any combination of dimensions, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import msgspec

from kaudit_setup.auditlog.coverage.extent import Extent, extent
from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import DIMENSIONS
from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.errors import InputError

_MOST_GROUPS = 100_000  # groups kept in memory at once; there may be millions of names and paths

_ALIASES = {
    "sourceip": "ip",
    "sourceips": "ip",
    "useragent": "agent",
    "impersonatedby": "impersonator",
    "uri": "path",
}

_OF_FILES: dict[str, Callable[[LogFile], str]] = {
    "node": lambda file: file.node,
    "cluster": lambda file: file.cluster,
}
"""What events are grouped by that no event says: where its file comes from."""

Key = tuple[str, ...]


class Groups(msgspec.Struct):
    """Events and bytes by key. OtherObjects a hundred thousand keys the lightest half is summed up in `rare`."""

    cells: dict[Key, list[int]] = msgspec.field(default_factory=dict)
    events: int = 0
    size: int = 0
    rare: list[int] = msgspec.field(default_factory=lambda: [0, 0])

    def add(self, key: Key, events: int, size: int) -> None:
        """Count some events of one key."""
        cell = self.cells.get(key)
        if cell is None:
            self.cells[key] = [events, size]
        else:
            cell[0] += events
            cell[1] += size

    def prune(self) -> None:
        """Give up the lightest groups if there are too many."""
        if len(self.cells) <= _MOST_GROUPS:
            return
        ranked = sorted(self.cells.items(), key=lambda item: item[1][1], reverse=True)
        for _, (events, size) in ranked[_MOST_GROUPS // 2 :]:
            self.rare[0] += events
            self.rare[1] += size
        self.cells = dict(ranked[: _MOST_GROUPS // 2])

    def merge(self, other: Groups) -> None:
        """Take in what another worker counted."""
        for key, (events, size) in other.cells.items():
            self.add(key, events, size)
        self.events += other.events
        self.size += other.size
        self.rare[0] += other.rare[0]
        self.rare[1] += other.rare[1]
        self.prune()


class Top(msgspec.Struct, frozen=True):
    """The heaviest groups: (key, events, bytes), heaviest in bytes first. `extent`: the part of the asked time that
    the logs of all nodes together cover. `groups`: how many were kept apart. `rare`: (events, bytes) of those that
    were not, because there were too many; how many they are is not known.
    """

    by: tuple[str, ...]
    rows: tuple[tuple[Key, int, int], ...]
    events: int
    size: int
    extent: Extent
    groups: int
    rare: tuple[int, int]


def dimensions(text: str) -> tuple[str, ...]:
    """From `user,verb,resource`; raises InputError for an unknown dimension."""
    asked = [name.strip() for name in text.split(",") if name.strip()]
    names = tuple(dict.fromkeys(_ALIASES.get(name.lower().replace("-", ""), name) for name in asked))
    unknown = [name for name in names if name not in DIMENSIONS and name not in _OF_FILES]
    if unknown or not names:
        raise InputError(
            f"--by {text}: " + (f"unknown dimension {', '.join(unknown)}" if unknown else "no dimension given"),
            hint=f"choose from {', '.join([*DIMENSIONS, *_OF_FILES])}",
        )
    return names


def top(logs: LocalLogs, by: Sequence[str], wanted: Filter, limit: int = 20) -> Top:
    """Count the lines of `logs` that fit `wanted`, grouped by `by`. Each stage of a request is a line of its own:
    that is what fills the disk, and `--stage` tells them apart.
    """
    names = tuple(by)
    whole = Groups()

    def work(unit: Unit, tally: Tally) -> Iterator[Groups]:
        return _count(unit, tally, names, wanted)

    for _, _, part in scan(within(logs.files, wanted.window), work, logs.tallies):
        whole.merge(part)
    return ranked(whole, names, limit, extent(logs.coverage(), wanted.window))


def ranked(whole: Groups, by: Sequence[str], limit: int, covered: Extent) -> Top:
    """The heaviest `limit` of some groups. `covered`: the part of the asked time that their logs cover."""
    order = sorted(whole.cells.items(), key=lambda item: (-item[1][1], item[0]))
    return Top(
        tuple(by),
        tuple((key, events, size) for key, (events, size) in order[:limit]),
        whole.events,
        whole.size,
        covered,
        len(whole.cells),
        (whole.rare[0], whole.rare[1]),
    )


def _count(unit: Unit, tally: Tally, by: tuple[str, ...], wanted: Filter) -> Iterator[Groups]:
    """The groups of one unit.

    Events are counted by what was decoded of them, and a group and a filter looked for once for each kind of event
    that was met; a window of time makes every event a kind of its own, so then each is looked at.
    """
    key_of = _key(by, unit.file)
    fits = None if wanted.is_empty else wanted.test()
    fields = {name for dimension in by if dimension not in _OF_FILES for name in DIMENSIONS[dimension].fields}
    groups = Groups()
    kinds: defaultdict[Event | None, list[int]] = defaultdict(list)
    waiting = 0
    for lines in decode_unit(unit, tally, project(fields | wanted.fields(), with_id=False)):
        events = lines.events
        if fits is not None and not wanted.window.open:
            events = [event if event is not None and fits(event) else None for event in events]
        for event, size in zip(events, lines.sizes, strict=True):
            kinds[event].append(size)
        waiting += len(events)
        if waiting > _MOST_GROUPS:
            _fold(kinds, groups, key_of, fits)
            waiting = 0
    _fold(kinds, groups, key_of, fits)
    yield groups


def _fold(
    kinds: dict[Event | None, list[int]],
    groups: Groups,
    key_of: Callable[[Event], Key],
    fits: Callable[[Event], bool] | None,
) -> None:
    """Move what `kinds` holds, the sizes of the lines of each kind, into `groups`."""
    for event, sizes in kinds.items():
        if event is not None and (fits is None or fits(event)):
            size = sum(sizes)
            groups.add(key_of(event), len(sizes), size)
            groups.events += len(sizes)
            groups.size += size
    kinds.clear()
    groups.prune()


def _key(by: tuple[str, ...], file: LogFile) -> Callable[[Event], Key]:
    getters = [_constant(_OF_FILES[name](file)) if name in _OF_FILES else DIMENSIONS[name].get for name in by]
    if len(getters) == 1:
        (only,) = getters
        return lambda event: (only(event),)
    if len(getters) == 2:
        one, two = getters
        return lambda event: (one(event), two(event))
    if len(getters) == 3:
        first, second, third = getters
        return lambda event: (first(event), second(event), third(event))
    return lambda event: tuple([get(event) for get in getters])


def _constant(value: str) -> Callable[[Event], str]:
    return lambda _: value
