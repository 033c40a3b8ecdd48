"""A table as a store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.filters import AnyOf, Filter
from kaudit_setup.auditlog.literals import Plain, Sought, plainly
from kaudit_setup.auditlog.prefilter import needles
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import StoreError
from kaudit_setup.stores import classes, sql, tsv
from kaudit_setup.stores.clickhouse.server import ClickHouse
from kaudit_setup.stores.port import Group, StoredLine
from kaudit_setup.stores.records import Batch, Source, decode, in_order, live
from kaudit_setup.stores.schema import COLUMNS, PLACE

FIELDS = (*PLACE, *((column.name, column.kind) for column in COLUMNS), ("raw", "String"), ("batch", "String"))
_WITH_WORDS = 20
"""From this version on the index of words is no experiment."""
_OF_INSERTS = {
    # a log may reach over more days than a table shall get parts of at once
    "max_partitions_per_insert_block": "0",
    # lines that wait somewhere are not there yet when the record of their batch is
    "async_insert": "0",
}
_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")


class Table:
    """See `port.Store`."""

    def __init__(self, engine: ClickHouse, url: str, table: str) -> None:
        """`table`: `database.table`, both plain names. Nothing is asked yet."""
        self._engine = engine
        self.name = url
        self.lines = table
        self.records = f"{table}_batches"

    @cached_property
    def version(self) -> int:
        """The server's major version: 18, 25. Raises StoreError."""
        try:
            ((text,),) = tsv.rows(self._engine.query("SELECT version()"), 1)
            return int(text.partition(b".")[0])
        except ValueError:
            raise self._no_clickhouse() from None

    def _no_clickhouse(self) -> StoreError:
        return StoreError(f"{self.name}: what answers there is not ClickHouse", hint="is its address right?")

    @property
    def settings(self) -> Mapping[str, str]:
        """What an insert needs. Raises StoreError."""
        return _OF_INSERTS if self.version >= _WITH_WORDS else {}

    def create(self) -> None:
        """Make both tables if they are not there. Raises StoreError."""
        columns = [f"{name} {kind}" for name, kind in FIELDS]
        if self.version >= _WITH_WORDS:
            columns[-2] = "raw String CODEC(ZSTD(3))"
            columns.append("INDEX raw_words raw TYPE tokenbf_v1(65536, 3, 0) GRANULARITY 1")
        self._engine.run(
            f"CREATE TABLE IF NOT EXISTS {self.lines} ({', '.join(columns)}) ENGINE = MergeTree() "
            "PARTITION BY (cluster, day) ORDER BY (time, source, line)"
        )
        self._engine.run(
            f"CREATE TABLE IF NOT EXISTS {self.records} (id String, record String) ENGINE = MergeTree() ORDER BY id"
        )

    @cached_property
    def _batches(self) -> tuple[Batch, ...]:
        query = sql.select(["record"], self.records)
        records = [record for (record,) in tsv.rows(self._engine.query(query), 1)]
        if any(not record.startswith(b"{") for record in records):
            raise self._no_clickhouse()
        return tuple(decode(record, self.name) for record in records)

    @cached_property
    def _live(self) -> dict[str, tuple[str, Source]]:
        return live(self._batches)

    def sources(self) -> Sequence[Source]:
        """See `Store.sources`."""
        return in_order([source for _, source in self._live.values()])

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """See `Store.servers`: only the lines tell."""
        return None

    def find(self, sought: Sequence[Sought], window: Window, about: AnyOf | None = None) -> Iterator[StoredLine]:
        """See `Store.find`; no line is left out."""
        plains = [one.plain for one in sought]
        return self._select([sql.says(sought), self._words(plains), sql.touches(window)])

    def stream(self, wanted: Filter) -> Iterator[StoredLine]:
        """See `Store.stream`."""
        return self._select([sql.fits(wanted), self._words(tuple(map(plainly, needles(wanted))))])

    def count(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """See `Store.count`."""
        query = sql.count(by, self.lines, sql.all_of([sql.fits(wanted), *self._counting()]))
        return tsv.groups(self._engine.query(query), len(by))

    def weigh(self, classifier: Classifier, wanted: Filter) -> Iterator[tuple[RequestClass, Weight]]:
        """See `Store.weigh`."""
        where = sql.all_of([sql.fits(wanted), *self._counting()])
        query = classes.query(self.lines, classifier, where)
        return classes.rows(self._engine.query(query), classifier)

    def _select(self, conditions: Sequence[str]) -> Iterator[StoredLine]:
        texts = [source.text for source in self.sources()]
        if not texts:
            return
        query = sql.lines(self.lines, sql.all_of([*conditions, *self._counting()]), texts)
        for source, line, raw in tsv.rows(self._engine.query(query), 3):
            yield StoredLine(source.decode("ascii", "replace"), int(line), raw)

    def _counting(self) -> list[str]:
        """That a line counts: its batch was finished, and no other one has its text."""
        finished = [f"batch IN ({sql.select(['id'], self.records)})"]
        each = sum(len(batch.sources) for batch in self._batches)
        if each > len(self._live):
            pairs = [f"({sql.literal(batch)}, {sql.literal(text)})" for text, (batch, _) in self._live.items()]
            finished.append(f"(batch, source) IN ({', '.join(pairs)})")
        return finished

    def _words(self, plains: Sequence[Plain]) -> str:
        """What the index of words can tell of lines that hold every value of one of `plains`."""
        if not plains or self.version < _WITH_WORDS:
            return sql.ALL
        return sql.any_of(
            sql.all_of(sql.any_of(sql.all_of(map(_has, _inside(text))) for text in spelt) for spelt in plain)
            for plain in plains
        )


def _inside(text: bytes) -> list[bytes]:
    """The words of `text` that cannot go on in a line, as ClickHouse cuts them."""
    return [word[0] for word in _WORD.finditer(text) if word.start() and word.end() < len(text)]


def _has(word: bytes) -> str:
    return f"hasToken(raw, {sql.literal(word)})"
