"""Lines out of a few blocks of an archive, without the engine, which takes longer to start than they to be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from kaudit_setup.auditlog.literals import OWN_ORDER, Find, Plain, Sought, finders
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.archive.index import Index
from kaudit_setup.stores.port import Place, StoredLine
from kaudit_setup.stores.records import Part
from kaudit_setup.stores.tokens import Blocks, blocks_of, numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

A = TypeVar("A")
B = TypeVar("B")

_THREADS = 8
"""More than there are cores: in a bucket most of the time goes by waiting."""
_MOST_BYTES = 192 << 20
"""Bytes of lines that are held here; what is more is for the engine, which sorts on the disk."""


@dataclass(frozen=True, slots=True)
class Held:
    """Some blocks of a part in which a line may be."""

    part: Part
    blocks: Blocks

    def numbers(self) -> Iterator[int]:
        """The blocks, counted from the first one of the part."""
        return numbers_of(self.blocks)


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
    place: Place, held: Sequence[Held], sought: Sequence[Sought], order: Mapping[str, int]
) -> list[StoredLine] | None:
    """The lines in these blocks that hold one of `sought`, by the `order` of their sources; lines of other sources do
    not count. None if they are too many to be held. Raises StoreError.
    """
    asked = _Asked.of(sought)
    found: list[StoredLine] = []
    size = 0
    for some in _each(lambda one: _in_part(place, one, asked, order), held):
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


def _in_part(place: Place, held: Held, asked: _Asked, order: Mapping[str, int]) -> list[StoredLine]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: list[StoredLine] = []
    size = 0
    try:
        with place.open(held.part.lines) as file, pq.ParquetFile(file, read_dictionary=["source"]) as parquet:
            for number in held.numbers():
                block = parquet.read_row_group(number, columns=["source", "line", "raw"], use_threads=False)
                some = [line for line in _matching(block, asked) if line.source in order]
                found += some
                size += sum(len(one.raw) for one in some)
                if size > _MOST_BYTES:
                    break
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{place.name}/{held.part.lines} could not be read: {error}") from error
    return found


def _matching(block: pa.Table, asked: _Asked) -> Iterator[StoredLine]:
    sources, numbers = block["source"].combine_chunks(), block["line"].combine_chunks()
    raw = block["raw"].combine_chunks()
    _, offsets, data = raw.buffers()
    begins = memoryview(offsets).cast("i")[raw.offset : raw.offset + len(raw) + 1]
    text = data.to_pybytes()
    hits: set[int] = set()
    as_logged = all(text.startswith(OWN_ORDER, begin) for begin in begins[:-1])
    for find in asked.own if as_logged else asked.telling:
        for _, start, stop in find(memoryview(text)):
            at = bisect_right(begins, start) - 1
            if 0 <= at < len(raw) and stop <= begins[at + 1]:
                hits.add(at)
    for at in sorted(hits):
        line = text[begins[at] : begins[at + 1]]
        if any(one.said_in(line) for one in asked.sought):
            yield StoredLine(sources[at].as_py(), numbers[at].as_py(), line)
