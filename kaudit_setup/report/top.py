"""What fills the log: the heaviest groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.reports.top import Top as Counted
from kaudit_setup.report.columns import columns
from kaudit_setup.report.coverage import LogCoverage, covered, gap_notes
from kaudit_setup.report.documents.document import Bytes, Item, Seconds
from kaudit_setup.report.quantities import hours, per_second, share, size
from kaudit_setup.report.wrap import fitted
from kaudit_setup.units import counted


def as_text(top: Counted) -> str:
    """A line for each group, the sums below."""
    return "\n".join(_lines(top))


def _lines(top: Counted) -> Iterator[str]:
    time = top.extent.hours

    def cells(key: Sequence[str], events: int, bytes_: int) -> list[str]:
        rate = [f"{events / time:.0f}", size(bytes_ / time)] if time else ["-", "-"]
        return [*key, str(events), share(events, top.events), size(bytes_), share(bytes_, top.size), *rate]

    header = [*(name.upper() for name in top.by), "EVENTS", "SHARE", "BYTES", "SHARE", "EVENTS/H", "BYTES/H"]
    shown = [cells(key, events, bytes_) for key, events, bytes_ in top.rows]
    yield from columns(header, shown, frozenset(range(len(top.by), len(header))))
    yield from map(fitted, _below(top))


def _below(top: Counted) -> Iterator[str]:
    time = top.extent.hours
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


class TopTotal(Item, frozen=True, kw_only=True):
    """The sums over all groups; `seconds` that the log covers, `gap_seconds` in between that it does not."""

    events: int
    bytes: Bytes
    seconds: Seconds
    gap_seconds: Seconds
    groups: int


class TopRest(Item, frozen=True, kw_only=True):
    """Groups that have no row."""

    events: int
    bytes: Bytes


class TopRow(Item, frozen=True, kw_only=True):
    """One group: of the dimensions only those that were asked for are there. `share` of all bytes, from 0 to 1; rates
    are null where the log covers no time.
    """

    user: str | UnsetType = UNSET
    impersonator: str | UnsetType = UNSET
    verb: str | UnsetType = UNSET
    resource: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    level: str | UnsetType = UNSET
    stage: str | UnsetType = UNSET
    ip: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    decision: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    cluster: str | UnsetType = UNSET
    events: int
    bytes: Bytes
    share: float
    events_per_second: float | None
    bytes_per_second: float | None


class Top(Item, frozen=True, kw_only=True):
    """What fills the log. `others`: groups that have no row, `rare`: those that were too many to keep apart."""

    by: tuple[str, ...]
    total: TopTotal
    rows: tuple[TopRow, ...]
    others: TopRest
    rare: TopRest
    coverage: tuple[LogCoverage, ...]


def as_item(top: Counted, cover: Sequence[Coverage]) -> Top:
    """The same for programs, with what the logs cover."""
    time = top.extent.hours * 3600
    events, bytes_ = _not_shown(top)
    return Top(
        by=top.by,
        total=TopTotal(
            events=top.events,
            bytes=top.size,
            seconds=round(time, 3),
            gap_seconds=round(top.extent.gaps * 3600, 3),
            groups=top.groups,
        ),
        rows=tuple(
            TopRow(
                **dict(zip(top.by, key, strict=True)),
                events=events,
                bytes=size,
                share=round(size / top.size, 4),
                events_per_second=per_second(events, time),
                bytes_per_second=per_second(size, time),
            )
            for key, events, size in top.rows
        ),
        others=TopRest(events=events, bytes=bytes_),
        rare=TopRest(events=top.rare[0], bytes=top.rare[1]),
        coverage=covered(cover),
    )


def _not_shown(top: Counted) -> tuple[int, int]:
    """Events and bytes of all groups that have no row of their own, the rare ones among them."""
    return top.events - sum(events for _, events, _ in top.rows), top.size - sum(size for _, _, size in top.rows)
