"""Lines out of a few blocks of an archive, without the engine, which takes longer to start than they to be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from kaudit_setup.auditlog.literals import OWN_ORDER, Find, Plain, Sought, finders
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.archive.columns import Fitting, FittingRequests, other_stages
from kaudit_setup.stores.archive.index import Index
from kaudit_setup.stores.port import Place, StoredLine
from kaudit_setup.stores.records import Part
from kaudit_setup.stores.tokens import Blocks, blocks_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

A = TypeVar("A")
B = TypeVar("B")

_THREADS = 8
"""More than there are cores: in a bucket most of the time goes by waiting."""
_MOST_BYTES = 192 << 20
"""Bytes of lines that are held here; what is more is for the engine, which sorts on the disk."""
ALL_BLOCKS: Final = -1
"""Of a part: every bit is set."""


@dataclass(frozen=True, slots=True)
class Held:
    """Some blocks of a part in which a line may be."""

    part: Part
    blocks: Blocks

    def numbers(self, most: int) -> Iterator[int]:
        """The blocks of a part that has `most` of them, counted from its first one."""
        return (number for number in range(most) if self.blocks >> number & 1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What lines are looked for: the literals as kube-apiserver writes them, which lines in its order hold, and the
    most telling value of each, which all hold.
    """

    sought: Sequence[Sought]
    own: tuple[Find, ...]
    telling: tuple[Find, ...]

    @classmethod
    def of(cls, sought: Sequence[Sought]) -> _Asked:
        own, telling = (one for each in sought for one in each.own), (one for each in sought for one in each.plain[0])
        return cls(sought, finders(list(own)), finders(list(telling)))


def narrowed(place: Place, parts: Sequence[Part], plains: Sequence[Plain]) -> list[Held]:
    """The blocks of `parts` in which a line may hold every value of one of `plains`, which tell enough to be looked
    up. Raises StoreError.
    """
    arrow.load()

    def within(part: Part) -> Held:
        with place.open(part.index) as file:
            index = Index(file, f"{place.name}/{part.index}")
            return Held(part, blocks_of(plains, index.look_up) or 0)

    return [held for held in _each(within, parts) if held.blocks]


def lines(
    place: Place,
    held: Sequence[Held],
    sought: Sequence[Sought],
    order: Mapping[str, int],
    fitting: FittingRequests | None,
) -> list[StoredLine] | None:
    """The lines in these blocks that hold one of `sought` (none: every line), by the `order` of their sources; lines
    of other sources do not count. With `fitting` those of requests of which a line fits, and those that are no
    events. None if they are too many to be held. Raises StoreError.
    """
    search = _Search(place, _Asked.of(sought), order, _Rows.of(place, held, fitting) if fitting is not None else None)
    found: list[StoredLine] = []
    size = 0
    for some in _each(search.lines, held):
        found += some
        size += sum(len(one.raw) for one in some)
        if size > _MOST_BYTES:
            return None
    found.sort(key=lambda one: (order[one.source], one.line))
    return found


def _each(ask: Callable[[A], B], all_of: Sequence[A]) -> Iterator[B]:
    if len(all_of) < 2:
        yield from map(ask, all_of)
        return
    threads = ThreadPoolExecutor(_THREADS)
    try:
        yield from threads.map(ask, all_of)
    finally:
        threads.shutdown(cancel_futures=True)


@contextmanager
def _opened(place: Place, held: Held, *coded: str) -> Iterator[pq.ParquetFile]:
    """The lines of a part, of which the columns `coded` are read as dictionaries. Raises StoreError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (
            place.open(held.part.lines) as file,
            pq.ParquetFile(file, read_dictionary=list(coded), page_checksum_verification=True) as parquet,
        ):
            yield parquet
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{place.name}/{held.part.lines} could not be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows of blocks are looked at: those that fit alone, those of requests that were `received` when one was
    of which all rows are wanted (None: there are none), and those that are no events.
    """

    alone: Fitting
    received: pa.Array | None

    @classmethod
    def of(cls, place: Place, held: Sequence[Held], fitting: FittingRequests) -> _Rows:
        """All blocks are looked through for what fits where other stages of its requests may not."""
        import pyarrow as pa

        arrow.load("pyarrow.compute")
        if not fitting.together.columns:
            return cls(fitting.alone, None)
        moments = [one for some in _each(lambda one: _received(place, one, fitting.together), held) for one in some]
        return cls(fitting.alone, pa.concat_arrays([pa.array([], pa.string()), *moments]).unique())

    @property
    def coded(self) -> tuple[str, ...]:
        """The columns that are read as dictionaries."""
        return self.alone.columns

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return ["event", *self.alone.columns, *(["received"] if self.received is not None else ())]

    def among(self, block: pa.Table) -> frozenset[int]:
        """The numbers of the rows."""
        import pyarrow.compute as pc

        wanted = pc.equal(block["event"].combine_chunks(), 0)
        if self.alone.columns:
            wanted = pc.or_(wanted, self.alone.rows(block))
        if self.received is not None:
            wanted = pc.or_(wanted, other_stages(block, self.received))
        return frozenset(pc.indices_nonzero(wanted).to_pylist())


def _received(place: Place, held: Held, fitting: Fitting) -> list[pa.Array]:
    """When the requests were received of which a line in these blocks fits."""
    found = []
    with _opened(place, held, *fitting.columns) as parquet:
        for number in held.numbers(parquet.num_row_groups):
            block = parquet.read_row_group(number, columns=["received", *fitting.columns], use_threads=False)
            found.append(block["received"].combine_chunks().filter(fitting.rows(block)).unique())
    return found


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for in each part. `rows`: which rows are looked at; None: all of them."""

    place: Place
    asked: _Asked
    order: Mapping[str, int]
    rows: _Rows | None

    def lines(self, held: Held) -> list[StoredLine]:
        """The lines in the blocks of one part, at most a little more than are held."""
        found: list[StoredLine] = []
        size = 0
        with _opened(self.place, held, "source", *(self.rows.coded if self.rows is not None else ())) as parquet:
            for number in held.numbers(parquet.num_row_groups):
                some = [line for line in self._in_block(parquet, number) if line.source in self.order]
                found += some
                size += sum(len(one.raw) for one in some)
                if size > _MOST_BYTES:
                    break
        return found

    def _in_block(self, parquet: pq.ParquetFile, number: int) -> list[StoredLine]:
        rows = None
        if self.rows is not None:
            rows = self.rows.among(parquet.read_row_group(number, columns=self.rows.columns, use_threads=False))
            if not rows:
                return []
        block = parquet.read_row_group(number, columns=["source", "line", "raw"], use_threads=False)
        return _matching(block, self.asked, rows)


def _matching(block: pa.Table, asked: _Asked, rows: Set[int] | None) -> list[StoredLine]:
    """The lines of a block that hold what is looked for. `rows`: where they may be; None: anywhere."""
    raw = block["raw"].combine_chunks()
    _, offsets, data = raw.buffers()
    begins = memoryview(offsets).cast("i")[raw.offset : raw.offset + len(raw) + 1]
    text = memoryview(data)
    if rows is not None:
        looked_at: Iterable[int] = sorted(rows)
    else:
        looked_at = _hits(data.to_pybytes(), begins, asked) if asked.sought else range(len(raw))
    held = []
    for at in looked_at:
        line = bytes(text[begins[at] : begins[at + 1]])
        if not asked.sought or any(one.said_in(line) for one in asked.sought):
            held.append((at, line))
    if not held:
        return []
    places = block.select(["source", "line"]).take([at for at, _ in held])
    sources, numbers = (places[name].to_pylist() for name in ("source", "line"))
    return [StoredLine(*one) for one in zip(sources, numbers, (line for _, line in held), strict=True)]


def _hits(text: bytes, begins: memoryview, asked: _Asked) -> list[int]:
    """The lines in which something is found that is looked for; `begins`: where they begin, and the last one ends."""
    hits: set[int] = set()
    as_logged = all(text.startswith(OWN_ORDER, begin) for begin in begins[:-1])
    for find in asked.own if as_logged else asked.telling:
        for _, start, stop in find(memoryview(text)):
            at = bisect_right(begins, start) - 1
            if 0 <= at < len(begins) - 1 and stop <= begins[at + 1]:
                hits.add(at)
    return sorted(hits)
