"""What the log is like, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kaudit_setup.auditlog.reports.stats import Count, NodeStats, Rotation
from kaudit_setup.auditlog.scan_statistics import Coverage, unreadable_notes
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.resources import counted

_MOST = 10
"""Gaps and damaged lines that are shown."""


def as_text(nodes: Sequence[NodeStats]) -> str:
    """Some lines for each node."""
    return "\n".join(line for node in nodes for line in _lines(node))


def _lines(node: NodeStats) -> Iterator[str]:
    cover, count = node.coverage, node.count
    yield safe(cover.node)
    for title, value, below in (
        ("unread", *_unread(cover)),
        ("covers", _covers(node), ()),
        ("holds", _holds(node), ()),
        ("gaps", str(len(cover.gaps) or "none"), [f"{first} to {last}" for first, last in cover.gaps[:_MOST]]),
        ("levels", _shares(count.levels), ()),
        ("stages", _shares(count.stages), ()),
        ("versions", _shares(count.versions) if count.versions.keys() - {"audit.k8s.io/v1"} else "", ()),
        ("sizes", _sizes(count), ()),
        ("rotation", _rotation(node.rotation), ()),
        ("damaged", str(cover.damaged or "nothing"), list(_damaged(cover))),
    ):
        if value:
            yield f"  {title:<9} {value}"
            yield from (f"            {line}" for line in below)
    yield from (f"  note      {safe(note)}" for note in cover.notes)


def _unread(cover: Coverage) -> tuple[str, list[str]]:
    said = [safe(sentence) for sentence in unreadable_notes([cover])]
    return (said[0], said[1:]) if said else ("", [])


def _covers(node: NodeStats) -> str:
    cover, time, gaps = node.coverage, node.extent.hours, node.extent.gaps
    if not cover.first:
        return "nothing"
    long = f"{hours(time + gaps)}, of which {hours(gaps)} are gaps" if gaps else hours(time)
    return f"{cover.first} to {cover.last} ({long})"


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
    shown = cover.located[:_MOST]
    yield from (f"{safe(file)}:{damage.line or '?'} {safe(damage.what)}" for file, damage in shown)
    if cover.damaged > _MOST:
        yield f"and {cover.damaged - len(shown)} more"


def _shares(counts: dict[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{safe(name) or '(none)'} {number}" for name, number in ranked) or "none"


def as_data(nodes: Sequence[NodeStats]) -> dict[str, Any]:
    """The same for programs."""
    return {"nodes": [_node(node) for node in nodes]}


def _node(node: NodeStats) -> dict[str, Any]:
    cover, count, time = node.coverage, node.count, node.extent.hours
    return {
        **cover.plain(),
        "hours": round(time, 3),
        "gapHours": round(node.extent.gaps, 3),
        "lines": cover.lines,
        "events": cover.events,
        "bytes": cover.size,
        "eventsPerHour": round(cover.events / time, 1) if time else None,
        "bytesPerHour": round(cover.size / time, 1) if time else None,
        "levels": dict(count.levels),
        "stages": dict(count.stages),
        "apiVersions": dict(count.versions),
        "eventBytes": {
            "mean": round(count.total / cover.events) if cover.events else 0,
            "p50": count.percentile(0.5),
            "p95": count.percentile(0.95),
            "p99": count.percentile(0.99),
            "max": count.largest,
        },
        "rotation": {
            "rotated": node.rotation.rotated,
            "compressed": node.rotation.compressed,
            "meanBytes": node.rotation.mean_size,
            "meanHours": round(node.rotation.mean_hours, 3),
        },
        "damagedLines": [{"file": file, "line": d.line, "what": d.what} for file, d in cover.located],
        "notes": list(cover.notes),
    }
