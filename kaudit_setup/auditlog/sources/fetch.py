"""Logs of other machines brought here for questions that count lines; the caller throws the copies away."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from io import BufferedWriter, FileIO
from itertools import groupby
from pathlib import Path

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.coverage.unreadable import together
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.prefilter import needles, patterns
from kaudit_setup.auditlog.raw_lines import misshapen
from kaudit_setup.auditlog.sources.listing import Listing
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.log_node import LogNode, Progress, Unpack
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.errors import KauditError
from kaudit_setup.values import replace

_SMALL_BYTES = 1 << 20
"""Files up to this size come together, so many or so many bytes at once: each of its own costs a round trip."""
_MOST_FILES = 500
_TOGETHER_BYTES = 32 << 20


def fetched(node: LogNode, found: Listing, into: Path, progress: Progress) -> tuple[tuple[LogFile, ...], list[str]]:
    """The files of `found`, each with a private copy in the folder `into`, and sentences about what was lost.

    A file is copied as long as it was when it was listed. Raises NodeError, and KauditError if the folder cannot be
    written.
    """
    try:
        into.mkdir(mode=0o700)
        return _fetched(node, found, into, progress)
    except OSError as error:
        raise _unkept(f"the log of {node.name}", into, error) from error


def _fetched(node: LogNode, found: Listing, into: Path, progress: Progress) -> tuple[tuple[LogFile, ...], list[str]]:
    files: list[LogFile] = []
    notes: list[str] = []
    for group in _together(found.files):
        copies = [into / str(len(files) + number) for number in range(len(group))]
        if len(group) == 1 or not _several(node, group, copies):
            for file, copy in zip(group, copies, strict=True):
                if not _one(node, file, copy, progress):
                    notes.append(f"{file.path} was rotated away while it was fetched")
        files += [_copied(file, copy, file.gzipped) for file, copy in zip(group, copies, strict=True)]
    return tuple(files), notes


class Narrowed(LocalLogs):
    """What fits of logs on other machines, as files here. What those logs cover is what their machines said."""

    def __init__(self, files: Sequence[LogFile], covers: Sequence[Coverage]) -> None:
        """`covers`: of the whole logs."""
        super().__init__(files)
        self._covers = tuple(covers)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`; what turned out to be damaged here has no line number of its own there."""
        here = {one.log: one for one in super().coverage()}
        return tuple(_with(cover, here.get(cover.log)) for cover in self._covers)

    def without(self, logs: Container[tuple[str, str]]) -> Narrowed:
        """The same, but for `logs` (see `LogFile.log`)."""
        return Narrowed(
            [file for file in self.files if file.log not in logs],
            [cover for cover in self._covers if cover.log not in logs],
        )


def _with(cover: Coverage, here: Coverage | None) -> Coverage:
    """What a machine said, with what was met in its lines; it looks at the first and the last line of a file only."""
    if here is None:
        return cover
    return replace(
        cover,
        first=min(filter(None, (cover.first, here.first)), default=""),
        last=max(cover.last, here.last),
        damaged=cover.damaged + here.damaged,
        located=(*cover.located, *((path, replace(damage, line=0)) for path, damage in here.located)),
        unreadable=together(cover.unreadable, here.unreadable),
    )


def narrowed(logs: RemoteLogs, wanted: Filter, into: Path) -> Narrowed:
    """The lines of `logs` that may fit `wanted`, searched for where they are, with a private copy of what is found in
    each file in the folder `into`. Raises NodeError, and KauditError if the folder cannot be written.
    """
    files: list[LogFile] = []
    found = logs.candidates(needles(wanted), wanted.window, patterns(wanted))
    try:
        for file, hits in groupby(found, lambda hit: hit.file):
            copy = into / str(len(files))
            with _private(copy) as out:
                for hit in hits:
                    why = misshapen(hit.text)
                    if not why:
                        out.write(hit.text + b"\n")
                    elif file.gzipped:  # the machine counts them itself, but not in its compressed files
                        logs.damaged(hit, why)
            files.append(_copied(file, copy, gzipped=False))
    except OSError as error:
        raise _unkept("the lines that fit", into, error) from error
    return Narrowed(files, logs.coverage())


def _copied(file: LogFile, copy: Path, gzipped: bool) -> LogFile:
    info = copy.stat()
    inode = (info.st_dev, info.st_ino)
    return replace(file, size=info.st_size, inode=inode, gzipped=gzipped, copy=str(copy))


def _unkept(what: str, into: Path, error: OSError) -> KauditError:
    return KauditError(
        f"{what} cannot be kept in {into}: {error.strerror or error}",
        hint="make room there, or name another place for it with TMPDIR",
    )


def _together(files: Sequence[LogFile]) -> Iterator[list[LogFile]]:
    group: list[LogFile] = []
    size = 0
    for file in files:
        size += file.size
        if group and (size > _TOGETHER_BYTES or len(group) == _MOST_FILES or file.size > _SMALL_BYTES):
            yield group
            group, size = [], file.size
        group.append(file)
    if group:
        yield group


def _several(node: LogNode, files: Sequence[LogFile], copies: Sequence[Path]) -> bool:
    """Fetch them one behind the other; False if they changed on the way and one cannot tell where each begins."""
    parts: list[bytes] = []
    unpack = Unpack(parts.append)
    orders = "".join(f"{file.inode[1]} {file.path}\n" for file in files).encode("utf-8", "surrogateescape")
    ran = node.ask(["several", "gzip"], unpack.feed, stdin=orders)
    data = b"".join(parts)
    if ran.code or len(data) != sum(file.size for file in files):
        return False
    at = 0
    for file, copy in zip(files, copies, strict=True):
        with _private(copy) as out:
            out.write(data[at : at + file.size])
        at += file.size
    return True


def _one(node: LogNode, file: LogFile, copy: Path, progress: Progress) -> bool:
    """False if the file is gone from the node; its copy is empty then."""
    with _private(copy) as out:
        return node.fetch(file.path, file.inode[1], (0, file.size), out, progress) is not None


def _private(copy: Path) -> BufferedWriter:
    """A new file that is nobody else's; there may be very many, so it takes few system calls."""
    return BufferedWriter(FileIO(copy, "w", opener=lambda path, flags: os.open(path, flags, 0o600)))
