"""What `collect` brought, and where it is."""

from __future__ import annotations

from pathlib import Path

from kaudit_setup.auditlog.sources.collecting.collect import Collected
from kaudit_setup.report.documents.document import Bytes, Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.units import counted


def as_text(done: Collected, into: Path) -> str:
    """A line for each file with its SHA-256, and the sums; `into` is the folder."""
    lines = [f"{entry.sha256}  {safe(entry.file)}  {size(entry.size)}" for entry in done.entries]
    files = counted(len(done.entries), "file")
    return "\n".join([*lines, f"{files} in {safe(str(into))}, {done.fetched} fetched, {size(done.moved)} moved"])


class CollectedFile(Item, frozen=True, kw_only=True):
    """One file: `file` below the directory, `path` and `inode` on the node (0: not there any more)."""

    node: str
    file: str
    path: str
    inode: int
    bytes: Bytes
    sha256: str


class Collection(Item, frozen=True, kw_only=True):
    """Every file that is in the directory now, how many were fetched, bytes over the wire."""

    directory: str
    files: tuple[CollectedFile, ...]
    fetched: int
    bytes_moved: Bytes


def as_item(done: Collected, into: Path) -> Collection:
    """The same for programs."""
    return Collection(
        directory=str(into),
        files=tuple(
            CollectedFile(node=e.node, file=e.file, path=e.path, inode=e.inode, bytes=e.size, sha256=e.sha256)
            for e in done.entries
        ),
        fetched=done.fetched,
        bytes_moved=done.moved,
    )
