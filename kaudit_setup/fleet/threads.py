"""Jobs in threads that never keep the program from ending: whoever presses Ctrl-C twice must get away.

(The threads of concurrent.futures are waited for at exit, whatever they wait for themselves.)
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue


class Threads:
    """At most `forks` jobs at the same time. To be used by one thread."""

    def __init__(self, jobs: Iterable[Callable[[], object]], forks: int) -> None:
        """The jobs are taken in their order, once `begin` is called."""
        self._jobs = deque(jobs)
        self._alive = max(1, min(forks, len(self._jobs)))
        # what a thread puts there at its end; `put` may be called in a signal handler, too
        self._messages: SimpleQueue[BaseException | str | None] = SimpleQueue()
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Start the threads."""
        for _ in range(self._alive):
            threading.Thread(target=self._work, daemon=True).start()

    def begin_no_more(self) -> None:
        """What is under way goes on."""
        self._jobs.clear()

    def wait(self, seconds: float | None = None) -> bool:
        """Until another thread has ended, or `wake` was called, or so long; whether all have ended.

        Raises what a job raised, once all have ended.
        """
        try:
            error = self._messages.get(timeout=seconds)
        except Empty:
            return self._alive == 0
        if isinstance(error, str):
            return False
        self._alive -= 1
        self._error = self._error or error
        if self._alive == 0 and self._error:
            raise self._error
        return self._alive == 0

    def wake(self) -> None:
        """Make `wait` return. May be called in a signal handler."""
        self._messages.put("wake up")

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            while True:
                try:
                    job = self._jobs.popleft()
                except IndexError:
                    break
                job()
        except BaseException as raised:
            error = raised
        self._messages.put(error)


@contextmanager
def on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `call` and raises nothing, so that it is safe at any time. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
