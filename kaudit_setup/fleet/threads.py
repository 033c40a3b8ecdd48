"""Jobs in threads that never keep the program from ending: whoever presses Ctrl-C twice must get away.

(The threads of concurrent.futures are waited for at exit, whatever they wait for themselves.)
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue


class Threads:
    """At most `forks` jobs at the same time. To be used by one thread."""

    def __init__(self, jobs: Iterable[Callable[[], object]], forks: int) -> None:
        """The jobs are taken in their order, once `begin` is called."""
        self._jobs = deque(jobs)
        self._alive = max(1, min(forks, len(self._jobs)))
        # what a thread has to say at its end; its `put` may be called in a signal handler, too
        self._heard: SimpleQueue[BaseException | str | None] = SimpleQueue()
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Start the threads."""
        for _ in range(self._alive):
            threading.Thread(target=self._work, daemon=True).start()

    def begin_no_more(self) -> None:
        """What is under way goes on."""
        self._jobs.clear()

    def wait(self, seconds: float | None = None) -> bool:
        """Until another thread has ended, or somebody rang, or so long; whether all have ended.

        Raises what a job raised, once all have ended.
        """
        try:
            error = self._heard.get(timeout=seconds)
        except Empty:
            return self._alive == 0
        if isinstance(error, str):
            return False
        self._alive -= 1
        self._error = self._error or error
        if self._alive == 0 and self._error:
            raise self._error
        return self._alive == 0

    def finish(self) -> None:
        """Until all have ended; raises what a job raised."""
        while not self.wait():
            pass

    def ring(self) -> None:
        """Make `wait` return. May be called in a signal handler."""
        self._heard.put("the bell")

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
        self._heard.put(error)
