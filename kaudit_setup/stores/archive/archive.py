"""An archive as a store: which objects a question needs, and the query over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from kaudit_setup.auditlog.files import latest_begin
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.literals import Plain, plainly
from kaudit_setup.auditlog.prefilter import needles
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import StoreError
from kaudit_setup.stores import sql, tabs
from kaudit_setup.stores.archive.parts import LINES, WORDS, structure
from kaudit_setup.stores.port import Engine, Group, Place, StoredLine
from kaudit_setup.stores.records import RECORDS, Batch, Part, Source, decode, in_order, live
from kaudit_setup.stores.schema import UNKNOWN_DAY
from kaudit_setup.stores.tokens import Blocks, Words, begins, blocks_of, sets_for, wanted

_DAY = len("2026-11-23")
_MOST_BLOCKS = 20_000  # of more, a query says nothing about blocks


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The parts that a question needs; the sources whose lines count, in their order; whether there are others."""

    parts: tuple[Part, ...]
    texts: tuple[str, ...]
    all_count: bool


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

    def find(self, plains: Sequence[Plain], window: Window) -> Iterator[StoredLine]:
        """See `Store.find`."""
        chosen = self._chosen(window)
        yield from self._lines(chosen, plains, sql.all_of([sql.holds(plains), sql.touches(window)]))

    def stream(self, wanted: Filter) -> Iterator[StoredLine]:
        """See `Store.stream`."""
        plains = tuple(map(plainly, needles(wanted)))
        yield from self._lines(self._chosen(wanted.window), plains, sql.fits(wanted))

    def count(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """See `Store.count`."""
        chosen = self._chosen(wanted.window)
        if not chosen.parts:
            return
        where = sql.all_of([sql.fits(wanted), *_counting(chosen)])
        query = sql.count(by, self._table(chosen.parts), where)
        yield from tabs.groups(self._engine.query(query), len(by))

    def _chosen(self, window: Window) -> _Chosen:
        days = (window.since[:_DAY], latest_begin(window)[:_DAY])
        parts = []
        every = True
        for batch in self.batches:
            counting = [source for source in batch.sources if self._live.get(source.text, ("",))[0] == batch.id]
            if any(source.touches(window) for source in counting):
                every = every and len(counting) == len(batch.sources)
                parts += [one for one in batch.parts if one.day == UNKNOWN_DAY or days[0] <= one.day <= days[1]]
        return _Chosen(tuple(parts), tuple(source.text for source in self.sources()), every)

    def _lines(self, chosen: _Chosen, plains: Sequence[Plain], where: str) -> Iterator[StoredLine]:
        parts, blocks = self._narrowed(chosen.parts, plains)
        if not parts:
            return
        within = [f"block IN ({', '.join(map(str, sorted(blocks)))})"] if blocks is not None else []
        where = sql.all_of([*within, where, *_counting(chosen)])
        query = sql.lines(self._table(parts), where, chosen.texts)
        for source, line, raw in tabs.rows(self._engine.query(query), 3):
            yield StoredLine(source.decode("ascii", "replace"), int(line), raw)

    def _narrowed(self, parts: tuple[Part, ...], plains: Sequence[Plain]) -> tuple[tuple[Part, ...], Blocks | None]:
        """The parts, and the blocks of them, in which a line may hold every value of one of `plains`; None for all
        blocks.
        """
        words = wanted(plains) if plains else None
        if words is None or not parts:
            return parts, None
        table = self._place.table([part.words for part in parts], structure(WORDS))
        holding: dict[bytes, set[int]] = {}
        homes: dict[str, set[int]] = {}
        query = sql.select(["word", "block", "_path"], table, _looked_up(words))
        for word, block, path in tabs.rows(self._engine.query(query), 3):
            holding.setdefault(word, set()).add(int(block))
            homes.setdefault(path.decode("utf-8", "replace"), set()).add(int(block))

        def look_up(asked: Words) -> Blocks | None:
            sets = list(sets_for(asked, holding))
            return frozenset(set.intersection(*sets)) if sets else None

        blocks = blocks_of(plains, look_up)
        if blocks is None:
            return parts, None
        held = [path for path, there in homes.items() if not there.isdisjoint(blocks)]
        kept = tuple(part for part in parts if any(path.endswith(part.words) for path in held))
        return kept, blocks if len(blocks) <= _MOST_BLOCKS else None

    def _table(self, parts: Sequence[Part]) -> str:
        return self._place.table([part.lines for part in parts], structure(LINES))


def _looked_up(words: Words) -> str:
    """The rows of the index that say where `words` are; a UID is kept by its beginning, a long word, too."""
    return sql.any_of(
        [
            *([f"word IN {sql.listed(sorted(words.whole))}"] if words.whole else []),
            *(f"startsWith(word, {sql.literal(begin)})" for begin in sorted(words.begun)),
            *(f"word = {sql.literal(begin[:8])}" for begin in sorted(words.begun) if begins(begin[:8], begin)),
            *(f"endsWith(word, {sql.literal(end)})" for end in sorted(words.ended)),
            *(["length(word) = 48"] if words.ended else []),
        ]
    )


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
