"""`pack`: log files into a store, each text once, whole or not at all."""

from __future__ import annotations

import gc
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pickle import PickleBuffer
from typing import Protocol

from kaudit_setup.auditlog.clusters.tell_apart import Uids, difference, few, uids_in
from kaudit_setup.auditlog.coverage.unreadable import unreadable
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.stats import Count
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.errors import InputError, KauditError
from kaudit_setup.stores.fingerprint import Fingerprint, fingerprint
from kaudit_setup.stores.records import Counted, Source
from kaudit_setup.stores.rows import Rows, rows_of

_BATCH_BYTES = 1 << 30
"""Bytes of files that are committed together, unless one alone has more: each commit is an object to read later."""
_READERS = 2
"""So many processes read lines at most: each needs memory, and more are quicker than the one that writes."""

Progress = Callable[[str, str, int, int], None]
"""Told (node, file, bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a file on their way into a store: encoded by `Commit.encode`, `before` lines stood before them in
    the file, and those up to line `after` are there already.
    """

    file: LogFile
    text: str
    data: Data
    before: int
    after: int


Data = Sequence["PickleBuffer | bytearray"]
"""Encoded lines: as one process wraps them, and as they arrive at another (`scanning.channel`)."""


class Commit(Protocol):
    """One batch that is being written."""

    def encode(self, rows: Rows) -> Data:
        """Rows as `take` takes them; made by the processes that read."""
        ...

    def take(self, piece: Piece) -> None:
        """Write some lines; nobody sees them yet. Raises StoreError."""
        ...

    def finish(self, sources: Sequence[Source]) -> None:
        """Make all that was taken visible at once. Raises StoreError."""
        ...

    def give_up(self) -> None:
        """Take away what was written."""
        ...


class Target(Protocol):
    """Where lines are packed to."""

    @property
    def name(self) -> str:
        """As people call it."""
        ...

    def packed(self) -> Sequence[Source]:
        """What is there. Raises StoreError."""
        ...

    def begin(self, batch: str, cluster: str) -> Commit:
        """Begin to write a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Packed:
    """What `pack` did: the sources that it added; files whose text was there, with the path under which it was; and a
    sentence, without a full stop, for each file that could not be read.
    """

    added: tuple[Source, ...]
    there: tuple[tuple[LogFile, Source], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """A sentence, without a full stop, for each file of which not every line is an audit event."""
        found = (unreadable(one.path, one.tally) for one in self.added)
        return tuple(str(one) for one in found if one is not None)

    @property
    def in_vain(self) -> bool:
        """Whether something was added, and no event is in it, but what cannot be read."""
        return bool(self.unread) and not any(one.tally.events for one in self.added)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A file that is to be packed."""

    file: LogFile
    print: Fingerprint
    uids: Uids

    @property
    def after(self) -> int:
        """How many of its lines are there already."""
        begun = self.print.begun
        return begun.tally.lines if begun is not None and begun.whole else 0

    def source(self, cluster: str, tally: Tally, count: Count) -> Source:
        """Its record, once it was read."""
        file, found, begun = self.file, self.print, self.print.begun
        text = begun.text if begun is not None else ""
        return Source(
            found.text,
            found.sha256,
            found.bytes,
            found.head,
            cluster,
            printable(file.node),
            printable(file.path),
            file.size,
            file.gzipped,
            file.rotated,
            file.written,
            found.whole,
            tally,
            Counted.of(count),
            after=text if self.after else "",
            instead="" if self.after else text,
            uids=self.uids,
        )


@dataclass(slots=True)
class _Packer:
    target: Target
    cluster: str
    progress: Progress
    known: list[Source] = field(default_factory=list)
    there: list[tuple[LogFile, Source]] = field(default_factory=list)
    failed: list[KauditError] = field(default_factory=list)

    def batches(self, files: Sequence[LogFile]) -> Iterator[list[_Ready]]:
        """The files that are not there yet, as many at a time as are committed together."""
        waiting: list[_Ready] = []
        texts: set[str] = set()
        for file in files:
            found = self._look_at(file)
            if found is not None and found.text in texts:  # a copy of one that waits
                yield waiting
                waiting, texts = [], set()
                found = self._look_at(file)
            if found is None:
                continue
            waiting.append(_Ready(file, found, self._uids(file)))
            texts.add(found.text)
            if sum(one.print.bytes for one in waiting) >= _BATCH_BYTES:
                yield waiting
                waiting, texts = [], set()
        if waiting:
            yield waiting

    def _uids(self, file: LogFile) -> Uids:
        """What tells the cluster of a file. Raises InputError if what is there under the name of its cluster is
        evidently of another one.
        """
        found = {} if file.once else few(uids_in([file]))
        for source in self.known if found else ():
            why = difference(source.uids, found, at_any_time=True) if source.of(self.cluster) else ""
            if why:
                raise InputError(
                    f"{file.path} is not of the cluster {self.cluster} in {self.target.name}: {why}",
                    hint="pack it under a name of its own: --cluster NAME",
                )
        return found

    def _look_at(self, file: LogFile) -> Fingerprint | None:
        """What a file is; None if it is there already, or cannot be read."""
        try:
            found = fingerprint(file, self.known)
        except KauditError as error:
            self.failed.append(error)
            return None
        if found.known is None:
            return found
        self.there.append((file, found.known))
        return None

    def write(self, waiting: Sequence[_Ready]) -> list[Source]:
        """Pack the files of one batch."""
        commit = self.target.begin(secrets.token_hex(8), self.cluster)
        try:
            sources = self._read(waiting, commit)
            commit.finish(sources)
        except BaseException:
            commit.give_up()
            raise
        return sources

    def _read(self, waiting: Sequence[_Ready], commit: Commit) -> list[Source]:
        tallies: dict[str, Tally] = {}
        counts: dict[str, Count] = {}
        by_key = {one.file.key: one for one in waiting}

        def work(unit: Unit, tally: Tally) -> Iterator[tuple[Data, Count]]:
            for rows in rows_of(unit, tally):
                yield commit.encode(rows), rows.count()

        found = scan([one.file for one in waiting], work, tallies, most=_READERS)
        for key, pieces in groupby(found, lambda one: one[0].key):
            ready = by_key[key]
            for file, before, (data, count) in pieces:
                counts.setdefault(key, Count()).add(count)
                commit.take(Piece(file, ready.print.text, data, before, ready.after))
            self.progress(ready.file.node, ready.file.path, ready.print.bytes, ready.print.bytes)
        return [
            one.source(self.cluster, tallies.get(one.file.key, Tally()), counts.get(one.file.key, Count()))
            for one in waiting
        ]


def pack(files: Sequence[LogFile], target: Target, cluster: str, progress: Progress) -> Packed:
    """Pack those of `files` whose text is not in `target` yet; of one that has grown, the lines that are new.

    Each commit is whole or absent, wherever this is interrupted. Raises StoreError, and KauditError if none of the
    files can be read.
    """
    packer = _Packer(target, cluster, progress, list(target.packed()))
    added: list[Source] = []
    with _without_collector():
        for waiting in packer.batches(files):
            sources = packer.write(waiting)
            added += sources
            packer.known += sources
    if packer.failed and len(packer.failed) == len(files):
        raise packer.failed[0]
    return Packed(tuple(added), tuple(packer.there), tuple(map(str, packer.failed)))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Packing makes no cycles, and to look for them among so many words takes a twentieth of its time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def printable(path: str) -> str:
    r"""`path` as a record can hold it: a byte that is not UTF-8 as `\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
