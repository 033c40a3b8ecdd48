"""How far the reading of logs is, for whoever watches it.

Each unit of a scan has a number of its own in memory that all forks share, and each block that was read adds to it:
nothing is sent, no line is counted, and one process looks at the sum when somebody wants to see it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from mmap import mmap
from typing import BinaryIO, Protocol, TypeVar

import msgspec

LOOK_S = 0.2
"""Seconds: who watches is asked so often while there is nothing else to do."""


class HowFar(msgspec.Struct, frozen=True):
    """`read` of `size` bytes, as they lie on the disk; `size` is 0 if nobody knows it, as of a pipe.

    `done` of `files` files were read to their ends. Of `nodes` that are asked those that are `left` still work.
    """

    read: int = 0
    size: int = 0
    done: int = 0
    files: int = 0
    nodes: int = 0
    left: tuple[str, ...] = ()

    def __add__(self, other: HowFar) -> HowFar:
        """Of two scans at the same time."""
        known = (self.size or not self.files) and (other.size or not other.files)
        return HowFar(
            self.read + other.read,
            self.size + other.size if known else 0,
            self.done + other.done,
            self.files + other.files,
            self.nodes + other.nodes,
            (*self.left, *other.left),
        )


class Watcher(Protocol):
    """Who watches. Both are called by one thread of the process that began the scan."""

    def due(self) -> bool:
        """Whether it wants to see something now; asked for every block, so it must be quick."""

    def see(self, far: HowFar) -> None:
        """What it wanted."""

    def over(self) -> None:
        """All scans have ended, for now; what it shows must make way for the answer."""


class Length(msgspec.Struct, frozen=True):
    """Of one unit: in which file it is, and how many bytes it has, -1 if nobody knows."""

    file: str
    bytes: int


class Meter:
    """How far one scan is."""

    def __init__(self, lengths: Sequence[Length], scans: Scans) -> None:
        """`lengths`: of all units, in their order."""
        self._lengths = tuple(lengths)
        # the last place is nobody's: a map cannot be empty
        self._read = memoryview(mmap(-1, 8 * (len(lengths) + 1))).cast("Q")
        self._ended = memoryview(mmap(-1, len(lengths) + 1))
        self._scans = scans
        self._owner = os.getpid()

    def read(self, unit: int, count: int) -> None:
        """A unit was read so many bytes far."""
        self.reached(unit, count)
        self.tick()

    def reached(self, unit: int, count: int) -> None:
        """The same from another thread than the one that watches."""
        length = self._lengths[unit].bytes
        self._read[unit] = count if length < 0 else min(count, length)

    def end(self, unit: int) -> None:
        """A unit was read to its end, or as far as it can be."""
        self._ended[unit] = 1
        if self._lengths[unit].bytes >= 0:
            self._read[unit] = self._lengths[unit].bytes
        self.tick()

    def tick(self) -> None:
        """Let the watcher look; a fork only counts."""
        if os.getpid() == self._owner:
            self._scans.tick()

    def far(self) -> HowFar:
        """How far it is now."""
        files = {one.file for one in self._lengths}
        going_on = {one.file for one, ended in zip(self._lengths, self._ended, strict=False) if not ended}
        sizes = [one.bytes for one in self._lengths]
        size = sum(sizes) if min(sizes, default=0) >= 0 else 0
        return HowFar(sum(self._read), size, len(files) - len(going_on), len(files))


class NodesMeter:
    """How many nodes have answered."""

    def __init__(self, names: Sequence[str], scans: Scans) -> None:
        self._left = list(names)
        self._count = len(names)
        self._scans = scans

    def end(self, name: str) -> None:
        """A node has answered, or failed; any thread may say so."""
        self._left.remove(name)

    def remain(self, names: Sequence[str]) -> None:
        """These have not answered; for the thread that asked."""
        self._left = list(names)
        self.tick()

    def tick(self) -> None:
        """Let the watcher look; for the thread that asked."""
        self._scans.tick()

    def far(self) -> HowFar:
        """How far it is now."""
        return HowFar(nodes=self._count, left=tuple(self._left))


M = TypeVar("M", bound=Meter | NodesMeter)


class Scans:
    """Those that go on at the same time under one watcher: the logs of several nodes are read side by side."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._meters: list[Meter | NodesMeter] = []
        self._unwatched = False

    @contextmanager
    def during(self, meter: M) -> Iterator[M]:
        """From the beginning to the end of what `meter` measures."""
        self._meters.append(meter)
        self.tick()
        try:
            yield meter
        finally:
            self._meters.remove(meter)
            if not self._meters:
                self._watcher.over()

    def tick(self) -> None:
        """Let the watcher look, if it wants to."""
        if not self._unwatched and self._watcher.due():
            self._watcher.see(sum((meter.far() for meter in self._meters), HowFar()))

    def make_way(self) -> None:
        """Show nothing from now on."""
        self._unwatched = True
        self._watcher.over()


_NOW: ContextVar[Scans | None] = ContextVar("scans", default=None)


@contextmanager
def watched(watcher: Watcher | None) -> Iterator[None]:
    """All that this thread reads inside is watched, if somebody does."""
    token = _NOW.set(Scans(watcher) if watcher else None)
    try:
        yield
    finally:
        _NOW.reset(token)


def make_way() -> None:
    """The answer is on its way to where the watcher shows something: show nothing from now on."""
    if scans := _NOW.get():
        scans.make_way()


def metered(lengths: Sequence[Length]) -> AbstractContextManager[Meter | None]:
    """One scan of such units; None if nobody watches."""
    scans = _NOW.get()
    return nullcontext() if scans is None else scans.during(Meter(lengths, scans))


def metered_nodes(names: Sequence[str]) -> AbstractContextManager[NodesMeter | None]:
    """One question to nodes; None if nobody watches."""
    scans = _NOW.get()
    return nullcontext() if scans is None else scans.during(NodesMeter(names, scans))


def pieces(stream: BinaryIO, name: str, size: int, piece: int) -> Iterator[bytes]:
    """What is in `stream`, `piece` bytes at a time, while whoever watches sees how far it is. `name`: of the file,
    which has `size` bytes; -1 if nobody knows.
    """
    with metered([Length(name, size)]) as meter:
        done = 0
        while some := stream.read(piece):
            done += len(some)
            if meter is not None:
                meter.read(0, done)
            yield some
