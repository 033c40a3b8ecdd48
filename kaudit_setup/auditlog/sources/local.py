"""Log files on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.files import GZIP, STDIN, LogFile
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.meter import pieces
from kaudit_setup.auditlog.search import Hit, candidates, numbered
from kaudit_setup.auditlog.sources.second_reading import Expected, SecondReading
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import KauditError
from kaudit_setup.values import replace

_PIECE_BYTES = 1 << 20


class LocalLogs:
    """Log files on this machine."""

    def __init__(self, files: Sequence[LogFile]) -> None:
        """`files` as `find_logs` gives them."""
        self.files = tuple(files)
        self.tallies: dict[str, Tally] = {}
        self._second: SecondReading | None = None

    def expect(self, expected: Callable[[], Expected]) -> None:
        """What is likely to be looked for where the first reading tells nothing: it is all found in one more."""
        self._second = SecondReading(self.files, expected, self.tallies)

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`."""
        return list(dict.fromkeys(file.cluster for file in self.files))

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        again = self._second is not None and self.tallies and window.open
        known = self._second.lines(literals) if self._second is not None and again else None
        yield from candidates(self.files, literals, window, self.tallies) if known is None else known

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return numbered(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self.tallies.setdefault(hit.file.key, Tally()).damage(hit.line, what, hit.text)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`; files that no search had to open count as files only."""
        return coverage(self.files, self.tallies)


@contextmanager
def rereadable(files: Sequence[LogFile], stdin: BinaryIO) -> Iterator[tuple[LogFile, ...]]:
    """`files`, with a private copy of each that can be read only once; the copies are gone at the end.

    Raises KauditError if one cannot be made.
    """
    if not any(file.once for file in files):
        yield tuple(files)
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="kaudit-setup-") as folder:
        names = (Path(folder) / str(number) for number in range(len(files)))
        yield tuple(
            _copied(file, stdin, name) if file.once else file for file, name in zip(files, names, strict=True)
        )


def _copied(file: LogFile, stdin: BinaryIO, into: Path) -> LogFile:
    try:
        into.touch(mode=0o600)
        with (
            nullcontext(stdin) if file.path == STDIN else Path(file.path).open("rb") as source,
            into.open("wb") as out,
        ):
            for piece in pieces(source, file.key, -1, _PIECE_BYTES):
                out.write(piece)
        info = into.stat()
        with into.open("rb") as copy:
            gzipped = copy.read(len(GZIP)) == GZIP
    except OSError as error:
        raise KauditError(
            f"what comes from {file.path} cannot be kept, to be read more than once: {error.strerror or error}",
            hint="TMPDIR names another place for it",
        ) from error
    inode = (info.st_dev, info.st_ino)
    return replace(file, size=info.st_size, inode=inode, gzipped=gzipped, once=False, copy=str(into))
