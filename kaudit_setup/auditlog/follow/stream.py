"""Several logs followed at once: a thread for each, and the rows that fit a filter, as they are written."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from kaudit_setup.auditlog.files import LogFile, ended_before
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.follow.lines import Shape
from kaudit_setup.auditlog.follow.new_data import PIECE_BYTES, Piece
from kaudit_setup.auditlog.follow.polling import Tail
from kaudit_setup.auditlog.follow.positions import Inode, Positions
from kaudit_setup.auditlog.query import LineReader, Row
from kaudit_setup.auditlog.record import Place
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import KauditError

_RECENT: Final = 50_000
_BACKLOG: Final = 64  # batches that a node may be ahead of the reader


class Pace(msgspec.Struct, frozen=True):
    """Seconds between two looks at a log, and the longest wait while a node cannot be reached."""

    between: float = 1.0
    longest: float = 30.0


class Batch(msgspec.Struct, frozen=True):
    """What one look found, in order of time: the `rows` that fit; or a sentence about the log's `trouble`."""

    rows: tuple[Row, ...] = ()
    trouble: str = ""


class Followed(msgspec.Struct, frozen=True):
    """What is wanted of the logs: the filter, whether each line counts (or each request), in which form."""

    wanted: Filter
    lines: bool = False
    raw: bool = False
    pace: Pace = Pace()


class Following:
    """Logs that are followed, until it is closed. A context manager."""

    def __init__(self, tails: Sequence[Tail], how: Followed) -> None:
        self._how = how
        self._stop = threading.Event()
        self._found: queue.Queue[Batch] = queue.Queue(_BACKLOG)
        self._recent: OrderedDict[object, None] = OrderedDict()
        self._logs = [_Log(tail, LineReader(how.wanted, raw=how.raw)) for tail in tails]

    def __enter__(self) -> Self:
        """Look for the first time; raises the error of the first log if none can be reached."""
        errors = [error for log in self._logs if (error := log.begin(self._how.wanted.window)) is not None]
        if errors and len(errors) == len(self._logs):
            raise errors[0]
        for log in self._logs:
            threading.Thread(target=self._follow, args=(log,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def batches(self) -> Iterator[Batch]:
        """What is found, as it is found; no request twice, unless each line counts."""
        while not self._stop.is_set():
            try:
                batch = self._found.get(timeout=0.2)
            except queue.Empty:
                continue
            if batch.trouble:
                yield batch
            elif rows := tuple(row for row in batch.rows if self._how.lines or self._is_new(row)):
                yield Batch(rows)

    def _is_new(self, row: Row) -> bool:
        """Whether a request was not given out yet: copies of a log, or a later stage of what is under way."""
        if row.request in self._recent:
            return False
        self._recent[row.request] = None
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return True

    def _follow(self, log: _Log) -> None:
        pace = self._how.pace
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                rows = [row for row in log.look() if self._how.lines or row.rank > 0]
                wait = 0.0 if log.behind else pace.between
                self._put(Batch(trouble=log.back()))
                self._put(Batch(trouble=log.unfollowed()))
                if rows:
                    self._put(Batch(tuple(sorted(rows, key=lambda row: row.time))))
            except KauditError as error:
                self._put(Batch(trouble=log.lost(error)))
                wait = log.wait(pace)

    def _put(self, batch: Batch) -> None:
        while (batch.rows or batch.trouble) and not self._stop.is_set():
            try:
                self._found.put(batch, timeout=0.2)
            except queue.Full:
                continue
            return


class _Log(msgspec.Struct):
    """One log: how far it was read, and whether it can be reached. Used by one thread at a time."""

    tail: Tail
    reader: LineReader
    positions: Positions = msgspec.field(default_factory=Positions)
    lines: dict[Inode, int] = msgspec.field(default_factory=dict)
    shapes: dict[Inode, Shape] = msgspec.field(default_factory=dict)
    said: set[Inode] = msgspec.field(default_factory=set)
    failures: int = 0
    behind: bool = False

    def begin(self, window: Window) -> KauditError | None:
        """Note where the log ends; with a begin of time, where what is that late may begin. The error if it cannot be
        reached: then all that is written until it is counts as new.
        """
        try:
            files = self.tail.files()
        except KauditError as error:
            self.failures = 1
            return error
        if window.since:
            files = [file for file in files if ended_before(file, window.since)]
        self.positions = Positions.at_end(files)
        return None

    def look(self) -> Iterator[Row]:
        """The rows of what is new. Raises NodeError."""
        files = self.tail.files()
        done: dict[Inode, int] = {}
        lines = dict(self.lines)
        self.behind = False
        for stretch in self.positions.next(files):
            shape = self.shapes.setdefault(stretch.file.inode, Shape())
            piece = self.tail.read(stretch, shape)
            if piece is None:
                continue  # it moved just now: the next look finds it
            # lines are numbered in files that were read from their beginning
            number = 0 if stretch.begin == 0 else lines.get(stretch.file.inode, -1)
            yield from self._rows(stretch.file, shape, piece, number)
            if number >= 0:
                lines[stretch.file.inode] = number + piece.lines
            done[stretch.file.inode] = stretch.end if stretch.file.gzipped else stretch.begin + piece.used
            self.behind = self.behind or stretch.end - stretch.begin > PIECE_BYTES
        self.positions, self.lines = self.positions.after(files, done), lines

    def _rows(self, file: LogFile, shape: Shape, piece: Piece, number: int) -> Iterator[Row]:
        """The rows of whole lines, of which the first follows line `number` (-1: not known)."""
        for index, text in shape.lines(piece.data):
            here = piece.number(index)
            line = number + here if number >= 0 and here else 0
            row = self.reader.row(text, Place(file.node, file.path, line, file.cluster))
            if row is not None:
                yield row

    def unfollowed(self) -> str:
        """What is said, once, of files whose new events cannot be told apart."""
        new = [inode for inode, shape in self.shapes.items() if shape.endless and inode not in self.said]
        self.said.update(new)
        paths = [known.file.path for inode, known in self.positions.known.items() if inode in new]
        return f"{self.tail.name}: {', '.join(paths)}: events are not on lines of their own here" if paths else ""

    def lost(self, error: KauditError) -> str:
        """What is said when the log cannot be reached, once."""
        self.failures += 1
        said = str(error)
        named = said if said.startswith(f"{self.tail.name}: ") else f"{self.tail.name}: {said}"
        return f"{named}; trying again" if self.failures == 1 else ""

    def back(self) -> str:
        """What is said when it can be reached again."""
        was, self.failures = self.failures, 0
        return f"{self.tail.name}: its log can be read again" if was else ""

    def wait(self, pace: Pace) -> float:
        """Seconds to wait before the next try: longer and longer."""
        return float(min(pace.between * 2 ** min(self.failures - 1, 10), pace.longest))
