"""A store as a source of logs, for `who` and `events`; and its lines brought here, for what must read them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import AnyOf, Filter, Values
from kaudit_setup.auditlog.literals import Sought, delimited
from kaudit_setup.auditlog.raw_lines import PADDING, inside
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError, KauditError, StoreError
from kaudit_setup.stores.port import Group, Store, StoredLine
from kaudit_setup.stores.records import Source, shown
from kaudit_setup.values import replace

_DAY = len("2026-11-23")
_CLUSTER = "cluster"
"""A dimension of counts."""


class StoreLogs:
    """The logs in a store, searched where they are."""

    def __init__(self, store: Store, cluster: str = "") -> None:
        """`cluster`: of which its logs are, if somebody says so who asks. Nothing is asked yet."""
        self._store = store
        self._asked: Window | None = None
        self._cluster = cluster

    @property
    def name(self) -> str:
        """As people call the store."""
        return self._store.name

    @cached_property
    def _sources(self) -> Sequence[Source]:
        found = self._store.sources()
        if not found:
            raise StoreError(
                f"{self._store.name} holds no log: nothing was packed there, or nothing to its end",
                hint=f"kaudit-setup pack --log PATH --to {self._store.name}",
            )
        return [self._named(source, found) for source in found] if self._cluster else found

    def _named(self, source: Source, of: Sequence[Source]) -> Source:
        """A source under the name that its cluster was given. Raises InputError if the store knows of several."""
        clusters = list(dict.fromkeys(one.cluster for one in of))
        if len(clusters) > 1:
            raise InputError(
                f"{self._store.name} has logs of the clusters {', '.join(clusters)}, not only of {self._cluster}",
                hint=f"it keeps them apart itself: --log {self._store.name}",
            )
        return replace(source, cluster=self._cluster)

    @cached_property
    def _files(self) -> dict[str, LogFile]:
        """By text: the file by whose name its lines are known."""
        return {text: source.file() for text, source in shown(self._sources).items()}

    @cached_property
    def shown_sources(self) -> tuple[Source, ...]:
        """The sources that no other one begins with, in their order."""
        names = {source.text for source in shown(self._sources).values()}
        return tuple(source for source in self._sources if source.text in names)

    @property
    def files(self) -> tuple[LogFile, ...]:
        """The files that were packed, those that hold something of the time that was asked for."""
        return tuple(source.file() for source in self.shown_sources if source.touches(self._asked or ALWAYS))

    def _ask_for(self, window: Window) -> None:
        asked = self._asked or window
        self._asked = Window(min(asked.since, window.since), max(asked.until, window.until))

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`. Raises StoreError."""
        return list(dict.fromkeys(source.file().cluster for source in self.shown_sources))

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """See `Store.servers`."""
        packed = {source.cluster for source in self._store.sources()} if self._cluster else {cluster}
        return self._store.servers("".join(packed))

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        words = tuple(filter(None, map(delimited, patterns)))
        return self._found([Sought.of(literal, words) for literal in dict.fromkeys(literals) if literal], window)

    def requests(self, literals: Sequence[bytes], wanted: AnyOf) -> Iterator[Hit]:
        """See `OfRequests`."""
        return self._found([Sought.of(literal) for literal in dict.fromkeys(literals)], wanted.window, wanted)

    def _found(self, sought: Sequence[Sought], window: Window, about: AnyOf | None = None) -> Iterator[Hit]:
        self._ask_for(window)
        if not self._sources:
            return
        for hit in self.hits(self._store.find(sought, window, about)):
            if sought and not any(one.said_in(hit.text) for one in sought):
                continue
            if window.open or inside(hit.text, window):
                yield hit

    def hits(self, lines: Iterator[StoredLine]) -> Iterator[Hit]:
        """Lines of the store as hits. Raises StoreError for a line of no source."""
        for source, number, raw in lines:
            file = self._files.get(source)
            if file is None:
                raise StoreError(f"{self._store.name} has lines of a file that no record names")
            yield Hit(file, number, 0, raw.strip(PADDING))

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """A store numbers its lines itself."""
        return list(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """Every line was looked at when it was packed."""

    def coverage(self) -> tuple[Coverage, ...]:
        """What the logs cover, as it was found when they were packed."""
        return coverage(self.files, {source.text: source.tally for source in self.shown_sources})

    def count(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """See `Store.count`. Raises StoreError if nothing was packed there."""
        self._ask_for(wanted.window)
        if not self._sources:
            return iter(())
        if not self._cluster:
            return self._store.count(by, wanted)
        return self._counted_as_named(by, wanted)

    def _counted_as_named(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """The same under the name that its cluster was given."""
        for group in self._store.count(by, wanted):
            key = (self._cluster if name == _CLUSTER else value for name, value in zip(by, group.key, strict=True))
            yield Group(tuple(key), group.events, group.size)

    def has_lately(self, dimension: str, value: str) -> bool:
        """Whether an event of the last day has this value in a dimension of `Store.count`."""
        last = max((source.tally.last for source in self.shown_sources), default="")
        wanted = Filter({dimension: Values((value,))}, Window(since=f"{last[:_DAY]}T00:00:00.000000Z"))
        return any(True for _ in self._store.count([dimension], wanted))

    def weigh(self, classifier: Classifier, wanted: Filter) -> Iterator[tuple[RequestClass, Weight]]:
        """See `Store.weigh`. Raises StoreError if nothing was packed there."""
        self._ask_for(wanted.window)
        if not self._sources:
            return iter(())
        return self._store.weigh(classifier, wanted)

    def left_out(self) -> Sequence[str]:
        """See `several.Source.left_out`."""
        return ()

    def lost(self) -> Sequence[str]:
        """See `several.Source.lost`."""
        return ()

    def close(self) -> None:
        """Nothing is kept here."""

    def fetch(self, wanted: Filter, folder: Path) -> list[LogFile]:
        """The lines of the events that fit `wanted` as files in the new folder `folder`. Raises StoreError, and
        KauditError if it cannot be written.
        """
        self._ask_for(wanted.window)
        copies: list[LogFile] = []
        try:
            folder.mkdir(mode=0o700)
            for file, hits in groupby(self.hits(self._store.stream(wanted)), lambda hit: hit.file):
                copies.append(_copied(file, hits, folder / str(len(copies))))
        except OSError as error:
            raise KauditError(
                f"the lines that fit cannot be kept in {folder}: {error.strerror or error}",
                hint="make room there, or name another place for it with TMPDIR",
            ) from error
        return copies


def _copied(file: LogFile, hits: Iterable[Hit], copy: Path) -> LogFile:
    with copy.open("xb") as out:
        for hit in hits:
            out.write(hit.text + b"\n")
    info = copy.stat()
    return replace(file, size=info.st_size, inode=(info.st_dev, info.st_ino), gzipped=False, copy=str(copy))
