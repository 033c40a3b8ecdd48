"""The index of a part: in which of its blocks each word and each value stands.

    chunk ...        keys in their order, and for each the blocks that it stands in; compressed
    contents         msgpack: where each chunk begins, and its first key
    tail             how long the contents are, their checksum, and MAGIC

Only the chunks that a question needs are read. What is kept of UIDs has chunks of its own: each request has one, and
most questions are not about them. There is no word that ends like a UID and is not one of them (`tokens.Words`).
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from io import SEEK_END
from operator import and_, or_
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from zlib import crc32

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.tokens import (
    LONG_CUT,
    UUID_KEPT,
    Blocks,
    Words,
    begins,
    ends,
    has_inside,
    is_short_uid,
    numbers_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"KAUDIT-INDEX-2\n\0"
_TAIL = struct.Struct(f"<II{len(MAGIC)}s")
_CHUNK_KEYS = 2048
_BLOCK_BITS = 32
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
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


class Keys(NamedTuple):
    """Of some lines. `uids`: what is kept of UIDs that were found as such; another one may be among the `words`."""

    words: set[bytes]
    uids: Sequence[bytes]


class Entries:
    """The keys of a part, block by block."""

    def __init__(self) -> None:
        self._words: dict[bytes, Blocks] = {}
        self._uids: list[pa.Array] = []

    def add(self, block: int, keys: Keys) -> None:
        """Say that `keys` stand in a block."""
        fresh = keys.words.difference(self._words)
        for key in keys.words - fresh:
            self._words[key] |= 1 << block
        self._words.update(dict.fromkeys(fresh, 1 << block))
        self._uids.append(_marks(keys.uids, block))

    def words(self) -> tuple[list[bytes], list[Blocks]]:
        """The keys in their order, without what looks like a part of a UID, and where they stand."""
        keys = [key for key in sorted(self._words) if not is_short_uid(key)]
        return keys, [self._words[key] for key in keys]

    def uids(self) -> tuple[list[bytes], list[Blocks]]:
        """What looks like a part of a UID, in the order of the keys, and where each stands."""
        import pyarrow as pa
        import pyarrow.compute as pc

        short = {key: self._words[key] for key in filter(is_short_uid, self._words)}
        more = [_marks([key], block) for key, blocks in short.items() for block in numbers_of(blocks)]
        marks = pa.concat_arrays([pa.array([], pa.uint64()), *self._uids, *more]).sort()
        uids = pc.shift_right(marks, pa.scalar(_BLOCK_BITS, pa.uint64())).to_pylist()
        blocks = pc.bit_wise_and(marks, pa.scalar(_BLOCK_MASK, pa.uint64())).to_pylist()
        found: dict[int, Blocks] = dict.fromkeys(uids, 0)
        for uid, block in zip(uids, blocks, strict=True):
            found[uid] |= 1 << block
        text = _big_endian(array("I", found)).tobytes().hex("\n", UUID_KEPT // 2)
        return text.encode().split(b"\n") if found else [], list(found.values())


def _marks(uids: Iterable[bytes], block: int) -> pa.Array:
    """What is kept of UIDs, each with the block in which it stands, as numbers of the same order: they are sorted in
    a fraction of the time that text takes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = _big_endian(array("I", bytes.fromhex(b"".join(uids).decode())))
    whole = pa.Array.from_buffers(pa.uint32(), len(numbers), [None, pa.py_buffer(numbers)]).cast(pa.uint64())
    return pc.bit_wise_or(pc.shift_left(whole, pa.scalar(_BLOCK_BITS, pa.uint64())), pa.scalar(block, pa.uint64()))


def _big_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def encode(entries: Entries, blocks: int) -> bytes:
    """The file of an index of a part with so many blocks."""
    width = (blocks + 7) // 8
    spelt = _Spelt(width)
    parts: list[bytes] = []
    at = 0
    tables: list[list[_Chunk]] = []
    for keys, where in (entries.words(), entries.uids()):
        chunks = []
        for start in range(0, len(keys), _CHUNK_KEYS):
            some = keys[start : start + _CHUNK_KEYS]
            spelled = b"".join(map(spelt.__getitem__, where[start : start + _CHUNK_KEYS]))
            text = _END + _END.join(some) + _END + spelled
            packed = _packed(text)
            chunks.append(_Chunk(some[0], at, len(packed), len(text), len(some), crc32(packed)))
            parts.append(packed)
            at += len(packed)
        tables.append(chunks)
    contents = msgspec.msgpack.encode(_Contents(width, *tables))
    return b"".join([*parts, contents, _TAIL.pack(len(contents), crc32(contents), MAGIC)])


class _Spelt(dict[Blocks, bytes]):
    """Some blocks as so many bytes; most keys stand in the same ones."""

    def __init__(self, width: int) -> None:
        self._width = width

    def __missing__(self, blocks: Blocks) -> bytes:
        self[blocks] = found = blocks.to_bytes(self._width, "little")
        return found


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
