"""Lines as Parquet: sorted, in blocks, compressed with zstd; and the index of their words and values."""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.archive.coded import Coded, together
from kaudit_setup.stores.archive.counts import encode as encode_counts
from kaudit_setup.stores.archive.index import Entries
from kaudit_setup.stores.archive.index import encode as encode_index
from kaudit_setup.stores.archive.keys import keys_of_lines
from kaudit_setup.stores.archive.pieces import Shelf
from kaudit_setup.stores.records import Part
from kaudit_setup.stores.schema import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 136 << 20
"""Bytes of lines that are sorted and written together; most of the memory that packing needs is theirs."""
_BLOCK_BYTES = 4 << 20
_BLOCK_ROWS = 8192
_ORDER = ("resource", "namespace", "name", "user")
"""What lines are sorted by. Those alike stay in the order in which they came, which is mostly that of time."""
_LEVEL = 1  # of zstd
_SHORT_DICTIONARY = 64  # values
_MOMENT = 64  # characters
_DISTINCT = frozenset({"raw", "line", "size", "time", "received"})  # nothing repeats in these
_TELLING = (*_ORDER, "time", "received", "verb", "code", "path", "source", "block")
"""Columns of which the least and the greatest value in a block tell that it may be skipped."""

_AT = "at"
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


def structure(columns: Sequence[tuple[str, str]]) -> str:
    """As table functions take it."""
    return ", ".join(f"{name} {kind}" for name, kind in columns)


class PartWriter:
    """Writes the parts of one batch into a folder; their names say where they belong in the archive."""

    def __init__(self, batch: str, cluster: str, folder: Path, shelf: Shelf) -> None:
        self._batch = batch
        self._below = f"cluster={quote(cluster, safe='')}"
        self._folder = folder
        self._shelf = shelf
        self._next_block = secrets.randbits(43) << 20  # below 2^63, so that no engine takes it for negative
        self._written = 0

    def write(self, waiting: list[Coded]) -> Iterator[tuple[Part, Mapping[str, Path]]]:
        """One part for each day of the lines that are on the shelf: what it is, and its objects as files.
        `waiting` is empty then: nobody needs them twice, and they are large.
        """
        import pyarrow.compute as pc

        whole = together(waiting)
        waiting.clear()
        texts = self._shelf.lines(whole.rows["size"])
        whole = _sorted(whole)
        days = whole.rows["day"].cast("string")
        for day in sorted(pc.unique(days).to_pylist()):
            within = pc.equal(days, day)
            yield self._part(whole if pc.all(within).as_py() else whole.of(whole.rows.filter(within)), texts, day)

    def _part(self, lines: Coded, texts: pa.BinaryArray, day: str) -> tuple[Part, Mapping[str, Path]]:
        import pyarrow.compute as pc

        rows = lines.rows
        number, first = self._written, self._next_block
        self._written += 1
        of_lines, index, counts = (self._folder / f"{number}.{kind}" for kind in ("lines", "index", "counts"))
        counts.write_bytes(encode_counts(lines))
        index.write_bytes(encode_index(self._lines(lines, texts, of_lines), self._next_block - first))
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
        return part, {part.lines: of_lines, part.index: index, part.counts: counts}

    def _lines(self, lines: Coded, texts: pa.BinaryArray, file: Path) -> Entries:
        """Write the lines in blocks; the blocks in which each key stands."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        index = Entries()
        names = [name for name, _ in LINES if name not in {"raw", "block"}]
        none = lines.of(lines.rows.slice(0, 0))
        fields = [(name, _kind(none.get(name))) for name in names]
        schema = pa.schema([*fields, ("raw", pa.binary()), ("block", pa.uint64())])
        with pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=[name for name in schema.names if name not in _DISTINCT],
            write_statistics=list(_TELLING),
            write_batch_size=_BLOCK_ROWS,
            write_page_checksum=True,
            store_schema=False,
        ) as out:
            for number, (start, end) in enumerate(_cuts(lines.rows["size"].to_pylist())):
                block = lines.of(lines.rows.slice(start, end - start))
                raws = pc.take(texts, block.rows[_AT].combine_chunks(), memory_pool=arrow.growing())
                arrays = [block.get(name).cast(kind) for name, kind in fields]
                arrays += [raws, pa.repeat(pa.scalar(self._next_block, pa.uint64()), end - start)]
                out.write_table(pa.table(arrays, schema=schema))
                self._next_block += 1
                index.add(number, keys_of_lines(raws))
        return index


def _at_most(moment: str) -> str:
    """`moment`, or something short that is later: damaged lines hold anything."""
    return moment if len(moment) <= _MOMENT else f"{moment[:_MOMENT]}\U0010ffff"


def _sorted(lines: Coded) -> Coded:
    """By _ORDER, with the place on the shelf as one more column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pa.table({name: _rank(lines.get(name).combine_chunks()) for name in _ORDER})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in _ORDER])
    return lines.of(lines.rows.take(order).append_column(_AT, order))


def _rank(column: pa.Array) -> pa.Array:
    """Numbers in the order of the values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return pc.take(pc.rank(coded.dictionary, tiebreaker="dense"), coded.indices)


def _cuts(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end, in rows of these sizes."""
    sums = list(accumulate(sizes))
    start = before = 0
    while start < len(sums):
        full = bisect_left(sums, before + _BLOCK_BYTES) + 1
        end = min(full, start + _BLOCK_ROWS, len(sums))
        yield start, end
        start, before = end, sums[end - 1]


def _kind(column: pa.ChunkedArray) -> pa.DataType:
    """The type that a column is written from. A dictionary goes into each block as a whole, so a long one is made
    anew for each.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column.type
    longest = max((len(chunk.dictionary) for chunk in column.chunks), default=0)
    return column.type if longest <= _SHORT_DICTIONARY else pa.string()
