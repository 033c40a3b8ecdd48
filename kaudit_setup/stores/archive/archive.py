"""An archive as a store: which objects a question needs, and the query over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.files import latest_begin
from kaudit_setup.auditlog.filters import AnyOf, Filter
from kaudit_setup.auditlog.literals import Plain, Sought, plainly
from kaudit_setup.auditlog.prefilter import needles
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import StoreError
from kaudit_setup.stores import classes, sql, tsv
from kaudit_setup.stores.archive import counts
from kaudit_setup.stores.archive.blocks import ALL_BLOCKS, Held, lines, narrowed
from kaudit_setup.stores.archive.columns import FittingRequests
from kaudit_setup.stores.archive.parts import LINES, structure
from kaudit_setup.stores.port import Engine, Group, Place, StoredLine
from kaudit_setup.stores.records import RECORDS, Batch, Part, ServerSeen, Source, decode, in_order, live
from kaudit_setup.stores.schema import UNKNOWN_DAY
from kaudit_setup.stores.tokens import tells

_DAY = len("2026-11-23")
_MOST_BLOCKS = 20_000  # of more, a query says nothing about blocks
_MOST_READ_HERE = 800
"""Blocks that are read without the engine; of more, its start is a small part of the time."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The parts that a question needs; the sources whose lines count, in their order; whether these are all that have
    lines there; and which of the parts may have lines that are no events.
    """

    parts: tuple[Part, ...]
    texts: tuple[str, ...]
    all_count: bool
    damaged: frozenset[str]


class Archive:
    """See `port.Store`."""

    def __init__(self, place: Place, engine: Engine) -> None:
        """Nothing is read yet."""
        self._place = place
        self._engine = engine

    @property
    def name(self) -> str:
        """See `Store.name`."""
        return self._place.name

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """Every batch that was committed. Raises StoreError."""
        names = [name for name in self._place.names(RECORDS) if name.endswith(".json")]
        return tuple(decode(self._place.read(name), f"{self.name}/{name}") for name in names)

    @cached_property
    def _live(self) -> dict[str, tuple[str, Source]]:
        return live(self.batches)

    def sources(self) -> Sequence[Source]:
        """See `Store.sources`."""
        return in_order([source for _, source in self._live.values()])

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """See `Store.servers`."""
        batches = [one for one in self.batches if any(source.of(cluster) for source in one.sources)]
        seen: set[ServerSeen] = set()
        for batch in batches:
            if batch.servers is None:
                return None
            seen.update(batch.servers)
        return [one.event() for one in seen]

    def find(self, sought: Sequence[Sought], window: Window, about: AnyOf | None = None) -> Iterator[StoredLine]:
        """See `Store.find`."""
        chosen = self._chosen(window)
        held = self._narrowed(chosen, [one.uncut for one in sought], [one.plain for one in sought])
        fitting = FittingRequests.of(about) if about is not None else None
        looked_at = self._read_here(chosen, held, fitting)
        if looked_at is not None:
            order = {text: number for number, text in enumerate(chosen.texts)}
            found = lines(self._place, looked_at, sought, order, fitting)
            if found is not None:
                found.reverse()
                while found:  # who asked needs the room
                    yield found.pop()
                return
        yield from self._lines(chosen, held, sql.all_of([sql.says(sought), sql.touches(window)]))

    def stream(self, wanted: Filter) -> Iterator[StoredLine]:
        """See `Store.stream`."""
        chosen = self._chosen(wanted.window)
        plains = tuple(map(plainly, needles(wanted)))
        held = self._narrowed(chosen, plains, plains)
        yield from self._lines(chosen, held, sql.fits(wanted))

    def count(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """See `Store.count`."""
        chosen = self._chosen(wanted.window)
        known = chosen.all_count and counts.answers(by, wanted)
        rest = [part for part in chosen.parts if not (known and part.inside(wanted.window))]
        sums = counts.Sums(by, wanted) if known else None
        for part in chosen.parts:
            if sums is not None and part.inside(wanted.window):
                with self._place.open(part.counts) as file:
                    sums.add(file, f"{self.name}/{part.counts}")
        cells = {} if sums is None else sums.groups()
        for group in self._counted(rest, chosen, by, wanted):
            if group.key in cells:
                events, size = cells.pop(group.key)
                group = Group(group.key, group.events + events, group.size + size)
            yield group
        yield from (Group(key, *cell) for key, cell in cells.items())

    def weigh(self, classifier: Classifier, wanted: Filter) -> Iterator[tuple[RequestClass, Weight]]:
        """See `Store.weigh`."""
        chosen = self._chosen(wanted.window)
        if chosen.parts:
            where = sql.all_of([sql.fits(wanted), *_counting(chosen)])
            query = classes.query(self._table(chosen.parts), classifier, where)
            yield from classes.rows(self._engine.query(query), classifier)

    def _counted(self, parts: Sequence[Part], chosen: _Chosen, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """The events of `parts`, counted line by line."""
        if not parts:
            return
        query = sql.count(by, self._table(parts), sql.all_of([sql.fits(wanted), *_counting(chosen)]))
        yield from tsv.groups(self._engine.query(query), len(by))

    def _chosen(self, window: Window) -> _Chosen:
        days = (window.since[:_DAY], latest_begin(window)[:_DAY])
        parts = []
        every = True
        damaged: set[str] = set()
        for batch in self.batches:
            counting = [source for source in batch.sources if self._live.get(source.text, ("",))[0] == batch.id]
            if any(source.touches(window) for source in counting):
                every = every and len(counting) == len(batch.sources)
                some = [one for one in batch.parts if one.day == UNKNOWN_DAY or days[0] <= one.day <= days[1]]
                parts += some
                if any(source.tally.damaged for source in batch.sources):
                    damaged.update(one.lines for one in some)
        texts = tuple(source.text for source in self.sources())
        return _Chosen(tuple(parts), texts, every, frozenset(damaged))

    def _lines(self, chosen: _Chosen, held: Sequence[Held] | None, where: str) -> Iterator[StoredLine]:
        """The lines that fit `where`, in the blocks that are `held`; None: in all of them."""
        parts = chosen.parts if held is None else [one.part for one in held]
        if not parts:
            return
        blocks = [one.part.block + number for one in held or () for number in one.numbers(one.blocks.bit_length())]
        within = [f"block IN ({', '.join(map(str, blocks))})"] if 0 < len(blocks) <= _MOST_BLOCKS else []
        where = sql.all_of([*within, where, *_counting(chosen)])
        query = sql.lines(self._table(parts), where, chosen.texts)
        for source, line, raw in tsv.rows(self._engine.query(query), 3):
            yield StoredLine(source.decode("ascii", "replace"), int(line), raw)

    def _narrowed(self, chosen: _Chosen, plains: Sequence[Plain], of_cut: Sequence[Plain]) -> list[Held] | None:
        """The blocks in which a line may hold every value of one of `plains`, or, of one that was cut, of `of_cut`;
        None if they do not tell enough.
        """
        whole = [part for part in chosen.parts if part.lines not in chosen.damaged]
        damaged = [part for part in chosen.parts if part.lines in chosen.damaged]
        if not plains or not tells(plains) or (damaged and not tells(of_cut)):
            return None
        return [*narrowed(self._place, whole, plains), *narrowed(self._place, damaged, of_cut)]

    def _read_here(
        self, chosen: _Chosen, held: list[Held] | None, fitting: FittingRequests | None
    ) -> Sequence[Held] | None:
        """The blocks that are read without the engine; None if it is to read them."""
        if fitting is not None:
            return held if held is not None else [Held(part, ALL_BLOCKS) for part in chosen.parts]
        few = held is not None and sum(one.blocks.bit_count() for one in held) <= _MOST_READ_HERE
        return held if few else None

    def _table(self, parts: Sequence[Part]) -> str:
        return self._place.table([part.lines for part in parts], structure(LINES))


def _counting(chosen: _Chosen) -> list[str]:
    return [] if chosen.all_count else [f"source IN {sql.listed(chosen.texts)}"]


def days_of(source: Source) -> tuple[str, str]:
    """The first and the last day of its events; UNKNOWN_DAY for both if it has none. Raises StoreError for a record
    that no packer wrote.
    """
    first, last = source.tally.first[:_DAY], source.tally.last[:_DAY]
    if not first:
        return UNKNOWN_DAY, UNKNOWN_DAY
    try:
        date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise StoreError(f"a record of {source.path} has no day: {first}") from None
    return first, last
