"""The files of one log, listed and read again and again: on this machine, or on a node."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Protocol

from kaudit_setup.auditlog.files import LogFile, reopen_path
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.follow.lines import Shape
from kaudit_setup.auditlog.follow.new_data import PIECE_BYTES, NewData, Piece
from kaudit_setup.auditlog.follow.positions import Stretch
from kaudit_setup.auditlog.prefilter import narrows, needles, patterns
from kaudit_setup.auditlog.shapes.search_terms import Inside
from kaudit_setup.auditlog.sources.listing import listing
from kaudit_setup.auditlog.sources.log_node import LogNode, Unpack, failure_of
from kaudit_setup.auditlog.sources.search_request import one_by_one, questions
from kaudit_setup.auditlog.sources.unescaped import or_escaped
from kaudit_setup.errors import InputError
from kaudit_setup.values import replace

_MOST_UNPACKED = 1 << 30  # bytes; a log is rotated long before


class Tail(Protocol):
    """One log, of which new bytes are asked for."""

    @property
    def name(self) -> str:
        """As it is called in messages."""
        ...

    def files(self) -> Sequence[LogFile]:
        """Its files as they are now, oldest first. Raises NodeError."""
        ...

    def read(self, stretch: Stretch, shape: Shape) -> Piece | None:
        """What is new in a stretch of a file in that shape; None if the file is gone. Raises NodeError."""
        ...


@dataclass(slots=True)
class LocalTail:
    """Files on this machine; `find` lists them."""

    name: str
    find: Callable[[], Sequence[LogFile]]
    _last: Sequence[LogFile] = ()

    def files(self) -> Sequence[LogFile]:
        """See `Tail.files`. Raises InputError if there are none at first."""
        try:
            self._last = self.find()
        except InputError:
            # in the middle of a rotation there is no file of that name for a moment
            if not self._last:
                raise
        return self._last

    def read(self, stretch: Stretch, shape: Shape) -> Piece | None:
        """See `Tail.read`."""
        del shape
        where = reopen_path(stretch.file)
        if where is None or where.endswith(".gz") != stretch.file.path.endswith(".gz"):
            return None
        try:
            if stretch.file.gzipped:
                return Piece.of(_unpacked(Path(where).read_bytes())[stretch.begin :])
            with Path(where).open("rb") as stream:
                stream.seek(stretch.begin)
                return Piece.of(stream.read(min(stretch.end - stretch.begin, PIECE_BYTES)))
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class RemoteTail:
    """Files of a node, below `paths`; without any those of its API server. `cluster`: where there are several.
    `wanted`: what does not look like it by its bytes stays on the node.
    """

    node: LogNode
    paths: Sequence[str] = ()
    cluster: str = ""
    wanted: Filter = field(default_factory=Filter)

    @property
    def name(self) -> str:
        """See `Tail.name`."""
        return self.node.name

    def files(self) -> Sequence[LogFile]:
        """See `Tail.files`."""
        files = listing(self.node, self.paths).files
        return [replace(file, cluster=self.cluster) for file in files] if self.cluster else files

    def read(self, stretch: Stretch, shape: Shape) -> Piece | None:
        """See `Tail.read`."""
        if narrows(self.wanted) and not shape.whole:
            return self._sifted(stretch, shape)
        if stretch.file.gzipped:
            packed = self._bytes(stretch.file, 0, stretch.end)
            return None if packed is None else Piece.of(_unpacked(packed)[stretch.begin :])
        data = self._bytes(stretch.file, stretch.begin, min(stretch.end, stretch.begin + PIECE_BYTES))
        return None if data is None else Piece.of(data)

    def _sifted(self, stretch: Stretch, shape: Shape) -> Piece | None:
        """What of a stretch may fit."""
        file, most = stretch.file, min(stretch.end, stretch.begin + PIECE_BYTES)
        news = NewData(self.name, file.path)
        unpack = Unpack(news.feed)
        # who follows a log does not come back to look for what is spelled otherwise
        literals, fitting = or_escaped(needles(self.wanted), patterns(self.wanted))
        question = questions(Inside.of(literals, shape.depth), fitting, shape.depth)
        span = [str(stretch.begin), "" if file.gzipped else str(most), "yes"]
        done = self.node.ask(["sift", "gzip", shape.way, *span, *question], unpack.feed, stdin=one_by_one([file]))
        if failure := failure_of(self.name, done):
            raise failure
        piece = news.piece(0 if file.gzipped else most - stretch.begin)
        if news.unsifted or (news.mapped and shape.depth is not None):
            shape.unsifted, shape.mapped = news.unsifted, news.mapped
            return self.read(stretch, shape)
        shape.said(news.way)
        return piece

    def _bytes(self, file: LogFile, begin: int, end: int) -> bytes | None:
        out = io.BytesIO()
        moved = self.node.fetch(file.path, file.inode[1], (begin, end), out)
        return None if moved is None else out.getvalue()


def with_rotated(paths: Sequence[str]) -> list[str]:
    """Paths on a node with the rotated files beside each that is a file by its name."""
    found: list[str] = []
    for path in paths:
        name = PurePath(path)
        beside = [str(name.with_name(f"{name.stem}-*"))] if name.suffix and not is_glob(path) else []
        found += [path, *beside]
    return found


def is_glob(path: str) -> bool:
    """Whether a path is a pattern."""
    return any(char in path for char in "*?[")


def _unpacked(data: bytes) -> bytes:
    """What a gzip file holds, as far as it can be read."""
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while out.tell() < _MOST_UNPACKED and (piece := stream.read(1 << 20)):
                out.write(piece)
    except (OSError, EOFError, zlib.error):
        pass  # cut short: what came out of it counts
    return out.getvalue()
