"""What `collect` brought, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import to_builtins

from kaudit_setup.auditlog.sources.collect import Collected
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.resources import counted


def as_text(done: Collected, into: Path) -> str:
    """A line for each file with its SHA-256, and the sums; `into` is the folder."""
    lines = [f"{entry.sha256}  {safe(entry.file)}  {size(entry.size)}" for entry in done.entries]
    files = counted(len(done.entries), "file")
    return "\n".join([*lines, f"{files} in {safe(str(into))}, {done.fetched} fetched, {size(done.moved)} moved"])


def as_data(done: Collected, into: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "directory": str(into),
        "files": to_builtins(done.entries),
        "fetched": done.fetched,
        "bytesMoved": done.moved,
        "notes": done.notes,
    }
