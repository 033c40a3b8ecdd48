"""Reading log files in constant memory: blocks of whole lines out of plain, compressed, growing or broken files.

No damage is fatal or ignored: what could not be read is counted and located in a `Tally`.
Files are read, not mapped into memory: truncating a mapped file would kill the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.files import STDIN, LogFile, reopen_path
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.meter import Length, Meter
from kaudit_setup.auditlog.shapes.convert import Converter, Part, Readable
from kaudit_setup.auditlog.shapes.documents import Documents
from kaudit_setup.auditlog.shapes.forms import count_lines
from kaudit_setup.auditlog.shapes.lines import any_line
from kaudit_setup.auditlog.shapes.opening import begin
from kaudit_setup.auditlog.shapes.origins import of_server
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.auditlog.shapes.search_terms import SearchTerms
from kaudit_setup.auditlog.unpacking.compression import CUT

BLOCK_BYTES = 1 << 20
UNIT_BYTES = 32 << 20
_SMALLEST_UNIT_BYTES = 8 << 20  # bytes; to fork for less takes more time than it saves
_SMALLEST_BLOCK_BYTES = 1 << 14
_WINDOW_BYTES = 1 << 18  # bytes in which a place is looked for at which a part of a file may begin
LONGEST_LINE_BYTES = 16 << 20
"""Longer lines are counted as damaged: kube-apiserver itself refuses bodies above 3 MB."""
_UNFINISHED = "a last line that is cut short: it is still being written, or the server died while it wrote"

_AGAIN = "run the same command again"


class Unit(msgspec.Struct, frozen=True):
    """A part of a file that one worker reads: the lines that begin in [start, end). `end` -1 means to the end."""

    index: int
    file: LogFile
    start: int = 0
    end: int = -1
    reading: Reading | None = None
    """How its file is read, which only its beginning tells; None for the first part if nobody has looked yet."""
    meter: Meter | None = None
    """Told how far it was read."""

    @property
    def length(self) -> Length:
        """In bytes, as they lie on the disk."""
        end = self.file.size if self.end < 0 else self.end
        return Length(self.file.key, -1 if self.file.once else max(end - self.start, 0))


def too_long() -> str:
    """The damage of a line that is skipped because of its length."""
    return f"a line longer than {LONGEST_LINE_BYTES >> 20} MiB"


def plan(files: Sequence[LogFile], unit: int = UNIT_BYTES, *, readers: int = 1) -> list[Unit]:
    """`files` cut into parts of about `unit` bytes, in order; what has to be read from its beginning stays whole.
    Parts of files in other shapes, which take longer, are smaller where there would be fewer than `readers`.
    """
    share = sum(file.size for file in files) // readers
    least = min(unit, max(share, _SMALLEST_UNIT_BYTES))
    units: list[Unit] = []
    for file in files:
        starts, reading = [0], None
        if not file.gzipped and file.size > least + least // 2:
            starts, reading = _cut(file, unit, least)
        for start, end in zip(starts, [*starts[1:], -1], strict=True):
            units.append(Unit(len(units), file, start, end, reading))
    return units


def _cut(file: LogFile, unit: int, least: int) -> tuple[list[int], Reading | None]:
    """Where the parts of a file begin, and how it is read; `least`: bytes of each if it is in another shape."""
    wanted = range(0, file.size - unit // 2, unit)
    try:
        with Path(file.copy or file.path).open("rb", buffering=0) as stream:
            start = begin(stream, Tally())
            if start.packed:
                return [0], start.reading
            if start.reading is not None:
                wanted = range(0, file.size - least // 2, least)
            find = _find_begin(start.reading)
            if find is None:
                return list(wanted), start.reading
            found = [find(stream, at) for at in wanted[1:]]
    except OSError:  # who reads it says so
        return list(wanted), None
    return [0, *sorted({at for at in found if at >= 0})], start.reading


def _find_begin(reading: Reading | None) -> Callable[[BinaryIO, int], int] | None:
    """Finds the first byte behind one at which one may begin to read, -1 if there is none nearby; None if each line
    will do.
    """
    if reading is not None and reading.documents is not None:
        return partial(_between, documents=reading.documents)
    border = any_line if reading is None else reading.border
    if border is None:
        return _nowhere
    return None if border is any_line else partial(_border, border=border)


def _nowhere(stream: BinaryIO, start: int) -> int:
    """Of a file that is read from its beginning."""
    del stream, start
    return -1


def _border(stream: BinaryIO, start: int, border: Callable[[bytes], int]) -> int:
    """The first byte behind `start` at which one may begin to read; -1 if there is none nearby."""
    at = _line_start(stream, start)
    window = stream.read(_WINDOW_BYTES)
    found = border(window[: window.rfind(b"\n") + 1])
    return at + found if found >= 0 else -1


def _between(stream: BinaryIO, start: int, documents: Documents) -> int:
    """The first byte behind `start` at which an element seems to end, and another one follows; -1 if there is none
    nearby. Who reads up to there knows whether that is so.
    """
    stream.seek(start)
    found = documents.behind(stream.read(_WINDOW_BYTES))
    return start + found if found >= 0 else -1


def blocks(
    unit: Unit,
    tally: Tally,
    block: int = BLOCK_BYTES,
    sought: SearchTerms | None = None,
    decoder: Decoder | None = None,
) -> Iterator[Block]:
    """The lines of `unit` in blocks of about `block` bytes; of a file in another shape, the JSON lines that it holds,
    of which those that hold nothing of what is `sought` may be left out. `decoder`: for who decodes all of
    them: of some shapes that is done on the way.

    Holes of NUL bytes, lines that are too long, an unfinished last line and a broken compression are left out and
    counted in `tally`, which also learns the time covered.
    """
    stream = _open(unit.file, tally)
    if stream is None:
        return
    try:
        # thousands of small files: room that is not needed takes longer to make than they take to read
        room = min(block, max(unit.file.size + 1, _SMALLEST_BLOCK_BYTES))
        for part in _parts(stream, unit, tally, room, sought, decoder):
            tally.size += part.size
            if unit.meter is not None:
                unit.meter.read(unit.index, _at(stream, part) - unit.start)
            yield part
        if unit.file.lost and unit.end < 0:
            tally.damage(0, unit.file.lost)
            tally.note(f"the end of {unit.file.path} is missing: {unit.file.lost}")
    except OSError as error:
        tally.lose(f"reading failed midway: {error.strerror}")
    finally:
        if unit.file.path != STDIN or unit.file.copy:
            stream.close()


def lines_before(file: LogFile, places: Collection[int]) -> dict[int, int]:
    """How many lines end before each of these bytes of a (decompressed) file, which is read up to the last one. One
    byte may be behind the file, as if its last line were ended; what it does not have is left out.
    """
    found: dict[int, int] = {}
    stream = _open(file, Tally())
    if stream is None:
        return found
    with stream, suppress(OSError):  # who has read the file before has said what is wrong with it
        start = begin(stream, Tally())
        piece, at, size, done, lines = bytearray(BLOCK_BYTES), start.at, 0, 0, 0
        for place in sorted(places):
            while place > at + size:
                lines += count_lines(piece, size, done)
                at, done, last = at + size, 0, piece[max(size, 1) - 1]
                size = start.source.readinto(memoryview(piece)) or 0
                if not size:
                    # a last line may have no end
                    return {**found, place: lines + 1} if place == at + 1 and last != _NEWLINE else found
            lines += count_lines(piece, place - at, done)
            done = place - at
            found[place] = lines
    return found


_NEWLINE: Final = ord("\n")


def _at(stream: BinaryIO, part: Block) -> int:
    """How many bytes of a file were read, as they lie on the disk; of a pipe, as far as its lines tell."""
    try:
        return stream.tell()
    except OSError:
        return part.at + part.size


def _parts(
    stream: BinaryIO, unit: Unit, tally: Tally, room: int, sought: SearchTerms | None, decoder: Decoder | None
) -> Iterator[Block]:
    at, source, reading = unit.start, cast(Readable, stream), unit.reading
    documents = reading.documents if reading else None
    if unit.start and documents:
        stream.seek(at)
    elif unit.start:
        at = _line_start(stream, unit.start)
    else:
        start = begin(stream, tally, server=of_server(unit.file.path))
        at, source, reading = start.at, start.source, reading or start.reading
        documents = reading.documents if reading else None
        if unit.file.gzipped and start.empty and not unit.file.size:  # not even the header
            tally.lose(CUT)
    converter = Converter(reading, tally, sought, decoder)
    if documents is not None:
        yield from converter.documents(source, documents, room, Part(unit.start, unit.end))
    else:
        text = _blocks(source, unit.end, at, tally, room, strict=reading is None, goes_on=lambda: converter.goes_on)
        yield from converter.lines(text)


def _blocks(
    source: Readable, end: int, at: int, tally: Tally, room: int, *, strict: bool, goes_on: Callable[[], bool]
) -> Iterator[Block]:
    """Up to byte `end` (-1: all of it); to the end of the file if something `goes_on` there, as then the part behind
    does not begin where it seems to.
    """
    buffer = _Buffer(room, at, tally)
    while end < 0 or buffer.at < end or goes_on():
        if 0 <= end <= buffer.at:
            end, tally.overran = -1, True
            buffer.search_again()
        elif not buffer.fill(source):
            yield from buffer.rest(strict=strict)
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

    def search_again(self) -> None:
        """Look for whole lines in what is held already."""
        self._searched = 0

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
            if hole:
                self._tally.damage(0, "a hole of NUL bytes")
            else:
                self._tally.lose(too_long(), "export it in smaller parts, or as JSON lines")
        self.drop(self.size)

    def _is_hole(self) -> bool:
        """Whether there are only NUL bytes: what a crash or logrotate's `copytruncate` leaves; it may be huge."""
        return self.data[0] == 0 and not self.data[: self.size].strip(b"\0")

    def rest(self, *, strict: bool) -> Iterator[Block]:
        """What follows the last newline: an event whose newline is missing, or one that is still being written.
        Unless `strict`, also text that is none.
        """
        text = self.data[: self.size]
        bare = text.strip(b"\0 \t\r")
        # where a file is cut short, that is said of the file
        cut = bool(self._tally.losses) and not bare.endswith(b"}")
        if self._in_line or not bare or cut:
            return
        # in other shapes a line may be a list of events
        if bare.endswith(b"}" if strict else (b"}", b"]")) or not (strict or b"auditID" in bare):
            yield Block(text + b"\n", len(text) + 1, self.at)
            return
        # an event that is still being written is expected at the end of a log; any other text is not, nor is it alone
        expected = self.at > 0 and (bare.startswith(b"{") or not strict)
        self._tally.damage(0, "an unfinished last line", b"" if expected else bytes(bare))
        if expected:
            self._tally.note(_UNFINISHED)


def _open(file: LogFile, tally: Tally) -> BinaryIO | None:
    """The file that was found, even if it was rotated or compressed in the meantime."""
    if file.path == STDIN and not file.copy:
        return sys.stdin.buffer
    try:
        stream = _try_open(file.copy or file.path)
    except OSError as error:
        tally.lose(error.strerror or str(error))
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
        tally.lose("it was rotated away while the log was read", _AGAIN)
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
