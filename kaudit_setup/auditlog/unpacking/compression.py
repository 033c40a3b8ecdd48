"""Compressed files, told by their first bytes and read as a stream: gzip, zstd, xz, bzip2, also one inside another.

Of a damaged or truncated file what can be read is read. What grows out of all proportion is stopped.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from kaudit_setup.auditlog.files import GZIP
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.unpacking.encodings import BOM, LOOK_BYTES, InUtf8, Source, wide_encoding

if TYPE_CHECKING:
    import zstandard
    from isal import isal_zlib

_SKIPPABLE: Final = tuple(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))
MAGICS: Final = (GZIP, b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh", *_SKIPPABLE)
"""How the files begin that can be unpacked: gzip, zstd, xz, bzip2; zstd that begins with a frame of no text, as pzstd
writes it (RFC 8878). None is longer than LOOK_BYTES.
"""
CUT: Final = "a compressed file that is cut short"
_DAMAGED: Final = "a compressed file that is damaged"
_MOST_GROWTH: Final = 500
"""Times. Audit logs grow 10 to 100 times; what gzip can do ends at 1032, the others go far beyond."""
_BOMB: Final = (
    f"a compressed file that grows more than {_MOST_GROWTH} times when it is unpacked: the rest was not read"
)
_WHOLE: Final = "give a whole copy of it"
_UNPACK: Final = "unpack it and give what is in it"
_HARMLESS_BYTES: Final = 64 << 20  # bytes that anything may grow to
_PACKED_BYTES: Final = 1 << 18  # bytes that are read at once
_MOST_LAYERS: Final = 3


class _Member(Protocol):
    """One compressed stream; a file may have several, one behind the other."""

    @property
    def unused(self) -> bytes | None:
        """What follows the end of the stream; None before it."""

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """About `most` bytes of what `data` unpacks to, and the rest of `data`. Raises one of _ERRORS."""


class _Inflater:
    """gzip, by zlib or by a library with its interface."""

    def __init__(self, inflater: zlib._Decompress | isal_zlib.Decompress) -> None:
        self._inflater = inflater

    @property
    def unused(self) -> bytes | None:
        return self._inflater.unused_data if self._inflater.eof else None

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out = self._inflater.decompress(data, most)
        return out, self._inflater.unconsumed_tail


class _CarefulInflater(_Inflater):
    """By zlib, up to the very byte that is damaged: an error costs all that was to be unpacked with it."""

    def __init__(self) -> None:
        self._careful = zlib.decompressobj(wbits=31)
        super().__init__(self._careful)
        self._step = _PACKED_BYTES

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        before = self._careful.copy()
        try:
            out, rest = super().feed(data[: self._step], most)
        except zlib.error:
            if self._step == 1:
                raise
            self._inflater = self._careful = before
            self._step //= 2
            return b"", data
        return out, rest + data[self._step :]


class _Keeping:
    """xz and bzip2, which keep what they have not looked at."""

    def __init__(self, unpacker: lzma.LZMADecompressor | bz2.BZ2Decompressor) -> None:
        self._unpacker = unpacker

    @property
    def unused(self) -> bytes | None:
        return self._unpacker.unused_data if self._unpacker.eof else None

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        if self._unpacker.needs_input:
            return self._unpacker.decompress(data, most), b""
        return self._unpacker.decompress(b"", most), data


class _Zstandard:
    """zstd, whose library knows no limit: few bytes at a time, of which four may stand for 128 KiB."""

    _STEP = 1 << 9

    def __init__(self, unpacker: zstandard.ZstdDecompressionObj) -> None:
        self._unpacker = unpacker

    @property
    def unused(self) -> bytes | None:
        return self._unpacker.unused_data if self._unpacker.eof else None

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        del most
        out = self._unpacker.decompress(data[: self._STEP])
        # behind the end of a frame another may follow
        return out, data[self._STEP :]


@cache
def _quick_inflater() -> Callable[[], _Member]:
    """The quickest that is installed: 201 MB of log took isal 0.11 CPU s, zlib-ng 0.17, zlib 0.30."""
    try:
        from isal import isal_zlib
    except ImportError:  # there is no wheel for this machine
        return _CarefulInflater
    return lambda: _Inflater(isal_zlib.decompressobj(wbits=31))


@cache
def _errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [zlib.error, lzma.LZMAError, OSError, EOFError, ValueError]
    try:
        import zstandard
        from isal import isal_zlib
    except ImportError:
        return tuple(found)
    return (*found, zstandard.ZstdError, cast("type[Exception]", isal_zlib.error))


def _zstd() -> _Member:
    import zstandard

    return _Zstandard(zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj())


def _member(head: bytes) -> Callable[[], _Member] | None:
    """What unpacks a stream that begins so; None for one that is not packed."""
    if head.startswith(MAGICS[0]):
        return _quick_inflater()
    if head.startswith((MAGICS[1], *_SKIPPABLE)):
        return _zstd
    if head.startswith(MAGICS[2]):
        return lambda: _Keeping(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20))
    if head.startswith(MAGICS[3]) and head[3:4].isdigit() and head[4:6] in {b"1A", b"\x17r"}:
        return lambda: _Keeping(bz2.BZ2Decompressor())
    return None


class Unpacked:
    """A stream as it is, or unpacked if it is compressed, whatever its name says, its text in UTF-8; with a look at
    its beginning.
    """

    def __init__(self, stream: BinaryIO, tally: Tally) -> None:
        """Takes in damage in `tally`."""
        self._source: Source = stream
        self.packed = False
        """Whether its bytes are others than those of the text: it is compressed, or in UTF-16."""
        self.wide = False
        """Whether it is in UTF-16."""
        self.mark = 0
        """Bytes of a byte order mark that stands before the text."""
        head = b""
        for _ in range(_MOST_LAYERS):
            head = _begin(self._source)
            found = _member(head)
            self._source = _Behind(head, self._source)
            if found is None:
                break
            again = stream if not self.packed and stream.seekable() else None
            self._source = _Unpacking(self._source, found, tally, again)
            self.packed = True
        self._in_utf8(head)

    def _in_utf8(self, head: bytes) -> None:
        if encoding := wide_encoding(head):
            self._source = InUtf8(self._source, encoding)
            self.packed = self.wide = True
        elif head.startswith(BOM):
            self.mark = len(BOM)
            self._source.read(self.mark)

    def peek(self, size: int) -> bytes:
        """The first bytes, at least one unless it is empty; they are read again."""
        parts: list[bytes] = []
        have = 0
        while have < size and (part := self._source.read(size - have)):
            parts.append(part)
            have += len(part)
        head = b"".join(parts)
        self._source = _Behind(head, self._source)
        return head

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one; none at the end."""
        return self._source.read(size) or b""

    def readinto(self, into: memoryview, /) -> int:
        """Fill `into`, at least a part of it; 0 at the end."""
        data = self.read(len(into))
        into[: len(data)] = data
        return len(data)


def _begin(source: Source) -> bytes:
    head = b""
    while len(head) < LOOK_BYTES and (part := source.read(LOOK_BYTES - len(head))):
        head += part  # a pipe gives what is there
    return head


class _Behind:
    """A stream with a few bytes put back in front of it (standard input cannot seek)."""

    def __init__(self, head: bytes, stream: Source) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes | None:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._stream.read(size)


class _Unpacking:
    """The members of a compressed stream, one after the other."""

    def __init__(self, source: Source, member: Callable[[], _Member], tally: Tally, file: BinaryIO | None) -> None:
        """`file`: what can be read again from its beginning, to get at what stands before damage; None if that
        cannot be.
        """
        self._source = source
        self._new = member
        self._member = member()
        self._tally = tally
        self._file = file
        self._input = b""
        self._ready = b""
        self._read = self._given = 0
        self._over = False

    def read(self, size: int, /) -> bytes:
        while not self._ready and not self._over:
            self._ready = self._step(size)
        out, self._ready = self._ready[:size], self._ready[size:]
        return out

    def _step(self, size: int) -> bytes:
        if not self._input:
            self._input = self._source.read(_PACKED_BYTES) or b""
            self._read += len(self._input)
        ended = not self._input
        try:
            out, self._input = self._member.feed(self._input, size)
        except _errors():
            self._after_damage()
            return b""
        self._given += len(out)
        if self._member.unused is not None:
            self._next_member(self._member.unused)
        elif ended and not out:
            self._end(CUT)
        elif self._given > max(_HARMLESS_BYTES, _MOST_GROWTH * self._read):
            self._end(_BOMB)
        return out

    def _next_member(self, unused: bytes) -> None:
        rest = (unused + self._input).lstrip(b"\0")
        while not rest and (more := self._source.read(_PACKED_BYTES)):
            self._read += len(more)
            rest = more.lstrip(b"\0")
        self._input, self._over = rest, not rest
        if rest:
            self._member = self._new()

    def _after_damage(self) -> None:
        """Get at what stands before the damaged byte: by the slower way, from the beginning."""
        if self._file is None or self._new is not _quick_inflater() or self._new is _CarefulInflater:
            self._end(_DAMAGED)
            return
        self._file.seek(0)
        self._source, self._file, self._input = self._file, None, b""
        self._new, self._member = _CarefulInflater, _CarefulInflater()
        again, self._given = self._given, 0
        while again and (part := self.read(min(again, _PACKED_BYTES))):
            again -= len(part)

    def _end(self, what: str) -> None:
        self._over = True
        self._tally.lose(what, _UNPACK if what == _BOMB else _WHOLE)
