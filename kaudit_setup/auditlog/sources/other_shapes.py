"""Files on other machines whose lines are not events as they stand: brought here to be read.

A grep there cannot be trusted with them: container runtimes cut lines into parts, shippers escape what they write.
kubelet keeps some 50 MiB of a container's log, which is a few MiB on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.opening import FAR_BYTES, LOOK_BYTES, begin
from kaudit_setup.auditlog.sources.log_node import LogNode
from kaudit_setup.auditlog.unpacking.compression import GZIP, MAGICS
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.values import replace


class SortedOut(msgspec.Struct, frozen=True):
    """Files of lines that can be searched where they are; files in other shapes; bytes that crossed the network."""

    lines: tuple[LogFile, ...]
    shaped: tuple[LogFile, ...]
    moved: int


class Brought(msgspec.Struct, frozen=True):
    """A file of another machine with a copy here; bytes that crossed the network."""

    file: LogFile
    moved: int


def sort_out(node: LogNode, files: Sequence[LogFile]) -> SortedOut:
    """Look at the beginning of each of `files`. Raises NodeError."""
    lines: list[LogFile] = []
    shaped: list[LogFile] = []
    moved = 0
    for file in files:
        head = BytesIO()
        for size in (LOOK_BYTES, FAR_BYTES):
            stretch = (head.tell(), min(file.size, size))
            moved += node.fetch(file.path, file.inode[1], stretch, head) or 0
            if b"\n" in head.getvalue() or head.tell() == file.size:
                break
        (shaped if _has_shape(head) else lines).append(file)
    return SortedOut(tuple(lines), tuple(shaped), moved)


def _has_shape(head: BytesIO) -> bool:
    text = head.getvalue()
    head.seek(0)
    if text.startswith(MAGICS) and not text.startswith(GZIP):
        return True  # not known there
    start = begin(head, Tally())
    return start.wide or start.reading is not None


@contextmanager
def brought_here(node: LogNode, file: LogFile) -> Iterator[Brought]:
    """`file` with a private copy while it is searched. Raises NodeError; KauditError if it cannot be kept here."""
    try:
        with TemporaryDirectory(prefix="kaudit-setup-") as folder:
            copy = Path(folder) / "log"
            with copy.open("wb") as out:
                got = node.fetch(file.path, file.inode[1], (0, file.size), out)
            if got is None:
                raise NodeError(f"{node.name}: {file.path} was rotated away", hint="run the same command again")
            info = copy.stat()
            inode = (info.st_dev, info.st_ino)
            yield Brought(replace(file, size=info.st_size, inode=inode, copy=str(copy)), got)
    except OSError as error:
        raise KauditError(
            f"{file.path} of {node.name} cannot be kept here, to be searched: {error.strerror or error}",
            hint="make room there, or name another place for it with TMPDIR",
        ) from error
