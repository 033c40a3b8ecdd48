"""What a person should know about the logs that an answer was made of, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from kaudit_setup.attribution.trust.spans import by_coverage
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.coverage.unreadable import Unreadable
from kaudit_setup.auditlog.scan_statistics import Damage
from kaudit_setup.auditlog.timestamps import stamp
from kaudit_setup.report.documents.document import Item, Time, Words
from kaudit_setup.report.quantities import hours
from kaudit_setup.units import counted
from kaudit_setup.unlogged_servers import UnloggedServer


class Span(Item, frozen=True, kw_only=True):
    """From one event to another; null where the log has none."""

    begin: Time | None = msgspec.field(name="from")
    end: Time | None = msgspec.field(name="to")


class UnreadableFile(Item, frozen=True, kw_only=True):
    """A file with lines that are not audit events: `unread` of `lines` (null: not all were looked at)."""

    file: str
    unread: int
    lines: int | None
    what: Words | None
    shape: str | None
    fix: Words | None


class LogCoverage(Item, frozen=True, kw_only=True):
    """What one node's log covers; a log without events covers from null to null."""

    cluster: str | UnsetType = UNSET
    node: str
    begin: Time | None = msgspec.field(name="from")
    end: Time | None = msgspec.field(name="to")
    gaps: tuple[Span, ...]
    files: int
    damaged: int
    unreadable: tuple[UnreadableFile, ...]


def covered(cover: Sequence[Coverage]) -> tuple[LogCoverage, ...]:
    """The same for programs."""
    return tuple(
        LogCoverage(
            cluster=one.cluster or UNSET,
            node=one.node,
            begin=one.first or None,
            end=one.last or None,
            gaps=tuple(Span(begin=first, end=last) for first, last in one.gaps),
            files=one.files,
            damaged=one.damaged,
            unreadable=tuple(map(_unreadable, one.unreadable)),
        )
        for one in cover
    )


def _unreadable(one: Unreadable) -> UnreadableFile:
    return UnreadableFile(
        file=one.file,
        unread=one.unread,
        lines=one.lines or None,
        what=f"written by {one.others}" if one.others else one.what or None,
        shape=one.shape or None,
        fix=one.fix or None,
    )


def coverage_notes(cover: Sequence[Coverage], now: datetime | None = None) -> Iterator[str]:
    """What could not be read, and where, and whose clock is off; nothing if all is well. `now`: by default, now."""
    soon = stamp((now or datetime.now(UTC)) + timedelta(minutes=1))
    if len(cover) > 1:
        yield f"{len(cover)} nodes: the order of events between them depends on their clocks"
    for one in cover:
        if one.last > soon:
            yield f"{one.name}: its clock or this machine's is wrong: its log ends at {one.last}"
        if damaged := other_damage(one):
            yield f"{one.name}: {_damage(one, damaged)}"
        yield from (f"{one.name}: {note}" for note in one.notes)


def _damage(one: Coverage, damaged: int) -> str:
    where = [f"{file}:{d.line or '?'} {d.what}" for file, d in located(one)[:3]]
    more = f" and {damaged - len(where)} more" if damaged > len(where) else ""
    return f"{counted(damaged, 'damaged line')}: {'; '.join(where)}{more}"


def other_damage(one: Coverage) -> int:
    """How much damage there is beside what is said of whole files, which could not be read to their ends."""
    return one.damaged - (len(one.located) - len(located(one)))


def located(one: Coverage) -> list[tuple[str, Damage]]:
    """Where it is, as far as it was located."""
    said = {(unread.file, unread.what) for unread in one.unreadable if unread.rest}
    return [(file, damage) for file, damage in one.located if damage.line or (file, damage.what) not in said]


def no_event_note(cover: Sequence[Coverage]) -> str:
    """That no event matches, and what time was searched."""
    spans = [f"{one.name}, {one.first} to {one.last}" for one in cover if one.first]
    lost = [one.name for one in cover if one.lost]
    if not spans:
        why = f"the log of {', '.join(lost)} could not be read" if lost else "the log has no events"
        return f"no matching events ({why})"
    more = f"; and {len(spans) - 3} more" if len(spans) > 3 else ""
    lacking = "".join(f"; {server}" for server in _unlogged(cover)[:3])
    return f"no matching events (searched {'; '.join(spans[:3])}{more}){lacking}"


def _unlogged(cover: Sequence[Coverage]) -> list[UnloggedServer]:
    """The servers of each cluster whose logs begin long after the others', or end long before."""
    clusters = dict.fromkeys(one.cluster for one in cover)
    return [server for name in clusters for server in by_coverage([one for one in cover if one.cluster == name])]


def gap_notes(gaps: float) -> Iterator[str]:
    """What there is to say of so many hours in gaps of a log where rates are shown: one sentence, or none."""
    if gaps:
        yield f"gaps of {hours(gaps)} in total are not counted in the hours and rates"
