"""Lines and the index of their words as Parquet: sorted, in blocks, compressed with zstd."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kaudit_setup.stores.records import Part
from kaudit_setup.stores.rows import Rows
from kaudit_setup.stores.schema import COLUMNS
from kaudit_setup.stores.tokens import keys_of

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 192 << 20
"""Bytes of lines that are sorted and written together; about three times as much memory is needed for it."""
_BLOCK_BYTES = 4 << 20
_BLOCK_ROWS = 8192
_WORDS_IN_GROUP = 1 << 14
_ORDER = ("resource", "namespace", "name", "user", "time")
_LEVEL = 3  # of zstd
_DISTINCT = frozenset({"raw", "line", "size", "time", "received"})  # nothing repeats in these

LINES = (
    *((column.name, column.kind) for column in COLUMNS),
    ("cluster", "String"),
    ("node", "String"),
    ("file", "String"),
    ("source", "String"),
    ("day", "String"),
    ("line", "UInt64"),
    ("size", "UInt32"),
    ("event", "UInt8"),
    ("raw", "String"),
    ("block", "UInt64"),
)
"""The columns of a part and their types as ClickHouse calls them."""
WORDS = (("word", "String"), ("block", "UInt64"))


def structure(columns: Sequence[tuple[str, str]]) -> str:
    """As table functions take it."""
    return ", ".join(f"{name} {kind}" for name, kind in columns)


def encode(rows: Rows) -> bytes:
    """Rows as Arrow, to be sent from one process to another."""
    import pyarrow as pa

    columns: dict[str, Any] = {
        column.name: pa.array(values, pa.list_(pa.string()) if column.kind.startswith("Array") else pa.string())
        for column, values in zip(COLUMNS, rows.columns, strict=True)
    }
    columns["day"] = pa.array(rows.days, pa.string())
    columns["line"] = pa.array(rows.lines, pa.uint64())
    columns["size"] = pa.array(rows.sizes, pa.uint32())
    columns["event"] = pa.array(rows.events, pa.uint8())
    columns["raw"] = pa.array(rows.raws, pa.large_binary())
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
    return bytes(sink.getvalue())


def decode(data: bytes) -> pa.Table:
    """What `encode` made."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as stream:
        return stream.read_all()


def placed(table: pa.Table, before: int, after: int, place: Mapping[str, str]) -> pa.Table:
    """`table` with the `place` of its lines (column → value), of which `before` stood in the file before the first;
    those up to line `after` are left out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = pc.add(table["line"], pa.scalar(before, pa.uint64()))
    table = table.set_column(table.schema.get_field_index("line"), "line", lines)
    if before < after:
        table = table.filter(pc.greater(table["line"], after))
    for name, value in place.items():
        column = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int8()), pa.array([value], pa.string()))
        table = table.append_column(name, column)
    return table


class PartWriter:
    """Writes the parts of one batch into a folder; their names say where they belong in the archive."""

    def __init__(self, batch: str, cluster: str, folder: Path) -> None:
        self._batch = batch
        self._below = f"cluster={quote(cluster, safe='')}"
        self._folder = folder
        self._first_block = secrets.randbits(43) << 20  # below 2^63, so that no engine takes it for negative
        self._blocks = 0
        self._written = 0

    def write(self, tables: Sequence[pa.Table]) -> Iterator[tuple[Part, Path, Path]]:
        """One part for each day of `tables`: what it is, its lines and its words as files."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        for day in sorted(pc.unique(whole["day"]).to_pylist()):
            within = pc.equal(whole["day"], day)
            yield self._part(whole if pc.all(within).as_py() else whole.filter(within), day)

    def _part(self, rows: pa.Table, day: str) -> tuple[Part, Path, Path]:
        import pyarrow.compute as pc

        name = f"{self._below}/day={day}/{self._batch}-{self._written}"
        lines, words = (self._folder / f"{self._written}.{kind}" for kind in ("lines", "words"))
        self._written += 1
        order = pc.sort_indices(rows, sort_keys=[(column, "ascending") for column in _ORDER])
        index = self._lines(rows.take(order).combine_chunks(), lines)
        _words(index, words)
        part = Part(f"{name}.lines.parquet", f"{name}.words.parquet", day, len(rows), pc.sum(rows["size"]).as_py())
        return part, lines, words

    def _lines(self, rows: pa.Table, file: Path) -> dict[bytes, list[int]]:
        """Write the lines in blocks; the blocks in which each word stands."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        index: dict[bytes, list[int]] = {}
        schema = rows.schema.append(pa.field("block", pa.uint64()))
        dictionary = [name for name in schema.names if name not in _DISTINCT]
        with pq.ParquetWriter(
            file, schema, compression="zstd", compression_level=_LEVEL, use_dictionary=dictionary, store_schema=False
        ) as out:
            for start, end in _cuts(rows["size"].to_pylist()):
                number = self._first_block + self._blocks
                self._blocks += 1
                block = rows.slice(start, end - start)
                out.write_table(block.append_column("block", pa.array([number] * len(block), pa.uint64())))
                for word in keys_of(_joined(block["raw"])):
                    index.setdefault(word, []).append(number)
        return index


def _joined(raws: pa.ChunkedArray) -> bytes:
    """The lines one behind the other. What stands at the end of a line may run into the next: a search asks only for
    words that end within a line.
    """
    import struct

    parts = []
    for chunk in raws.chunks:
        _, offsets, data = chunk.buffers()
        first, last = (struct.unpack_from("<q", offsets, 8 * (chunk.offset + at))[0] for at in (0, len(chunk)))
        parts.append(data[first:last].to_pybytes())
    return b"".join(parts)


def _cuts(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end, in rows of these sizes."""
    start = weight = 0
    for at, size in enumerate(sizes):
        weight += size
        if weight >= _BLOCK_BYTES or at + 1 - start == _BLOCK_ROWS or at + 1 == len(sizes):
            yield start, at + 1
            start, weight = at + 1, 0


def _words(index: dict[bytes, list[int]], file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = sorted(index)
    table = pa.table(
        {
            "word": pa.array([word for word in words for _ in index[word]], pa.binary()),
            "block": pa.array([block for word in words for block in index[word]], pa.uint64()),
        }
    )
    pq.write_table(table, file, compression="zstd", row_group_size=_WORDS_IN_GROUP, store_schema=False)
