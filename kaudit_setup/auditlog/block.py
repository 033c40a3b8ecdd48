"""A piece of a log: whole lines of JSON, and where each of them is in its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import Final

from kaudit_setup.auditlog.event import Event

_INK: Final = re.compile(rb"\S")


class Block:
    """Whole lines, each ended by a newline: `data[:size]`, from byte `at` of the (decompressed) file on.

    Valid until the next block is asked for. `origins`: of lines that were made of a file in another shape, in which
    line of the file each begins, counted from the first one that the block is made of, which is 0; None where the
    lines are the file's own. `height`: of how many lines of the file it is made then; `counted`: whether that is
    known. `begins`: at which byte of the file each begins, counted from `at`, where that is known of what is
    no line of its own. `events`: what was decoded of each line, where that is known already.
    """

    __slots__ = ("_data", "_known", "at", "begins", "counted", "events", "height", "origins", "size")

    def __init__(
        self,
        data: bytes | bytearray | Callable[[], bytes],
        size: int,
        at: int,
        origins: Sequence[int] | None = None,
        height: int = 0,
        known: list[int] | None = None,
        events: list[Event] | None = None,
        *,
        counted: bool = True,
        begins: Sequence[int] | None = None,
    ) -> None:
        """`data`: or what makes it when it is asked for, which it seldom is where `events` are known. `known`: the
        lines' sizes, where they are.
        """
        self._data = data
        self._known = known
        self.size = size
        self.at = at
        self.origins = origins
        self.height = height
        self.counted = counted
        self.begins = begins
        self.events = events

    @property
    def data(self) -> bytes | bytearray:
        """The lines, and perhaps spare room behind them."""
        if not isinstance(self._data, bytes | bytearray):
            self._data = self._data()
        return self._data

    @property
    def view(self) -> memoryview:
        """The lines without the spare room behind them."""
        return memoryview(self.data)[: self.size]

    @property
    def blank(self) -> bool:
        """Whether its lines are blank: a small file may unpack to millions of them."""
        return self.events is None and self.data[:1].isspace() and _INK.search(self.view) is None

    def here_and_there(self, step: int, start: int = 0) -> Iterator[tuple[int, int]]:
        """Where lines begin and end: those that hold every `step`th byte from `start` on, and the last one."""
        data, size, look = self.data, self.size, start
        while look < size:
            end = data.find(b"\n", look, size)
            yield data.rfind(b"\n", 0, look) + 1, end
            look = max(end + 1, min(look + step, size - 1))

    def sizes(self) -> list[int]:
        """The lines' sizes, newline included."""
        return self._known or list(map(len, BytesIO(self.view)))

    def origin(self, index: int) -> int:
        """The line of the file in which the line `index` begins, both counted from 0 in this block."""
        return index if self.origins is None else self.origins[index]

    def file_lines(self, count: int) -> int:
        """How many lines of the file this block is made of, if it has `count` lines itself."""
        return count if self.origins is None else self.height

    def lines(self, start: int, stop: int) -> int:
        """How many lines end in `data[start:stop]`; `bytearray.count` takes twice as long."""
        find = self.data.find
        count = 0
        while (start := find(b"\n", start, stop) + 1) > 0:
            count += 1
        return count

    def numbers(self, starts: Iterable[int], first: int) -> Iterator[int]:
        """The numbers in the file of the lines that begin at `starts` (ascending), if the first line of the block is
        number `first`; 0 for all if that is 0.
        """
        return (first + self.origin(at) for at in self._indexes(starts)) if first else (0 for _ in starts)

    def places(self, starts: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Where these lines begin in the file, for who numbers them later: from which byte on lines are counted, and
        how many lines further on each begins.
        """
        for index in self._indexes(starts):
            yield self.at, self.origin(index)

    def offsets(self, starts: Iterable[int]) -> Iterator[int]:
        """At which byte of the file these lines begin; if that is not known, some byte that tells them apart."""
        if self.begins is None:
            return (self.at + start for start in starts)
        return (self.at + self.begins[index] for index in self._indexes(starts))

    def _indexes(self, starts: Iterable[int]) -> Iterator[int]:
        done = index = 0
        for start in starts:
            index += self.lines(done, start)
            done = start
            yield index
