"""Several stores asked as one source; one that does not answer is said, and does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reports.stats import NodeStats
from kaudit_setup.auditlog.reports.top import Groups, Top, ranked
from kaudit_setup.auditlog.scan_statistics import Coverage, extent
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.logs import StoreLogs
from kaudit_setup.stores.reports import add_counted, stats

T = TypeVar("T")


@dataclass(slots=True)
class Stores:
    """See `LogSource`. What a store gave before it failed counts; `missing` says that it is not all."""

    logs: tuple[StoreLogs, ...]
    failed: dict[str, StoreError] = field(default_factory=dict)
    """By the name of the store: what kept it from answering."""

    @property
    def complete(self) -> bool:
        """Whether no store has failed so far."""
        return not self.failed

    def missing(self) -> list[str]:
        """A sentence for each store that failed; raises its StoreError if there is no other."""
        if self.failed and len(self.failed) == len(self.logs):
            raise next(iter(self.failed.values()))
        return [
            f"The log in {name} is missing from this answer, or a part of it: {error}."
            for name, error in self.failed.items()
        ]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        for logs in self._answering():
            try:
                yield from logs.candidates(literals, window, patterns)
            except StoreError as error:
                self.failed[logs.name] = error

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """Stores number their lines themselves."""
        return list(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `StoreLogs.damaged`."""

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return tuple(cover for found in self._each(StoreLogs.coverage) for cover in found)

    def top(self, by: Sequence[str], wanted: Filter, limit: int) -> Top:
        """See `auditlog.reports.top.top`."""
        groups = Groups()

        def add(logs: StoreLogs) -> None:
            add_counted(groups, logs, by, wanted)

        self._each(add)
        return ranked(groups, by, limit, extent(self.coverage(), wanted.window))

    def stats(self) -> tuple[NodeStats, ...]:
        """See `auditlog.reports.stats.stats`."""
        return tuple(node for found in self._each(stats) for node in found)

    def fetch(self, wanted: Filter, folder: Path) -> LocalLogs:
        """The lines of the events that fit `wanted`, as files in `folder`."""
        files = []
        folders = {logs.name: folder / str(number) for number, logs in enumerate(self.logs)}
        for copies in self._each(lambda logs: logs.fetch(wanted, folders[logs.name])):
            files += copies
        return Brought(files, self.coverage())

    def _answering(self) -> Iterator[StoreLogs]:
        return (logs for logs in self.logs if logs.name not in self.failed)

    def _each(self, ask: Callable[[StoreLogs], T]) -> list[T]:
        answers: list[T] = []
        for logs in self._answering():
            try:
                answers.append(ask(logs))
            except StoreError as error:
                self.failed[logs.name] = error
        return answers


class Brought(LocalLogs):
    """Lines that were brought here from stores; what their logs cover is what the stores know."""

    def __init__(self, files: Sequence[LogFile], covers: Sequence[Coverage]) -> None:
        super().__init__(files)
        self._covers = tuple(covers)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return self._covers
