"""Reading log files in constant memory: blocks of whole lines out of plain, compressed, growing or broken files.

No damage is fatal or ignored: what could not be read is counted and located in a `Tally`.
Files are read, not mapped into memory: truncating a mapped file would kill the process.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from kaudit_setup.auditlog.files import GZIP, STDIN, LogFile, reopen_path
from kaudit_setup.auditlog.scan_statistics import Tally

BLOCK_BYTES = 1 << 20
UNIT_BYTES = 32 << 20
_SMALLEST_BLOCK_BYTES = 1 << 14
LONGEST_LINE_BYTES = 16 << 20
"""Longer lines are counted as damaged: kube-apiserver itself refuses bodies above 3 MB."""
_PACKED_BYTES = 1 << 18  # bytes of a compressed file that are read at once
_CUT = "a compressed file that is cut short"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a file that one worker reads: the lines that begin in [start, end). `end` -1 means to the end."""

    index: int
    file: LogFile
    start: int = 0
    end: int = -1


@dataclass(slots=True)
class Block:
    """Whole lines, each ended by a newline: `data[:size]`, from byte `at` of the (decompressed) file on.

    Valid until the next block is asked for.
    """

    data: bytearray
    size: int
    at: int

    @property
    def view(self) -> memoryview:
        """The lines without the spare room behind them."""
        return memoryview(self.data)[: self.size]

    def sizes(self) -> list[int]:
        """The lines' sizes, newline included."""
        return list(map(len, BytesIO(self.view)))

    def lines(self, start: int, stop: int) -> int:
        """How many lines end in `data[start:stop]`; `bytearray.count` takes twice as long."""
        find = self.data.find
        count = 0
        while (start := find(b"\n", start, stop) + 1) > 0:
            count += 1
        return count

    def numbers(self, starts: Iterable[int], first: int) -> Iterator[int]:
        """The numbers of the lines that begin at `starts` (ascending), if the first line of the block is number
        `first`; 0 for all if that is 0.
        """
        done, number = 0, first
        for start in starts:
            if first:
                number += self.lines(done, start)
                done = start
            yield number


def too_long() -> str:
    """The damage of a line that is skipped because of its length."""
    return f"a line longer than {LONGEST_LINE_BYTES >> 20} MiB"


def plan(files: Sequence[LogFile], unit: int = UNIT_BYTES) -> list[Unit]:
    """`files` cut into parts of about `unit` bytes, in order; compressed files and standard input stay whole."""
    units: list[Unit] = []
    for file in files:
        starts = [0]
        if not file.gzipped and file.size > unit + unit // 2:
            starts = list(range(0, file.size - unit // 2, unit))
        for start, end in zip(starts, [*starts[1:], -1], strict=True):
            units.append(Unit(len(units), file, start, end))
    return units


class Readable(Protocol):
    """Bytes to read, wherever they come from."""

    def readinto(self, into: memoryview, /) -> int | None:
        """Fill `into`, at least a part of it; 0 at the end."""
        ...


def blocks(unit: Unit, tally: Tally, block: int = BLOCK_BYTES) -> Iterator[Block]:
    """The lines of `unit` in blocks of about `block` bytes.

    Holes of NUL bytes, lines that are too long, an unfinished last line and a broken compression are left out and
    counted in `tally`, which also learns the time covered.
    """
    stream = _open(unit.file, tally)
    if stream is None:
        return
    try:
        at = _line_start(stream, unit.start) if unit.start else 0
        source = cast(Readable, stream) if unit.start else _unpacked(stream, unit.file, tally)
        # thousands of small files: room that is not needed takes longer to make than they take to read
        room = min(block, max(unit.file.size + 1, _SMALLEST_BLOCK_BYTES))
        for part in _blocks(source, unit.end, at, tally, room):
            tally.size += part.size
            tally.watch(part.data, part.size)
            yield part
    except OSError as error:
        tally.damage(0, f"reading failed midway: {error.strerror}")
        tally.note(f"reading {unit.file.path} failed midway: {error.strerror}")
    finally:
        if unit.file.path != STDIN or unit.file.copy:
            stream.close()


def _blocks(source: Readable, end: int, at: int, tally: Tally, room: int) -> Iterator[Block]:
    buffer = _Buffer(room, at, tally)
    while end < 0 or buffer.at < end:
        if not buffer.fill(source):
            yield from buffer.rest()
            return
        if size := buffer.whole_lines(end):
            yield Block(buffer.data, size, buffer.at)
            buffer.drop(size)


class _Buffer:
    """What was read and not given out yet: `data[:size]`, which stands at byte `at`. Its last line may be unfinished;
    a line that is too long, or a hole of NUL bytes, is given up (and counted) piece by piece.
    """

    def __init__(self, room: int, at: int, tally: Tally) -> None:
        self.data = bytearray(room)
        self.size = 0
        self.at = at
        self._tally = tally
        self._searched = 0  # no line ends before this byte
        self._in_line = False  # inside a line that was given up
        self._in_hole = False  # inside NUL bytes that were counted

    def fill(self, source: Readable) -> bool:
        """Read on; False at the end."""
        self._searched = self.size
        with memoryview(self.data) as whole, whole[self.size :] as room:
            got = source.readinto(room) or 0
        self.size += got
        return got > 0

    def drop(self, count: int) -> None:
        """Forget the first bytes."""
        self.data[: self.size - count] = self.data[count : self.size]
        self.size -= count
        self.at += count

    def whole_lines(self, end: int) -> int:
        """How many bytes whole lines take that begin before byte `end` (-1: anywhere); 0 if none is whole yet."""
        if self._in_hole:
            self.drop(self.size - len(self.data[: self.size].lstrip(b"\0")))
            self._in_hole = not self.size
        if not self.size:
            return 0
        cut = self.data.rfind(b"\n", self._searched, self.size) + 1
        if not cut:
            self._go_on()
        elif self._in_line:
            begin = self.data.find(b"\n", 0, cut) + 1
            self.drop(begin)
            self._in_line = False
            return cut - begin
        elif end >= 0 and self.at + cut > end:
            # the last own line begins before the end and finishes at it or behind it
            return self.data.find(b"\n", max(end - self.at - 1, 0), cut) + 1
        return cut

    def _go_on(self) -> None:
        """No line ends in what is held: make room for more of it, or give it up."""
        if not self._in_line:
            hole = self._is_hole()
            if self.size < LONGEST_LINE_BYTES and not hole:
                if self.size == len(self.data):
                    self.data = self.data + bytearray(len(self.data))
                return
            self._in_hole, self._in_line = hole, not hole
            self._tally.damage(0, "a hole of NUL bytes" if hole else too_long())
        self.drop(self.size)

    def _is_hole(self) -> bool:
        """Whether there are only NUL bytes: what a crash or logrotate's `copytruncate` leaves; it may be huge."""
        return self.data[0] == 0 and not self.data[: self.size].strip(b"\0")

    def rest(self) -> Iterator[Block]:
        """What follows the last newline: an event whose newline is missing, or one that is still being written."""
        text = self.data[: self.size]
        bare = text.strip(b"\0 \t\r")
        if self._in_line or not bare:
            return
        if bare.endswith(b"}"):
            yield Block(text + b"\n", len(text) + 1, self.at)
        else:
            # an event that is still being written is expected at the end of a log; any other text is not
            self._tally.damage(0, "an unfinished last line", b"" if bare.startswith(b"{") else bytes(bare))


def _open(file: LogFile, tally: Tally) -> BinaryIO | None:
    """The file that was found, even if it was rotated or compressed in the meantime."""
    if file.path == STDIN and not file.copy:
        return sys.stdin.buffer
    try:
        stream = _try_open(file.copy or file.path)
    except OSError as error:
        tally.damage(0, f"cannot be read: {error.strerror}")
        tally.note(f"{file.path} cannot be read: {error.strerror}")
        return None
    if stream is not None:
        info = os.fstat(stream.fileno())
        if (info.st_dev, info.st_ino) == file.inode:
            if info.st_size < file.size:
                tally.note(f"{file.path} was cut from {file.size} to {info.st_size} bytes while it was read")
            return stream
        stream.close()
    moved = reopen_path(file)
    stream = _try_open(moved) if moved else None
    if stream is None:
        tally.damage(0, "the file is gone")
        tally.note(f"{file.path} was rotated away while the log was read")
        return None
    tally.note(f"{file.path} was rotated while the log was read and is now {moved}")
    return stream


def _try_open(path: str) -> BinaryIO | None:
    try:
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        return None


def _line_start(stream: BinaryIO, start: int) -> int:
    """Go to the first line that begins at `start` or later; the one that spans it belongs to the part before."""
    at = start - 1
    stream.seek(at)
    while chunk := stream.read(1 << 16):
        found = chunk.find(b"\n")
        if found >= 0:
            at += found + 1
            break
        at += len(chunk)
    stream.seek(at)
    return at


def _unpacked(stream: BinaryIO, file: LogFile, tally: Tally) -> Readable:
    """`stream`, decompressed if it is gzip, whatever its name says."""
    head = stream.read(2) or b""
    if file.gzipped and not head:
        tally.damage(0, _CUT)
        tally.note(_CUT)
    if len(head) == 1:  # a pipe gives what is there
        head += stream.read(1) or b""
    if head.startswith(GZIP):
        return _Gunzip(stream, head, tally)
    return _Behind(head, stream)


class _Behind:
    """A stream with a few bytes put back in front of it (standard input cannot seek)."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = cast(Readable, stream)

    def readinto(self, into: memoryview, /) -> int | None:
        if self._head:
            head, self._head = self._head, b""
            into[: len(head)] = head
            return len(head)
        return self._stream.readinto(into)


class _Gunzip:
    """Gzip in any number of members; of a truncated or damaged file, what can be read, and a note."""

    def __init__(self, stream: BinaryIO, head: bytes, tally: Tally) -> None:
        self._stream = stream
        self._input = head
        self._tally = tally
        self._member = zlib.decompressobj(wbits=31)
        self._step = _PACKED_BYTES  # how much of the input is tried at once
        self._over = False

    def readinto(self, into: memoryview, /) -> int | None:
        while not self._over:
            data = self._input or self._stream.read(_PACKED_BYTES)
            if not data:
                self._end(_CUT)
                break
            before = self._member.copy()
            try:
                out = self._member.decompress(data[: self._step], len(into))
            except zlib.error:
                if self._step == 1:
                    self._end("a compressed file that is damaged")
                    break
                # an error costs all that was decompressed with it: go up to it in ever smaller steps
                self._member, self._input, self._step = before, data, self._step // 2
                continue
            untried = data[self._step :]
            if self._member.eof:
                self._next_member(untried)
            else:
                self._input = self._member.unconsumed_tail + untried
            if out:
                into[: len(out)] = out
                return len(out)
        return 0

    def _end(self, what: str) -> None:
        self._over = True
        self._tally.damage(0, what)
        self._tally.note(what)

    def _next_member(self, untried: bytes) -> None:
        rest = (self._member.unused_data + untried).lstrip(b"\0")
        rest = rest or (self._stream.read(_PACKED_BYTES) or b"").lstrip(b"\0")
        if not rest:
            self._over = True
            return
        self._input = rest
        self._member = zlib.decompressobj(wbits=31)
