"""A table as what `pack` writes to: rows as they come, and at last the record that makes them count."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores import sql, tabs
from kaudit_setup.stores.clickhouse.server import ClickHouse
from kaudit_setup.stores.clickhouse.table import FIELDS, Table
from kaudit_setup.stores.pack import Commit, Piece
from kaudit_setup.stores.records import Batch, Source, encode
from kaudit_setup.stores.rows import Rows
from kaudit_setup.stores.schema import VERSION

_INSERT_BYTES = 16 << 20
"""Bytes of rows that go in one request: small ones make parts that the server must merge."""
_ROWS = msgspec.msgpack.Decoder(Rows)


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

    def encode(self, rows: Rows) -> bytes:
        """See `Target.encode`."""
        return msgspec.msgpack.encode(rows)

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
        self._into = f"{table.lines} ({', '.join(name for name, _ in FIELDS)})"
        self._waiting = bytearray()
        self._begun = False

    def take(self, piece: Piece) -> None:
        """See `Commit.take`."""
        rows = _ROWS.decode(piece.data)
        node, file = (text.encode("utf-8", "backslashreplace") for text in (piece.file.node, piece.file.path))
        texts = rows.texts()
        fixed = (self._cluster.encode(), node, file, piece.text.encode(), self._batch.encode())
        for at in range(len(rows.lines)):
            line = rows.lines[at] + piece.before
            if line > piece.after:
                self._waiting += _row(rows, at, line, texts[at], fixed)
        if len(self._waiting) >= _INSERT_BYTES:
            self._flush()

    def finish(self, sources: Sequence[Source]) -> None:
        """See `Commit.finish`."""
        self._flush()
        record = encode(Batch(self._batch, VERSION, tuple(sources)))
        self._engine.insert(f"{self._table.records} (id, record)", tabs.row([self._batch.encode(), record]))

    def give_up(self) -> None:
        """See `Commit.give_up`; what cannot be taken away counts for nothing without a record."""
        if not self._begun:
            return
        try:
            self._engine.run(f"ALTER TABLE {self._table.lines} DELETE WHERE batch = {sql.literal(self._batch)}")
        except StoreError:
            return

    def _flush(self) -> None:
        if self._waiting:
            self._begun = True
            self._engine.insert(self._into, bytes(self._waiting))
            self._waiting.clear()


def _row(rows: Rows, at: int, line: int, raw: bytes, fixed: tuple[bytes, ...]) -> bytes:
    cluster, node, file, source, batch = fixed
    place = [cluster, rows.days[at].encode(), node, file, source, b"%d" % line]
    counts = [b"%d" % rows.sizes[at], b"%d" % rows.events[at]]
    values = [_field(column[at]) for column in rows.columns]
    return tabs.row([*place, *counts, *values, raw, batch])


def _field(value: str | int | Sequence[str]) -> bytes:
    if isinstance(value, int):
        return b"%d" % value
    return value.encode() if isinstance(value, str) else tabs.array(value)
