"""What fills the log: the heaviest groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kaudit_setup.auditlog.reports.top import Top
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.report.columns import columns
from kaudit_setup.report.coverage import gap_notes
from kaudit_setup.report.quantities import hours, share, size
from kaudit_setup.resources import counted


def as_text(top: Top) -> str:
    """A line for each group, the sums below."""
    return "\n".join(_lines(top))


def _lines(top: Top) -> Iterator[str]:
    time = top.extent.hours

    def cells(key: Sequence[str], events: int, bytes_: int) -> list[str]:
        rate = [f"{events / time:.0f}", size(bytes_ / time)] if time else ["-", "-"]
        return [*key, str(events), share(events, top.events), size(bytes_), share(bytes_, top.size), *rate]

    header = [*(name.upper() for name in top.by), "EVENTS", "", "BYTES", "", "EVENTS/H", "BYTES/H"]
    shown = [cells(key, events, bytes_) for key, events, bytes_ in top.rows]
    yield from columns(header, shown, frozenset(range(len(top.by), len(header))))
    total = f"{counted(top.events, 'event')}, {size(top.size)} in {hours(time)}"
    yield f"{total}, {'more than ' if top.rare[0] else ''}{counted(top.groups, 'group')}"
    yield from gap_notes(top.extent.gaps)
    more, bytes_more = (whole - rare for whole, rare in zip(_not_shown(top), top.rare, strict=True))
    if more:
        were = "is" if more == 1 else "are"
        yield f"{counted(more, 'event')} ({size(bytes_more)}) {were} in groups that are not shown; see --limit"
    if top.rare[0]:
        were = "was" if top.rare[0] == 1 else "were"
        rare = f"{counted(top.rare[0], 'event')} ({size(top.rare[1])}) of rare groups {were} summed up"
        yield f"{rare}: too many to keep apart"


def as_data(top: Top, cover: Sequence[Coverage]) -> dict[str, Any]:
    """The same for programs, with what the logs cover."""
    hours = top.extent.hours

    def per_hour(count: int) -> float | None:
        return round(count / hours, 1) if hours else None

    others = _not_shown(top)
    return {
        "by": list(top.by),
        "total": {
            "events": top.events,
            "bytes": top.size,
            "hours": round(hours, 3),
            "gapHours": round(top.extent.gaps, 3),
            "groups": top.groups,
        },
        "rows": [
            {
                **dict(zip(top.by, key, strict=True)),
                "events": events,
                "bytes": size,
                "share": round(size / top.size, 4),
                "eventsPerHour": per_hour(events),
                "bytesPerHour": per_hour(size),
            }
            for key, events, size in top.rows
        ],
        "others": {"events": others[0], "bytes": others[1]},
        "rare": {"events": top.rare[0], "bytes": top.rare[1]},
        "coverage": [one.plain() for one in cover],
    }


def _not_shown(top: Top) -> tuple[int, int]:
    """Events and bytes of all groups that have no row of their own, the rare ones among them."""
    return top.events - sum(events for _, events, _ in top.rows), top.size - sum(size for _, _, size in top.rows)
