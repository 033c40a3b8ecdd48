"""Several stores asked as one source; one that does not answer is said, and does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from kaudit_setup.auditlog.coverage.extent import extent
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import AnyOf, Filter
from kaudit_setup.auditlog.prefilter import patterns_of_any
from kaudit_setup.auditlog.reports.estimate import Weight, summed
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.auditlog.reports.stats import NodeStats
from kaudit_setup.auditlog.reports.top import Groups, Top, ranked
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource, OfRequests
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import StoreError
from kaudit_setup.policy.model import Policy
from kaudit_setup.stores.logs import StoreLogs
from kaudit_setup.stores.reports import add_counted, stats
from kaudit_setup.unlogged_servers import UnloggedServer

T = TypeVar("T")


class Source(LogSource, Protocol):
    """One store as a source of logs."""

    @property
    def name(self) -> str:
        """As people call it; without any credentials."""
        ...

    def fetch(self, wanted: Filter, folder: Path) -> Sequence[LogFile]:
        """At least the lines of events that fit `wanted`, as files in the new folder `folder`. Raises StoreError."""
        ...

    def left_out(self) -> Sequence[str]:
        """A sentence, without a full stop, for each log that is there and could not be read."""
        ...

    def lost(self) -> Sequence[str]:
        """The addresses of what is there and could not be read at all."""
        ...

    def close(self) -> None:
        """Remove what was kept here for the search."""
        ...


@dataclass(slots=True)
class Stores:
    """See `LogSource`. What a store gave before it failed counts; `missing` says that it is not all."""

    logs: tuple[Source, ...]
    failed: dict[str, StoreError] = field(default_factory=dict)
    """By the name of the store: what kept it from answering."""

    @property
    def complete(self) -> bool:
        """Whether no store has failed so far, and none has a log that could not be read."""
        return not self.failed and not any(one.left_out() for one in self.logs)

    @property
    def counting(self) -> bool:
        """Whether all of them count events themselves, and know what their logs are like."""
        return all(isinstance(one, StoreLogs) for one in self.logs)

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """See `Store.servers`; None if one of the stores does not know."""
        found: list[Event] = []
        for seen in self._each(lambda logs: logs.servers(cluster) if isinstance(logs, StoreLogs) else None):
            if seen is None:
                return None
            found += seen
        return found

    def missing(self) -> list[str]:
        """A sentence for each store that failed and each log that is left out; raises the StoreError of a store if
        there is no other.
        """
        if self.failed and len(self.failed) == len(self.logs):
            raise next(iter(self.failed.values()))
        failed = [
            f"The log in {name} is missing from this answer, or a part of it: {error}."
            for name, error in self.failed.items()
        ]
        return [*failed, *(f"{said}." for one in self.logs for said in one.left_out())]

    def unlogged(self) -> list[UnloggedServer]:
        """Whose requests are missing from what the stores gave, for an answer's first sentence."""
        names = [*self.failed, *(lost for one in self.logs for lost in one.lost())]
        return [UnloggedServer(f"the servers of {name}", "it could not be read") for name in names]

    def close(self) -> None:
        """See `Source.close`."""
        for one in self.logs:
            one.close()

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`; those of stores that answer."""
        return list(dict.fromkeys(name for names in self._each(lambda logs: logs.clusters()) for name in names))

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        return self._of_each(lambda logs: logs.candidates(literals, window, patterns))

    def requests(self, literals: Sequence[bytes], wanted: AnyOf) -> Iterator[Hit]:
        """See `OfRequests`; of what does not tell requests apart all candidates."""
        return self._of_each(
            lambda logs: (
                logs.requests(literals, wanted)
                if isinstance(logs, OfRequests)
                else logs.candidates(literals, wanted.window, patterns_of_any(wanted))
            )
        )

    def _of_each(self, search: Callable[[Source], Iterator[Hit]]) -> Iterator[Hit]:
        for logs in self._answering():
            try:
                yield from search(logs)
            except StoreError as error:
                self.failed[logs.name] = error

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`; what has a number keeps it."""
        found = list(hits)
        for logs in self._answering():
            found = logs.numbered(found)
        return found

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`; whose line it is says its node."""
        for logs in self._answering():
            if any(cover.node == hit.file.node for cover in logs.coverage()):
                logs.damaged(hit, what)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return tuple(cover for found in self._each(lambda logs: logs.coverage()) for cover in found)

    def top(self, by: Sequence[str], wanted: Filter, limit: int) -> Top:
        """See `auditlog.reports.top.top`; of stores that count. Raises StoreError if none of them answers."""
        groups = Groups()

        def add(logs: Source) -> None:
            if isinstance(logs, StoreLogs):
                add_counted(groups, logs, by, wanted)

        self._each(add)
        self.missing()
        return ranked(groups, by, limit, extent(self.coverage(), wanted.window))

    def has_lately(self, dimension: str, value: str) -> bool:
        """See `StoreLogs.has_lately`; of any of the stores that count."""
        return any(self._each(lambda logs: isinstance(logs, StoreLogs) and logs.has_lately(dimension, value)))

    def weigh(self, policies: Sequence[Policy], wanted: Filter) -> dict[RequestClass, Weight]:
        """See `auditlog.reports.estimate.weigh`; of stores that count. Raises StoreError if none of them answers."""
        classifier = Classifier(policies)
        found = self._each(lambda logs: summed(logs.weigh(classifier, wanted)) if isinstance(logs, StoreLogs) else {})
        self.missing()
        return summed(pair for classes in found for pair in classes.items())

    def stats(self) -> tuple[NodeStats, ...]:
        """See `auditlog.reports.stats.stats`; of stores that count. Raises StoreError if none of them answers."""
        found = self._each(lambda logs: stats(logs) if isinstance(logs, StoreLogs) else ())
        self.missing()
        return tuple(node for nodes in found for node in nodes)

    def fetch(self, wanted: Filter, folder: Path) -> LocalLogs:
        """The lines of the events that fit `wanted`, as files in `folder`."""
        folders = {logs.name: folder / str(number) for number, logs in enumerate(self.logs)}
        files = [file for found in self._each(lambda logs: logs.fetch(wanted, folders[logs.name])) for file in found]
        known = self._each(lambda logs: logs.coverage() if isinstance(logs, StoreLogs) else ())
        return _Brought(files, [cover for covers in known for cover in covers])

    def _answering(self) -> Iterator[Source]:
        return (logs for logs in self.logs if logs.name not in self.failed)

    def _each(self, ask: Callable[[Source], T]) -> list[T]:
        answers: list[T] = []
        for logs in self._answering():
            try:
                answers.append(ask(logs))
            except StoreError as error:
                self.failed[logs.name] = error
        return answers


class _Brought(LocalLogs):
    """Lines that were brought here from stores."""

    def __init__(self, files: Sequence[LogFile], known: Sequence[Coverage]) -> None:
        super().__init__(files)
        self._known = tuple(known)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`: what stores know of their logs, and of the others what was read here."""
        nodes = {cover.node for cover in self._known}
        return (*self._known, *(cover for cover in super().coverage() if cover.node not in nodes))
