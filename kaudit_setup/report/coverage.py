"""What a person should know about the logs that an answer was made of, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.auditlog.timestamps import stamp
from kaudit_setup.report.quantities import hours
from kaudit_setup.resources import counted


def coverage_notes(cover: Sequence[Coverage], now: datetime | None = None) -> Iterator[str]:
    """What could not be read, and where, and whose clock is off; nothing if all is well. `now`: by default, now."""
    soon = stamp((now or datetime.now(UTC)) + timedelta(minutes=1))
    if len(cover) > 1:
        yield f"{len(cover)} nodes: the order between them is as good as their clocks agree"
    for one in cover:
        if one.last > soon:
            yield f"{one.node}: its clock, or this one, is off: its log ends at {one.last}"
        if one.damaged:
            yield f"{one.node}: {_damage(one)}"
        yield from (f"{one.node}: {note}" for note in one.notes)


def _damage(one: Coverage) -> str:
    where = [f"{file}:{d.line or '?'} {d.what}" for file, d in one.located[:3]]
    more = f" and {one.damaged - len(where)} more" if one.damaged > len(where) else ""
    return f"{counted(one.damaged, 'damaged line')}: {'; '.join(where)}{more}"


def no_event_note(cover: Sequence[Coverage]) -> str:
    """That no event fits, and what time was searched."""
    spans = [f"{one.node} from {one.first} to {one.last}" for one in cover if one.first]
    where = f"what was read is of {', '.join(spans[:3])}" if spans else "there is no event in what was read"
    more = f" and {len(spans) - 3} more" if len(spans) > 3 else ""
    return f"no event fits; {where}{more}"


def gap_notes(gaps: float) -> Iterator[str]:
    """What there is to say of so many hours in gaps of a log where rates are shown: one sentence, or none."""
    if gaps:
        yield f"another {hours(gaps)} lie in gaps and are left out of the hours and the rates"
