"""A table as what `pack` writes to: rows as they come, and at last the record that makes them count."""

from __future__ import annotations

from collections.abc import Sequence
from pickle import PickleBuffer

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores import sql, tsv
from kaudit_setup.stores.clickhouse.server import ClickHouse
from kaudit_setup.stores.clickhouse.table import Table
from kaudit_setup.stores.pack import Commit, Data, Piece
from kaudit_setup.stores.records import Batch, Source, encode
from kaudit_setup.stores.rows import Rows
from kaudit_setup.stores.schema import FAMILIES, OWN, PLACE, VERSION

_INSERT_BYTES = 16 << 20
"""Bytes of rows that go in one request: small ones make parts that the server must merge."""
_COLUMNS = [column.name for columns in (OWN, *(one.columns for one in FAMILIES.values())) for column in columns]
_WRITTEN = (*(name for name, _ in PLACE), *_COLUMNS, "raw", "batch")
"""The columns in the order in which a row has them."""


class _Line(msgspec.Struct, array_like=True, gc=False):
    """A row on its way from the process that read it, as far as that process knows it: `number` is that of the line
    in its unit, `rest` all fields between the line's number and the batch.
    """

    day: bytes
    number: int
    rest: bytes


_LINES = msgspec.msgpack.Decoder(list[_Line])


class TableTarget:
    """See `pack.Target`."""

    def __init__(self, engine: ClickHouse, table: Table) -> None:
        self._engine = engine
        self._table = table

    @property
    def name(self) -> str:
        """See `Target.name`."""
        return self._table.name

    def packed(self) -> Sequence[Source]:
        """See `Target.packed`; makes the tables if they are not there."""
        self._table.create()
        return self._table.sources()

    def begin(self, batch: str, cluster: str) -> Commit:
        """See `Target.begin`."""
        return _Commit(self._engine, self._table, batch, cluster)


class _Commit:
    """See `pack.Commit`."""

    def __init__(self, engine: ClickHouse, table: Table, batch: str, cluster: str) -> None:
        self._engine = engine
        self._table = table
        self._batch = batch
        self._cluster = cluster
        self._into = f"{table.lines} ({', '.join(_WRITTEN)})"
        self._waiting = bytearray()
        self._begun = False
        self._recorded = False

    def encode(self, rows: Rows) -> Data:
        """See `Commit.encode`."""
        counts = (b"%d\t%d" % pair for pair in zip(rows.sizes, rows.events, strict=True))
        shared = (map(_joined(one.values()).__getitem__, one.codes) for one in rows.shared.values())
        rests = zip(counts, _joined(list(rows.own.values())), *shared, map(tsv.field, rows.texts()), strict=True)
        days = map(str.encode, rows.days())
        lines = list(zip(days, rows.lines, map(b"\t".join, rests), strict=True))
        return [PickleBuffer(msgspec.msgpack.encode(lines))]

    def take(self, piece: Piece) -> None:
        """See `Commit.take`."""
        texts = (self._cluster, piece.file.node, piece.file.path, piece.text, self._batch)
        fields = (tsv.field(text.encode("utf-8", "backslashreplace")) for text in texts)
        cluster, node, file, source, batch = fields
        for line in _LINES.decode(memoryview(piece.data[0])):
            number = line.number + piece.before
            if number > piece.after:
                place = (cluster, line.day, node, file, source, b"%d" % number)
                self._waiting += b"\t".join((*place, line.rest, batch)) + b"\n"
        if len(self._waiting) >= _INSERT_BYTES:
            self._flush()

    def finish(self, sources: Sequence[Source]) -> None:
        """See `Commit.finish`."""
        self._flush()
        record = encode(Batch(self._batch, VERSION, tuple(sources)))
        row = tsv.row([self._batch.encode(), record])
        self._recorded = True
        self._engine.insert(f"{self._table.records} (id, record)", row, self._table.settings)

    def give_up(self) -> None:
        """See `Commit.give_up`; what cannot be taken away counts for nothing without a record.

        Once the record was sent, it may be there although no answer came: then the lines must be, too.
        """
        if not self._begun or self._recorded:
            return
        try:
            self._engine.run(f"ALTER TABLE {self._table.lines} DELETE WHERE batch = {sql.literal(self._batch)}")
        except StoreError:
            return

    def _flush(self) -> None:
        if self._waiting:
            self._begun = True
            self._engine.insert(self._into, bytes(self._waiting), self._table.settings)
            self._waiting.clear()


def _joined(columns: Sequence[Sequence[str | int | Sequence[str]]]) -> list[bytes]:
    """Row by row, the fields of some columns."""
    return list(map(b"\t".join, zip(*(map(_field, values) for values in columns), strict=True)))


def _field(value: str | int | Sequence[str]) -> bytes:
    if isinstance(value, int):
        return b"%d" % value
    return tsv.field(value.encode() if isinstance(value, str) else tsv.array(value))
