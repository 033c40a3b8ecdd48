"""What `pack` added, and what was there."""

from __future__ import annotations

from typing import Any

from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.resources import counted
from kaudit_setup.stores.pack import Packed


def as_text(done: Packed, into: str) -> str:
    """A line for each file with its SHA-256, and the sums; `into` is the store."""
    lines = [f"{one.sha256}  {safe(one.path)}  {counted(one.tally.lines, 'line')}" for one in done.added]
    lines += [f"{safe(file.path)} is there already, as {safe(one.path)}" for file, one in done.there]
    added = counted(len(done.added), "file")
    events, weight = sum(one.tally.events for one in done.added), sum(one.bytes for one in done.added)
    return "\n".join([*lines, f"{added} packed into {safe(into)}: {counted(events, 'event')}, {size(weight)}"])


def as_data(done: Packed, into: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "to": into,
        "added": [
            {
                "node": one.node,
                "file": one.path,
                "sha256": one.sha256,
                "bytes": one.bytes,
                "lines": one.tally.lines,
                "events": one.tally.events,
                "damaged": one.tally.damaged,
            }
            for one in done.added
        ],
        "there": [{"node": file.node, "file": file.path, "as": one.path} for file, one in done.there],
    }
