"""The index of a part: in which of its blocks each word and each value stands.

    chunk ...        keys in their order, and for each the blocks that it stands in; compressed
    contents         msgpack: where each chunk begins, and its first key
    tail             how long the contents are, their checksum, and MAGIC

Only the chunks that a question needs are read. What is kept of UIDs has chunks of its own: each request has one, and
most questions are not about them. There is no word that ends like a UID and is not one of them (`tokens.Words`).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from io import SEEK_END
from operator import and_, or_
from typing import BinaryIO
from zlib import crc32

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.tokens import LONG_CUT, Blocks, Words, begins, ends, has_inside, is_short_uid

MAGIC = b"KAUDIT-INDEX-2\n\0"
_TAIL = struct.Struct(f"<II{len(MAGIC)}s")
_CHUNK_KEYS = 2048
_END = b"\n"  # no key has one: a line ends there


class _Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Where some keys are: `packed` bytes from byte `at` on, `size` of them unpacked."""

    first: bytes
    at: int
    packed: int
    size: int
    count: int
    check: int


class _Contents(msgspec.Struct, frozen=True, array_like=True):
    """`width`: bytes that say in which blocks a key stands."""

    width: int
    words: list[_Chunk]
    uids: list[_Chunk]


_CONTENTS = msgspec.msgpack.Decoder(_Contents)


def encode(index: Mapping[bytes, Blocks], blocks: int) -> bytes:
    """The file of an index of a part with so many blocks."""
    width = (blocks + 7) // 8
    parts: list[bytes] = []
    words: list[bytes] = []
    uids: list[bytes] = []
    for key in sorted(index):
        (uids if is_short_uid(key) else words).append(key)
    spelt = {where: where.to_bytes(width, "little") for where in set(index.values())}
    at = 0
    tables: list[list[_Chunk]] = []
    for keys in (words, uids):
        chunks = []
        for start in range(0, len(keys), _CHUNK_KEYS):
            some = keys[start : start + _CHUNK_KEYS]
            where = b"".join([spelt[index[key]] for key in some])
            text = _END + _END.join(some) + _END + where
            packed = _packed(text)
            chunks.append(_Chunk(some[0], at, len(packed), len(text), len(some), crc32(packed)))
            parts.append(packed)
            at += len(packed)
        tables.append(chunks)
    contents = msgspec.msgpack.encode(_Contents(width, *tables))
    return b"".join([*parts, contents, _TAIL.pack(len(contents), crc32(contents), MAGIC)])


class Index:
    """The index of one part, read as it is needed."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """`file` stays open as long as it is asked; `name` is for errors. Raises StoreError if it is damaged."""
        self._file = file
        self._name = name
        self._packed = b""
        self._chunks: dict[int, tuple[bytes, bytes]] = {}
        try:
            end = file.seek(0, SEEK_END)
            tail = self._read(end - _TAIL.size, _TAIL.size) if end >= _TAIL.size else b""
            if not tail.endswith(MAGIC):
                raise self._damaged()
            size, check, _ = _TAIL.unpack(tail)
            contents = self._read(max(end - _TAIL.size - size, 0), size)
            if crc32(contents) != check:
                raise self._damaged()
            self._contents = _CONTENTS.decode(contents)
        except (OSError, msgspec.MsgspecError) as error:
            raise self._damaged() from error

    def look_up(self, asked: Words) -> Blocks | None:
        """The blocks in which a line may be of which all of `asked` is so; None if nothing is known of it."""
        found = [self._exact(key) for key in asked.whole]
        found += [self._begun(begin) for begin in asked.begun]
        if not found:  # every word has to be looked at, which is worth it only for want of better
            found += [self._ended(end) for end in asked.ended]
            found += [self._inside(part) for part in asked.inside]
        return reduce(and_, found) if found else None

    def _exact(self, key: bytes) -> Blocks:
        table = self._contents.uids if is_short_uid(key) else self._contents.words
        at = bisect_right(table, key, key=lambda chunk: chunk.first) - 1
        return reduce(or_, (where for _, where in self._within(table[at], _END + key + _END)), 0) if at >= 0 else 0

    def _begun(self, begin: bytes) -> Blocks:
        found = self._exact(begin[:8]) if begins(begin[:8], begin) else 0
        for table in (self._contents.words, self._contents.uids):
            at = max(bisect_right(table, begin, key=lambda chunk: chunk.first) - 1, 0)
            for chunk in table[at:]:
                if chunk.first > begin and not chunk.first.startswith(begin):
                    break
                found = reduce(or_, (where for _, where in self._within(chunk, _END + begin)), found)
        return found

    def _ended(self, end: bytes) -> Blocks:
        found = 0
        for chunk in self._all_words():
            found = reduce(or_, (where for key, where in self._within(chunk, end + _END) if ends(key, end)), found)
        return found

    def _inside(self, part: bytes) -> Blocks:
        found = self._begun(LONG_CUT)
        for chunk in self._all_words():
            found = reduce(or_, (where for key, where in self._within(chunk, part) if has_inside(key, part)), found)
        return found

    def _all_words(self) -> Sequence[_Chunk]:
        """Every chunk of words, which are read in one piece."""
        words = self._contents.words
        if words and not self._packed:
            self._packed = self._read(0, words[-1].at + words[-1].packed)
        return words

    def _within(self, chunk: _Chunk, text: bytes) -> Iterator[tuple[bytes, Blocks]]:
        """The keys of a chunk in which `text` is found, with a newline around each, and where they stand."""
        keys, where = self._unpacked(chunk)
        width = self._contents.width
        at = keys.find(text)
        number, counted = -1, 0
        while at >= 0:
            begin = keys.rfind(_END, 0, at + 1) + 1
            number += keys.count(_END, counted, begin)
            counted = begin
            yield (
                keys[begin : keys.index(_END, begin)],
                int.from_bytes(where[number * width : (number + 1) * width], "little"),
            )
            at = keys.find(text, at + 1)

    def _unpacked(self, chunk: _Chunk) -> tuple[bytes, bytes]:
        if chunk.at not in self._chunks:
            packed = self._packed[chunk.at : chunk.at + chunk.packed] or self._read(chunk.at, chunk.packed)
            if crc32(packed) != chunk.check:
                raise self._damaged()
            text = _unpacked(packed, chunk.size)
            self._chunks[chunk.at] = (
                text[: -chunk.count * self._contents.width],
                text[-chunk.count * self._contents.width :],
            )
        return self._chunks[chunk.at]

    def _read(self, begin: int, size: int) -> bytes:
        self._file.seek(begin)
        return self._file.read(size)

    def _damaged(self) -> StoreError:
        return StoreError(f"{self._name} is damaged", hint="pack the logs of that day again, into a new archive")


def _packed(text: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.compress(text, codec="zstd", asbytes=True)
    return packed


def _unpacked(packed: bytes, size: int) -> bytes:
    import pyarrow as pa

    text: bytes = pa.decompress(packed, size, codec="zstd", asbytes=True)
    return text
