"""Ctrl-C for work that goes on in other threads, which never get a KeyboardInterrupt.

The first one asks to stop: what is not proved yet is put back. The second one asks to leave: the watchdog on the node
does the rest. Work that waits for a node says how it can be woken; the thread that gets Ctrl-C wakes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from kaudit_setup.errors import NodeError


class Level(IntEnum):
    """How urgently the run shall end."""

    STOP = 1
    LEAVE = 2


class CancelledError(Exception):
    """The run was cancelled while this went on, or before it began."""


class Cancellation:
    """Shared by everything that one command does to nodes."""

    def __init__(self) -> None:
        """Nothing is cancelled yet."""
        self._events = {level: threading.Event() for level in Level}
        self._lock = threading.Lock()
        self._waiting: dict[object, tuple[Level, Callable[[], None]]] = {}

    def is_cancelled(self, level: Level = Level.STOP) -> bool:
        """Whether it was cancelled with this urgency, or a greater one."""
        return self._events[level].is_set()

    def sleep(self, seconds: float, level: Level) -> None:
        """Wait so long. Raises CancelledError as soon as it is cancelled with this urgency."""
        if self._events[level].wait(seconds):
            raise CancelledError

    def cancel(self, level: Level) -> None:
        """Wake what waits and ends at this level. Worth repeating: what was about to wait may have been missed."""
        for each in Level:
            if each <= level:
                self._events[each].set()
        with self._lock:
            wakes = [wake for heeded, wake in self._waiting.values() if heeded <= level]
        for wake in wakes:
            wake()

    @contextmanager
    def ends(self, level: Level, wake: Callable[[], None]) -> Iterator[None]:
        """While the block waits for a node, `wake` (called in another thread) makes it end with a NodeError.

        Raises CancelledError in its place, also where it was cancelled before the block began.
        """
        key = object()
        with self._lock:
            self._waiting[key] = (level, wake)
        try:
            if self.is_cancelled(level):
                raise CancelledError
            yield
        except NodeError as error:
            if self.is_cancelled(level):
                raise CancelledError from error
            raise
        finally:
            with self._lock:
                del self._waiting[key]
