"""What `pack` added, and what was there."""

from __future__ import annotations

from kaudit_setup.report.documents.document import Bytes, Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.stores.pack import Packed
from kaudit_setup.units import counted


def as_text(done: Packed, into: str) -> str:
    """A line for each file with its SHA-256, and the sums; `into` is the store."""
    lines = [f"{one.sha256}  {safe(one.path)}  {counted(one.tally.lines, 'line')}" for one in done.added]
    lines += [f"{safe(file.path)} is there already, as {safe(one.path)}" for file, one in done.there]
    added = counted(len(done.added), "file")
    events, weight = sum(one.tally.events for one in done.added), sum(one.tally.size for one in done.added)
    return "\n".join([*lines, f"{added} packed into {safe(into)}: {counted(events, 'event')}, {size(weight)}"])


class PackedFile(Item, frozen=True, kw_only=True):
    """A file that was added to the store."""

    node: str
    file: str
    sha256: str
    bytes: Bytes
    lines: int
    events: int
    damaged: int


class PackedBefore(Item, frozen=True, kw_only=True):
    """A file that the store has already, under the name `known_as`."""

    node: str
    file: str
    known_as: str


class PackedLogs(Item, frozen=True, kw_only=True):
    """What was added to a store, and what was there."""

    store: str
    added: tuple[PackedFile, ...]
    there: tuple[PackedBefore, ...]


def as_item(done: Packed, into: str) -> PackedLogs:
    """The same for programs."""
    return PackedLogs(
        store=into,
        added=tuple(
            PackedFile(
                node=one.node,
                file=one.path,
                sha256=one.sha256,
                bytes=one.tally.size,
                lines=one.tally.lines,
                events=one.tally.events,
                damaged=one.tally.damaged,
            )
            for one in done.added
        ),
        there=tuple(PackedBefore(node=file.node, file=file.path, known_as=one.path) for file, one in done.there),
    )
