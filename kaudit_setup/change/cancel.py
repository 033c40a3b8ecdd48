"""Ctrl-C for work that goes on in other threads, which never hear of it by themselves.

The first one asks to stop: what is not proved yet is put back. The second one asks to leave: the watchdog on the node
does the rest. Work that waits for a node says how it can be freed; the thread that hears Ctrl-C pulls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from kaudit_setup.errors import NodeError


class Level(IntEnum):
    """How hard the brake is pulled."""

    STOP = 1
    LEAVE = 2


class PulledError(Exception):
    """The brake was pulled while this went on, or before it began."""


class Brake:
    """Shared by everything that one command does to nodes."""

    def __init__(self) -> None:
        """Nothing is pulled yet."""
        self._pulled = {level: threading.Event() for level in Level}
        self._guard = threading.Lock()
        self._held: dict[object, tuple[Level, Callable[[], None]]] = {}

    def reached(self, level: Level) -> bool:
        """Whether it was pulled so hard, or harder."""
        return self._pulled[level].is_set()

    def pause(self, seconds: float, level: Level) -> None:
        """Wait so long, or until it is pulled so hard. Raises PulledError."""
        if self._pulled[level].wait(seconds):
            raise PulledError

    def pull(self, level: Level) -> None:
        """Free what waits below that level. Worth repeating: what was about to wait may have been missed."""
        for each in Level:
            if each <= level:
                self._pulled[each].set()
        with self._guard:
            waiting = [free for at, free in self._held.values() if at <= level]
        for free in waiting:
            free()

    @contextmanager
    def frees(self, level: Level, free: Callable[[], None]) -> Iterator[None]:
        """While the block waits for a node, `free` (called in another thread) makes it end with a NodeError.

        Raises PulledError in its place, also where the brake was pulled so hard before the block began.
        """
        key = object()
        with self._guard:
            self._held[key] = (level, free)
        try:
            if self.reached(level):
                raise PulledError
            yield
        except NodeError as error:
            if self.reached(level):
                raise PulledError from error
            raise
        finally:
            with self._guard:
                del self._held[key]
