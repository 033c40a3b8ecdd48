"""Lines as Parquet: sorted, in blocks, compressed with zstd; and the index of their words and values."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.archive.counts import encode as encode_counts
from kaudit_setup.stores.archive.index import encode as encode_index
from kaudit_setup.stores.records import Part
from kaudit_setup.stores.rows import Rows
from kaudit_setup.stores.schema import COLUMNS, Column
from kaudit_setup.stores.tokens import (
    HOUR_BYTES,
    STAMP,
    STAMP_BYTES,
    UUID,
    UUID_BYTES,
    UUID_KEPT,
    Blocks,
    keys_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 192 << 20
"""Bytes of lines that are sorted and written together; about three times as much memory is needed for it."""
_BLOCK_BYTES = 4 << 20
_BLOCK_ROWS = 8192
_ORDER = ("resource", "namespace", "name", "user", "time")
_LEVEL = 1  # of zstd
_REPEATED = frozenset(
    {"stage", "level", "verb", "user", "impersonator", "api_group", "resource", "subresource", "code", "decision"}
    | {"agent", "namespace"}
)
"""Columns of which a few values are most of a log: kept as a dictionary from the first process on."""
_SHORT_DICTIONARY = 64  # values
_MOMENT = 64  # characters
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


def get_ready() -> None:
    """Load what writes parts, before the processes are forked that read lines: all of them have it then."""
    arrow.load()
    import pyarrow as pa

    # the memory that one piece took is there for the next one; mimalloc, the default, asks the kernel for it again
    pa.set_memory_pool(pa.system_memory_pool())
    pa.array([""])


def structure(columns: Sequence[tuple[str, str]]) -> str:
    """As table functions take it."""
    return ", ".join(f"{name} {kind}" for name, kind in columns)


def encode(rows: Rows) -> bytes:
    """Rows as Arrow, to be sent from one process to another."""
    import pyarrow as pa

    columns = {column.name: _array(column, rows.columns[at]) for at, column in enumerate(COLUMNS)}
    columns["day"] = pa.array(rows.days, pa.string()).dictionary_encode()
    columns["line"] = pa.array(rows.lines, pa.uint64())
    columns["size"] = pa.array(rows.sizes, pa.uint32())
    columns["event"] = pa.array(rows.events, pa.uint8())
    ends = pa.array(rows.ends(), pa.int64()).buffers()[1]
    columns["raw"] = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(rows.lines), [None, ends, pa.py_buffer(rows.text)]
    )
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _array(column: Column, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    if column.kind == "UInt32":
        return pa.array(values, pa.uint32())
    if column.kind != "String":
        distinct: dict[tuple[str, ...], int] = {}
        codes = [distinct.setdefault(value, len(distinct)) for value in values]
        return pa.array(distinct, pa.list_(pa.string())).take(pa.array(codes, pa.int32()))
    array = pa.array(values, pa.string())
    return array.dictionary_encode() if column.name in _REPEATED else array


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
        codes = pa.repeat(pa.scalar(0, pa.int8()), len(table))
        column = pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.string()))
        table = table.append_column(name, column)
    return table


class PartWriter:
    """Writes the parts of one batch into a folder; their names say where they belong in the archive."""

    def __init__(self, batch: str, cluster: str, folder: Path) -> None:
        self._batch = batch
        self._below = f"cluster={quote(cluster, safe='')}"
        self._folder = folder
        self._next_block = secrets.randbits(43) << 20  # below 2^63, so that no engine takes it for negative
        self._written = 0

    def write(self, tables: Sequence[pa.Table]) -> Iterator[tuple[Part, Mapping[str, Path]]]:
        """One part for each day of `tables`: what it is, and its objects as files."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = pa.concat_tables(tables).unify_dictionaries()
        days = whole["day"].cast(pa.string())
        for day in sorted(pc.unique(days).to_pylist()):
            within = pc.equal(days, day)
            yield self._part(whole if pc.all(within).as_py() else whole.filter(within), day)

    def _part(self, rows: pa.Table, day: str) -> tuple[Part, Mapping[str, Path]]:
        import pyarrow.compute as pc

        number, first = self._written, self._next_block
        self._written += 1
        lines, index, counts = (self._folder / f"{number}.{kind}" for kind in ("lines", "index", "counts"))
        rows = _sorted(rows)
        counts.write_bytes(encode_counts(rows))
        index.write_bytes(encode_index(self._lines(rows, lines), self._next_block - first))
        name = f"{self._below}/day={day}/{self._batch}-{number}"
        span = pc.min_max(pc.if_else(pc.equal(rows["received"], ""), rows["time"], rows["received"]))
        part = Part(
            f"{name}.lines.parquet",
            f"{name}.index",
            f"{name}.counts",
            day,
            len(rows),
            pc.sum(rows["size"]).as_py(),
            first,
            span["min"].as_py()[:_MOMENT],
            _at_most(span["max"].as_py()),
        )
        return part, {part.lines: lines, part.index: index, part.counts: counts}

    def _lines(self, rows: pa.Table, file: Path) -> dict[bytes, Blocks]:
        """Write the lines in blocks; the blocks in which each key stands."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        index: dict[bytes, Blocks] = {}
        schema = pa.schema([*((name, _kind(rows[name])) for name in rows.column_names), ("block", pa.uint64())])
        dictionary = [name for name in schema.names if name not in _DISTINCT]
        with pq.ParquetWriter(
            file, schema, compression="zstd", compression_level=_LEVEL, use_dictionary=dictionary, store_schema=False
        ) as out:
            for number, (start, end) in enumerate(_cuts(rows["size"].to_pylist())):
                block = rows.slice(start, end - start)
                columns = [column.cast(field.type) for column, field in zip(block.columns, schema, strict=False)]
                columns.append(pa.repeat(pa.scalar(self._next_block, pa.uint64()), end - start))
                out.write_table(pa.table(columns, schema=schema))
                self._next_block += 1
                bit = 1 << number
                for key in keys_of_lines(block["raw"]):
                    index[key] = index.get(key, 0) | bit
        return index


def _at_most(moment: str) -> str:
    """`moment`, or something short that is later: damaged lines hold anything."""
    return moment if len(moment) <= _MOMENT else f"{moment[:_MOMENT]}\U0010ffff"


def _sorted(rows: pa.Table) -> pa.Table:
    """By _ORDER."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = {name: _rank(rows[name].combine_chunks()) if name in _REPEATED else rows[name] for name in _ORDER}
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in _ORDER])
    return rows.combine_chunks().take(order)


def _rank(column: pa.DictionaryArray) -> pa.Array:
    """Numbers in the order of the values."""
    import pyarrow.compute as pc

    return pc.take(pc.rank(column.dictionary, tiebreaker="dense"), column.indices)


def _cuts(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end, in rows of these sizes."""
    start = weight = 0
    for at, size in enumerate(sizes):
        weight += size
        if weight >= _BLOCK_BYTES or at + 1 - start == _BLOCK_ROWS or at + 1 == len(sizes):
            yield start, at + 1
            start, weight = at + 1, 0


def _kind(column: pa.ChunkedArray) -> pa.DataType:
    """The type that a column is written from. A dictionary goes into each block as a whole, so a long one is made
    anew for each.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column.type
    longest = max((len(chunk.dictionary) for chunk in column.chunks), default=0)
    return column.type if longest <= _SHORT_DICTIONARY else pa.string()


def keys_of_lines(raws: pa.ChunkedArray) -> Iterator[bytes]:
    """The keys of some lines, as `tokens.keys_of` finds them."""
    import pyarrow.compute as pc

    # of the pieces between quotation marks half are a colon, and few lines have a piece that no other one has
    pieces = pc.unique(pc.split_pattern(raws, '":"').combine_chunks().flatten())
    # but for a UID and moments of its own; they are cut here, where that is quick
    for pattern, length, kept in ((UUID, UUID_BYTES, UUID_KEPT), (STAMP, STAMP_BYTES, HOUR_BYTES)):
        begun = pc.match_substring_regex(pieces, f'^{pattern}("|$)')
        some = pieces.filter(begun)
        yield from pc.unique(pc.binary_slice(some, 0, kept)).to_pylist()
        yield from keys_of(pc.unique(pc.binary_replace_slice(some, 0, length, b"")).to_pylist())
        pieces = pieces.filter(pc.invert(begun))
    yield from keys_of(pieces.to_pylist())
