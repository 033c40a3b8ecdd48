"""What one node's log covers, and whether anything in it could be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kaudit_setup.auditlog.coverage.unreadable import Unreadable, not_read, shape_of
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scan_statistics import MOST_LOCATED, Damage, Tally

_FILES_SAID = 3  # files with unreadable lines that are named in sentences


class Coverage(msgspec.Struct, frozen=True):
    """What one node's log covers: `first`/`last` in the log's spelling (empty: no event), gaps, files, damage."""

    node: str
    first: str = ""
    last: str = ""
    gaps: tuple[tuple[str, str], ...] = ()
    files: int = 0
    lines: int = 0
    events: int = 0
    size: int = 0
    damaged: int = 0
    located: tuple[tuple[str, Damage], ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    cluster: str = ""
    shapes: tuple[tuple[str, str], ...] = ()
    """What each file that was read looks like."""
    lost: bool = False
    """Whether its machine's answer is missing, or a part of it."""

    @property
    def unknown(self) -> bool:
        """Whether it is not known what time the log covers: it holds nothing, or could not be read."""
        return self.lost or not self.first

    @property
    def name(self) -> str:
        """What people know the log by, also beside those of other clusters."""
        return f"{self.cluster}/{self.node}" if self.cluster else self.node

    @property
    def log(self) -> tuple[str, str]:
        """See `LogFile.log`."""
        return self.cluster, self.node


def unreadable_notes(cover: Iterable[Coverage]) -> list[str]:
    """A sentence for each of the first files with lines that are not audit events, and how many more there are."""
    found = [one for each in cover for one in each.unreadable]
    more = len(found) - _FILES_SAID
    said = [f"{one}." for one in found[:_FILES_SAID]]
    return [*said, f"{more} more {'file has' if more == 1 else 'files have'} such lines."] if more > 0 else said


def nothing_readable(cover: Sequence[Coverage]) -> bool:
    """Whether the logs hold lines, and none of them is an audit event."""
    return any(one.unreadable for one in cover) and not any(one.events for one in cover)


def coverage(files: Sequence[LogFile], tallies: Mapping[str, Tally]) -> tuple[Coverage, ...]:
    """One Coverage for each node of `files`; `tallies` by `LogFile.key`, for those that were read."""
    nodes: dict[tuple[str, str], Tally] = {}
    located: dict[tuple[str, str], list[tuple[str, Damage]]] = {}
    unread: dict[tuple[str, str], list[Unreadable]] = {}
    counts: dict[tuple[str, str], int] = {}
    for file in files:
        whole = nodes.setdefault(file.log, Tally())
        counts[file.log] = counts.get(file.log, 0) + 1
        tally = tallies.get(file.key)
        if tally is None:
            continue
        located.setdefault(file.log, []).extend((file.path, d) for d in tally.located[:MOST_LOCATED])
        unread.setdefault(file.log, []).extend(not_read(file.path, tally))
        whole.add(tally)
    return tuple(
        Coverage(
            log[1],
            tally.first,
            tally.last,
            tuple(sorted(tally.gaps)),
            counts[log],
            tally.lines,
            tally.events,
            tally.size,
            tally.damaged,
            tuple(located.get(log, ())[:MOST_LOCATED]),
            (*tally.notes, *_clock_note(tally)),
            tuple(unread.get(log, ())),
            log[0],
            tuple((f.path, shape_of(tallies[f.key])) for f in files if f.log == log and f.key in tallies),
        )
        for log, tally in nodes.items()
    )


def _clock_note(tally: Tally) -> list[str]:
    times = "once" if tally.back == 1 else f"{tally.back} times"
    return [f"the clock went back {times}"] if tally.back else []
