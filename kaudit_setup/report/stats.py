"""What the log is like, node by node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kaudit_setup.auditlog.coverage.node import Coverage, unreadable_notes
from kaudit_setup.auditlog.reports.stats import Count, NodeStats, Rotation
from kaudit_setup.report.coverage import LogCoverage, covered, located, other_damage
from kaudit_setup.report.documents.document import Bytes, Item, Seconds, Warning, Words, warned
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, per_second, size
from kaudit_setup.report.times import localized
from kaudit_setup.report.wrap import fitted
from kaudit_setup.units import counted

_MOST = 10
"""Gaps and damaged lines that are shown."""


def as_text(nodes: Sequence[NodeStats]) -> str:
    """Some lines for each node."""
    return "\n".join(line for node in nodes for line in _lines(node))


def _lines(node: NodeStats) -> Iterator[str]:
    cover, count = node.coverage, node.count
    yield safe(cover.name)
    for title, value, below in (
        ("unread", *_unread(cover)),
        ("covers", _covers(node), ()),
        ("holds", _holds(node), ()),
        ("shapes", *_shapes(cover)),
        (
            "gaps",
            str(len(cover.gaps) or "none"),
            [localized(f"{first} to {last}") for first, last in cover.gaps[:_MOST]],
        ),
        ("levels", _shares(count.levels), ()),
        ("stages", _shares(count.stages), ()),
        ("versions", _shares(count.versions) if count.versions.keys() - {"audit.k8s.io/v1"} else "", ()),
        ("sizes", _sizes(count), ()),
        ("rotation", _rotation(node.rotation), ()),
        (
            "damaged",
            str(other_damage(cover) or ("nothing else" if cover.damaged else "nothing")),
            list(_damaged(cover)),
        ),
    ):
        if value:
            yield fitted(f"  {title:<9} {value}")
            yield from (f"            {line}" for line in below)
    yield from (fitted(f"  note      {safe(note)}") for note in cover.notes)


def _unread(cover: Coverage) -> tuple[str, list[str]]:
    said = [safe(sentence) for sentence in unreadable_notes([cover])]
    return (said[0], said[1:]) if said else ("", [])


def _shapes(cover: Coverage) -> tuple[str, list[str]]:
    """What the files look like; which is which, unless all are alike."""
    files = Counter(shape for _, shape in cover.shapes)
    if len(files) < 2:
        return safe("".join(files)), []
    said = ", ".join(f"{safe(shape)} {count}" for shape, count in files.most_common())
    each = [f"{safe(file)}: {safe(shape)}" for file, shape in cover.shapes[:_MOST]]
    return said, each + ([f"and {len(cover.shapes) - _MOST} more"] if len(cover.shapes) > _MOST else [])


def _covers(node: NodeStats) -> str:
    cover, time, gaps = node.coverage, node.extent.hours, node.extent.gaps
    if not cover.first:
        return "nothing"
    long = f"{hours(time + gaps)}, of which {hours(gaps)} are gaps" if gaps else hours(time)
    return localized(f"{cover.first} to {cover.last} ({long})")


def _holds(node: NodeStats) -> str:
    cover, time = node.coverage, node.extent.hours
    rate = f", {counted(round(cover.events / time), 'event')} and {size(cover.size / time)} an hour" if time else ""
    return f"{counted(cover.events, 'event')}, {size(cover.size)} in {counted(cover.files, 'file')}{rate}"


def _sizes(count: Count) -> str:
    if not count.largest:
        return "none"
    half, most = size(count.percentile(0.5)), size(count.percentile(0.95))
    return f"p50 {half}, p95 {most}, max {size(count.largest)}"


def _rotation(rotation: Rotation) -> str:
    if not (rotation.rotated or rotation.compressed):
        return "none"
    often = f", one every {hours(rotation.mean_hours)}" if rotation.mean_hours else ""
    return f"{counted(rotation.rotated, 'rotated file')}, {rotation.compressed} compressed{often}"


def _damaged(cover: Coverage) -> Iterator[str]:
    shown, damaged = located(cover)[:_MOST], other_damage(cover)
    yield from (f"{safe(file)}:{damage.line or '?'} {safe(damage.what)}" for file, damage in shown)
    if damaged > len(shown):
        yield f"and {damaged - len(shown)} more"


def _shares(counts: dict[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{safe(name) or '(none)'} {number}" for name, number in ranked) or "none"


class EventBytes(Item, frozen=True, kw_only=True):
    """How large one event is."""

    mean: Bytes
    p50: Bytes
    p95: Bytes
    p99: Bytes
    max: Bytes


class LogRotation(Item, frozen=True, kw_only=True):
    """How often the log was rotated: `rotated` files beside the current one."""

    rotated: int
    compressed: int
    mean_bytes: float
    mean_seconds: Seconds


class DamagedLine(Item, frozen=True, kw_only=True):
    """A line that could not be read; `line` is 1-based, 0 where the lines were not counted."""

    file: str
    line: int
    what: Words


class FileShape(Item, frozen=True, kw_only=True):
    """What a file looks like: `JSON lines`, as kube-apiserver writes them, or a name of another shape."""

    file: str
    shape: str


class LogStats(LogCoverage, frozen=True, kw_only=True):
    """What one node's log is like: `seconds` without gaps; `levels`, `stages`, `api_versions`: events of each."""

    seconds: Seconds
    gap_seconds: Seconds
    lines: int
    events: int
    bytes: Bytes
    events_per_second: float | None
    bytes_per_second: float | None
    levels: dict[str, int]
    stages: dict[str, int]
    api_versions: dict[str, int]
    event_bytes: EventBytes
    rotation: LogRotation
    damaged_lines: tuple[DamagedLine, ...]
    shapes: tuple[FileShape, ...]


def as_items(nodes: Sequence[NodeStats]) -> list[LogStats]:
    """The same for programs, one entry a node."""
    return [_item(node) for node in nodes]


def stats_warnings(nodes: Sequence[NodeStats]) -> list[Warning]:
    """What is to be said about the logs."""
    return [w for node in nodes for w in warned(node.coverage.notes, code="log", host=node.coverage.node)]


def _item(node: NodeStats) -> LogStats:
    cover, count, time = node.coverage, node.count, node.extent.hours * 3600
    (base,) = covered([cover])
    return LogStats(
        **{field: getattr(base, field) for field in LogCoverage.__struct_fields__},
        seconds=round(time, 3),
        gap_seconds=round(node.extent.gaps * 3600, 3),
        lines=cover.lines,
        events=cover.events,
        bytes=cover.size,
        events_per_second=per_second(cover.events, time),
        bytes_per_second=per_second(cover.size, time),
        levels=dict(count.levels),
        stages=dict(count.stages),
        api_versions=dict(count.versions),
        event_bytes=EventBytes(
            mean=round(count.total / cover.events) if cover.events else 0,
            p50=count.percentile(0.5),
            p95=count.percentile(0.95),
            p99=count.percentile(0.99),
            max=count.largest,
        ),
        rotation=LogRotation(
            rotated=node.rotation.rotated,
            compressed=node.rotation.compressed,
            mean_bytes=node.rotation.mean_size,
            mean_seconds=round(node.rotation.mean_hours * 3600, 3),
        ),
        damaged_lines=tuple(DamagedLine(file=file, line=d.line, what=d.what) for file, d in cover.located),
        shapes=tuple(FileShape(file=file, shape=shape) for file, shape in cover.shapes),
    )
