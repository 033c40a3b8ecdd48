"""What a machine answers to a search: lines that were found as they arrive, and facts about its files. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.raw_lines import PADDING, REWRITTEN, inside, misshapen
from kaudit_setup.auditlog.reader import LONGEST_LINE_BYTES, too_long
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import Window, stamp_or_nothing

LOSSES: Final = {b"x": "a compressed file that is cut short", b"g": "the file is gone"}
"""What the script says of a file that it could not read, or not to its end."""
_HEAD_BYTES = 4096
"""Kept of a line that is too long: its file, its number and how the event begins."""


class SearchAnswer:
    """The answer of the script to `search`, as far as it has come."""

    def __init__(self, files: Sequence[LogFile], window: Window) -> None:
        """`files`: those that are searched."""
        self._window = window
        self._parts: list[bytes] = []
        self._size = 0
        self._long = b""
        """How a line begins that is passed over because it is too long, and how it ends so far."""
        self._misshapen: dict[str, int] = {}
        self._files = {file.path: file for file in files}
        self._file = files[0] if files else LogFile("?", "?")
        self.tallies: dict[str, Tally] = {}
        self.others: dict[LogFile, str] = {}
        """Files that do not begin with a line of kube-apiserver, and were not searched: which shape they begin in."""
        self.whole = False
        """Whether the script said that it had come to its end."""

    def feed(self, data: bytes) -> Iterator[Hit]:
        """The lines that were found in one more piece of the answer, which may begin and end anywhere."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._parts, line]) if self._parts else line
            self._parts, self._size = [], 0
            if self._long:
                self._too_long(self._long + whole)
                self._long = b""
            elif whole[:1].isdigit() or whole.startswith(b"/"):
                yield from self._found(whole)
            else:
                self._note(whole)
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > LONGEST_LINE_BYTES + _HEAD_BYTES:
            held = b"".join(self._parts)
            self._long = (self._long or held[:_HEAD_BYTES]) + held[-1:]
            self._parts, self._size = [], 0

    def in_window(self, text: bytes) -> bool:
        """Whether a line is of the time asked for."""
        return self._window.open or inside(text, self._window)

    def look_like(self, samples: Mapping[str, Sequence[bytes]]) -> None:
        """By path: lines of files that are not events, where the machine only counted them."""
        for path, lines in samples.items():
            if (tally := self._tally(path)).unread and not tally.samples:
                tally.samples = list(lines)

    def _found(self, line: bytes) -> Iterator[Hit]:
        path, text = self._placed(line)
        prefix = line[: len(line) - len(text) - 1]
        number = prefix.rpartition(b":")[2]
        text = text.strip(PADDING)
        if number.isdigit() and self.in_window(text):
            self._tally(path).version(text)
            yield Hit(self._file, int(number), 0, text)

    def _too_long(self, line: bytes) -> None:
        """Count a line of which only the beginning and the end are here."""
        path, text = self._placed(line)
        if misshapen(text):
            # the node counts it as well where it looks at every line
            self._misshapen[path] = self._misshapen.get(path, 0) + 1
        self._tally(path).lose(too_long())

    def _placed(self, line: bytes) -> tuple[str, bytes]:
        """A line of the log: of which file, and `NUMBER:TEXT` without the number."""
        if not line.startswith(b"/"):
            return self._file.path, line.partition(b":")[2]
        at = line.find(b":")
        while at >= 0 and (path := _text(line[:at])) not in self._files:
            at = line.find(b":", at + 1)
        if at >= 0:
            self._file = self._files[path]
        return self._file.path, line[at + 1 :].partition(b":")[2]

    def _note(self, line: bytes) -> None:
        """What the script says of a file: a letter, and after a tab the rest."""
        kind, _, rest = line.partition(b"\t")
        path = _text(rest)
        if kind == b"m":
            self._file = self._files[path]
        elif kind == b"f":
            *said, path = path.split("\t", 5)
            self._facts(path, said)
        elif kind == b"done":
            self.whole = True
        elif kind == b"o":
            shape, _, path = path.partition("\t")
            self.others[self._files[path]] = shape
        elif kind == b"s":
            self._tally(path).note(REWRITTEN)
        elif kind == b"r":
            now, path = moved(path, self._files)
            self._tally(path).note(rotated(path, now))
        elif kind in LOSSES:
            self._tally(path).lose(LOSSES[kind])

    def _facts(self, path: str, fields: list[str]) -> None:
        size, lines, bad, first, last = fields
        first, last = stamp_or_nothing(first), stamp_or_nothing(last)
        tally = self._tally(path)
        tally.size, tally.lines = int(size), int(lines)
        for _ in range(int(bad) - self._misshapen.get(path, 0)):
            tally.damage(0, "not a whole JSON object")
        tally.unread += int(bad)
        tally.events = tally.lines - int(bad)
        # a compressed file's end is not looked up: it was rotated just after
        last = last or self._files[path].rotated or first
        if first:
            tally.span(first, max(first, last))

    def _tally(self, path: str) -> Tally:
        return self.tallies.setdefault(path, Tally())


def moved(text: str, known: Container[str]) -> tuple[str, str]:
    """Where a file is now, and its path as it was asked for: with a tab between them; a path may hold some, too."""
    parts = text.split("\t")
    splits = (("\t".join(parts[:at]), "\t".join(parts[at:])) for at in range(1, len(parts)))
    return next(split for split in splits if split[1] in known)


def rotated(path: str, now: str) -> str:
    """What is said of a file that was renamed while it was read."""
    return f"{path} was rotated while the log was read and is now {now}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
