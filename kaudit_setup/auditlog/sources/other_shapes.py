"""Files on other machines whose lines are not events as they stand: which of them their machine can sift, and what
has to be brought here to be read: a whole file in one line, a journald export, UTF-16, zstd, xz, bzip2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.raw_lines import PADDING, not_an_event
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.opening import FAR_BYTES, LOOK_BYTES, begin
from kaudit_setup.auditlog.sources.log_node import LogNode
from kaudit_setup.auditlog.sources.remote_filter import RUNTIMES, RemoteFilter, remote_filter_of
from kaudit_setup.auditlog.unpacking.compression import MAGICS
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.values import replace

_LOOKED_AT_LINES = 200


class SortedOut(msgspec.Struct, frozen=True):
    """Files of JSON lines that can be searched where they are; files in other shapes that can be sifted there; files
    that have to be brought here; bytes that crossed the network. `samples`: the first lines that are not events of
    files that are searched where they are, by which it can be told what they are instead.
    """

    lines: tuple[LogFile, ...]
    sifted: tuple[RemoteFilter, ...]
    shaped: tuple[LogFile, ...]
    moved: int
    samples: Mapping[str, Sequence[bytes]] = {}


class Brought(msgspec.Struct, frozen=True):
    """A file of another machine with a copy here; bytes that crossed the network."""

    file: LogFile
    moved: int


def sort_out(node: LogNode, files: Mapping[LogFile, str]) -> SortedOut:
    """Look at the beginning of each of `files`, unless its machine said what it looks like. Raises NodeError."""
    lines: list[LogFile] = []
    sifted: list[RemoteFilter] = []
    shaped: list[LogFile] = []
    samples: dict[str, Sequence[bytes]] = {}
    moved = 0
    for file, shape in files.items():
        if shape in RUNTIMES:
            sifted.append(RemoteFilter(file, shape, RUNTIMES[shape]))
            continue
        head, crossed = _beginning(node, file)
        moved += crossed
        if head.startswith(MAGICS):  # in a way that the script does not know
            shaped.append(file)
            continue
        start = begin(BytesIO(head), Tally())
        way = None if start.wide or start.reading is None else remote_filter_of(file, start.reading, head)
        if way is not None:
            sifted.append(way)
        elif start.wide or start.reading is not None:
            shaped.append(file)
        else:
            lines.append(file)
            samples[file.path] = _samples(head)
    return SortedOut(tuple(lines), tuple(sifted), tuple(shaped), moved, samples)


def _samples(head: bytes) -> list[bytes]:
    """The first lines that are not events, as `Tally` keeps them."""
    met = Tally()
    for line in head.split(b"\n")[:_LOOKED_AT_LINES]:
        if line.strip() and (why := not_an_event(line)):
            met.damage(0, why, line.strip(PADDING))
    return met.samples


def _beginning(node: LogNode, file: LogFile) -> tuple[bytes, int]:
    """How a file begins, unpacked if the script can do that, and how many bytes crossed the network for it."""
    moved = 0
    for most in (LOOK_BYTES, FAR_BYTES):
        head, crossed = node.begin(file.path, file.inode[1], most)
        moved += crossed
        if b"\n" in head or len(head) < most:
            break
    return head, moved


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
