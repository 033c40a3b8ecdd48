"""What the log is like, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kaudit_setup.auditlog.reports.stats import NodeStats
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.resources import counted


def as_text(nodes: Sequence[NodeStats]) -> str:
    """Some lines for each node."""
    return "\n".join(line for node in nodes for line in _lines(node))


def _lines(node: NodeStats) -> Iterator[str]:
    cover, count, rotation = node.coverage, node.count, node.rotation
    time, gaps = node.extent.hours, node.extent.gaps
    rate = f", {counted(round(cover.events / time), 'event')} and {size(cover.size / time)} an hour" if time else ""
    yield safe(cover.node)
    long = f"{hours(time + gaps)}, {hours(gaps)} of which are gaps" if gaps else hours(time)
    span = f"{cover.first} to {cover.last} ({long})" if cover.first else "nothing"
    yield f"  covers    {span}"
    files = counted(cover.files, "file")
    yield f"  holds     {counted(cover.events, 'event')}, {size(cover.size)} in {files}{rate}"
    yield f"  gaps      {len(cover.gaps) or 'none'}"
    for first, last in cover.gaps[:10]:
        yield f"            {first} to {last}"
    yield f"  levels    {_shares(count.levels)}"
    yield f"  stages    {_shares(count.stages)}"
    if count.versions.keys() - {"audit.k8s.io/v1"}:
        yield f"  versions  {_shares(count.versions)}"
    sizes = ", ".join(f"{name} {size(count.percentile(at))}" for name, at in (("half", 0.5), ("95 %", 0.95)))
    yield f"  sizes     {f'{sizes} or less, largest {size(count.largest)}' if count.largest else 'none'}"
    often = f", one every {hours(rotation.mean_hours)}" if rotation.mean_hours else ""
    rotated = f"{counted(rotation.rotated, 'rotated file')}, {rotation.compressed} compressed{often}"
    yield f"  rotation  {rotated if rotation.rotated or rotation.compressed else 'none'}"
    yield f"  damaged   {cover.damaged or 'nothing'}"
    for file, damage in cover.located[:10]:
        yield f"            {safe(file)}:{damage.line or '?'} {safe(damage.what)}"
    if cover.damaged > 10:
        yield f"            and {cover.damaged - min(10, len(cover.located))} more"
    for note in cover.notes:
        yield f"  note      {safe(note)}"


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
