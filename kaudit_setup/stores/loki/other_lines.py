"""Lines of Loki that are not written as kube-apiserver writes them: records of shippers, lines of containers, syslog.

Only the readers of `auditlog` know these shapes, so the lines are kept in files, stream by stream, and read there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit, candidates, numbered
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.stores.loki.api import Entry
from kaudit_setup.values import replace

_MOST_WAITING = 4 << 20  # bytes


class KeptLines:
    """Lines in files of a folder, with the moment of each."""

    def __init__(self, folder: Path) -> None:
        """`folder` is there, and empty."""
        self._folder = folder
        self._waiting: dict[str, bytearray] = {}
        self._size = 0
        self._files: dict[str, LogFile] = {}
        self._moments: dict[str, array[int]] = {}

    def add(self, file: LogFile, entry: Entry) -> None:
        """Keep a line of `file`. Raises OSError."""
        if file.key not in self._files:
            self._files[file.key] = replace(file, copy=str(self._folder / str(len(self._files))))
            self._moments[file.key] = array("Q")
        line = line_of(entry).replace(b"\n", b" ") + b"\n"
        self._waiting.setdefault(file.key, bytearray()).extend(line)
        self._moments[file.key].append(entry.at)
        self._size += len(line)
        if self._size > _MOST_WAITING:
            self._write()

    def _write(self) -> None:
        for key, lines in self._waiting.items():
            with Path(self._files[key].copy).open("ab") as out:
                out.write(lines)
        self._waiting.clear()
        self._size = 0

    def files(self) -> list[LogFile]:
        """The files, as they are now. Raises OSError."""
        self._write()
        found = []
        for file in self._files.values():
            info = Path(file.copy).stat()
            found.append(replace(file, size=info.st_size, inode=(info.st_dev, info.st_ino)))
        return found

    def hits(self, literals: Sequence[bytes], window: Window, tallies: dict[str, Tally]) -> Iterator[Hit]:
        """See `search.candidates`; the moment that Loki has a line from is its number. Raises OSError."""
        names = {file.copy: name for name, file in self._files.items()}
        for file in self.files():
            moments = self._moments[names[file.copy]]
            for hit in numbered(candidates([file], literals, window, tallies)):
                yield replace(hit, line=moments[min(hit.line, len(moments)) - 1])


def line_of(entry: Entry) -> bytes:
    """The text of a line, as bytes."""
    return entry.text.encode("utf-8", "surrogatepass").rstrip()
