"""Where logs are, said once: files here, or machines that search for themselves. Questions are put to `Logs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scan_statistics import Coverage, Tally, coverage
from kaudit_setup.auditlog.search import Hit, candidates, numbered
from kaudit_setup.auditlog.timestamps import ALWAYS, Window


class Logs(Protocol):
    """The audit logs of one node or several."""

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """The lines that hold any of `literals` and lie in `window`, file by file; no literal means every line.

        `patterns` (extended regular expressions): what does not fit each of them is not asked for, and is left out
        where lines have a long way.
        A line is only a candidate: it holds the literal somewhere. Hits of large local files have line 0 until they
        are `numbered`.
        """
        ...

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """`hits` with their line numbers."""
        ...

    def damaged(self, hit: Hit, what: str) -> None:
        """Count a line that was found and then could not be read."""
        ...

    def coverage(self) -> tuple[Coverage, ...]:
        """What each node's log covers and what was damaged, as the searches so far found it."""
        ...


class LocalLogs:
    """Log files on this machine."""

    def __init__(self, files: Sequence[LogFile]) -> None:
        """`files` as `find_logs` gives them."""
        self.files = tuple(files)
        self.tallies: dict[str, Tally] = {}

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `Logs.candidates`."""
        yield from candidates(self.files, literals, window, self.tallies)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `Logs.numbered`."""
        return numbered(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `Logs.damaged`."""
        self.tallies.setdefault(hit.file.key, Tally()).damage(hit.line, what)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `Logs.coverage`; files that no search had to open count as files only."""
        return coverage(self.files, self.tallies)
