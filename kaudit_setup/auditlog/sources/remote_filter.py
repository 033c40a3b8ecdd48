"""Files on other machines whose lines are not events as they stand, sifted there: what may hold an event that is
asked for comes here as it is, an event that was cut into parts on one line, and is read here as the file would be.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.scan_statistics import Damage, Tally
from kaudit_setup.auditlog.search import Hit, matches
from kaudit_setup.auditlog.shapes.containers.cri import CRI_LINES
from kaudit_setup.auditlog.shapes.containers.docker import DOCKER_LINES
from kaudit_setup.auditlog.shapes.documents import learn, one_line
from kaudit_setup.auditlog.shapes.lines import PLAIN_LINES, Lines
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind
from kaudit_setup.auditlog.shapes.recognition.names import MOST_SAMPLES
from kaudit_setup.auditlog.sources.search_answer import LOSSES, moved, rotated
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.values import replace

RUNTIMES: Final = {"cri": CRI_LINES, "docker": DOCKER_LINES}
"""What the script knows by itself from the first line of a file."""
_LOOK_LINES: Final = 20
WAYS: Final = {
    Kind.cri: "cri",
    Kind.docker: "docker",
    Kind.legacy: "line",
    Kind.record: "line",
    Kind.prefixed: "line",
}
"""How lines belong together that are read one by one or joined; see the script."""
# what a line of the answer begins with is short: a number, or a letter and a path
_LONGEST_NOTE: Final = 16 << 10
NUL: Final = bytes.maketrans(b"\x01", b"\0")
"""The script writes another byte for NUL, which no awk can be trusted with; neither stands in an event."""


class RemoteFilter(msgspec.Struct, frozen=True):
    """A file that its machine can sift: how lines belong together there, and how what comes of them is read here."""

    file: LogFile
    way: str
    reading: Reading
    element: bool = False
    """Whether what comes is elements of JSON, which are to be written anew, each on one line."""

    @property
    def depth(self) -> int | None:
        """See `Reading`."""
        return self.reading.depth


def remote_filter_of(file: LogFile, reading: Reading, head: bytes) -> RemoteFilter | None:
    """How a file that begins with `head` can be sifted; None if it cannot."""
    if reading.kind in WAYS:
        return RemoteFilter(file, WAYS[reading.kind], reading)
    separator = learn(head) if reading.kind is Kind.document and reading.documents is None else None
    if separator is None:
        return None
    between = separator.text[separator.close : separator.open]
    if separator.indented:
        way = f"element:{separator.text[1 : separator.close - 1].decode('ascii', 'replace')}"
    elif separator.close == 1 and between.strip(b" \t\r") == b",\n" and _on_lines(head):
        way = "line"
    else:
        return None
    lined = replace(reading, layout=Lines, border=None)
    if reading.steps:
        return RemoteFilter(file, way, replace(lined, kind=Kind.record, depth=None, stamp=b""), element=True)
    return RemoteFilter(file, way, replace(lined, kind=Kind.plain, depth=0, stamp=PLAIN_LINES.stamp), element=True)


def _on_lines(head: bytes) -> bool:
    """Whether each element of an array is on a line of its own."""
    lines = head.split(b"\n")[1:-1]
    return all(line.startswith(b"{") and line.endswith(b"},") for line in lines[:_LOOK_LINES])


@contextmanager
def kept_here(name: str) -> Iterator[Path]:
    """A folder for what a machine gives, as long as it is read. Raises KauditError if it cannot be kept."""
    try:
        with TemporaryDirectory(prefix="kaudit-setup-") as folder:
            yield Path(folder)
    except OSError as error:
        raise KauditError(
            f"what was found in the logs of {name} cannot be kept here: {error.strerror or error}",
            hint="make room here, or name another place for it with TMPDIR",
        ) from error


class _Lines:
    """Lines of one file that came here, and their numbers in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.numbers = array("Q")

    def number(self, line: int) -> int:
        """In the file, of a line here; 0 if it is not known."""
        return self.numbers[line - 1] if 0 < line <= len(self.numbers) else 0


class _Copy:
    """What came of one file: what may fit, and what tells about the rest."""

    def __init__(self, sifted: RemoteFilter, path: Path) -> None:
        self.sifted = sifted
        self.found = _Lines(path)
        self.beside = _Lines(path.with_name(f"{path.name}.beside"))
        self.tally = Tally()
        self.bad = 0


class RemoteFilterAnswer:
    """The answer of the script to `sift`, kept in a folder."""

    def __init__(self, files: Sequence[RemoteFilter], folder: Path) -> None:
        self._copies = {one.file.path: _Copy(one, folder / str(number)) for number, one in enumerate(files)}
        self._copy = next(iter(self._copies.values()))
        self._into = self._copy.found
        self._out: BinaryIO | None = None
        self._head = b""
        self._in_line = False
        self.whole = False
        """Whether the script said that it had come to its end."""
        self.unsifted: list[LogFile] = []
        """Files that the machine has no tool to sift with."""
        self.again: list[RemoteFilter] = []
        """Files with events that are worded otherwise than was expected: they are to be sifted by single words."""

    def feed(self, data: bytes) -> None:
        """Take one more piece of the answer, which may begin and end anywhere. Raises OSError and NodeError."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._take(line, ended=True)
        self._take(rest, ended=False)

    def close(self) -> None:
        """Nothing more will come."""
        if self._out is not None:
            self._out.close()
        self._out = None

    def hits(self, literals: Sequence[bytes], window: Window, tallies: dict[str, Tally]) -> Iterator[Hit]:
        """The events that hold any of `literals`, file by file. Fills `tallies`, by path."""
        for path, copy in self._copies.items():
            yield from _read(copy, literals, window)
            tallies[path] = copy.tally

    def _take(self, piece: bytes, *, ended: bool) -> None:
        if not self._in_line:
            self._head += piece
            number, colon, text = self._head.partition(b":")
            if colon and number.isdigit():
                self._head, piece, self._in_line = b"", text, True
                self._into.numbers.append(int(number))
            elif ended:
                self._note(self._head)
                self._head = b""
                return
            elif len(self._head) > _LONGEST_NOTE:
                raise NodeError("the answer to the search cannot be read: a line of it has no number")
            else:
                return
        out = self._out = self._out or self._into.path.open("ab")
        out.write(piece.translate(NUL))
        if ended:
            out.write(b"\n")
            self._in_line = False

    def _note(self, line: bytes) -> None:
        kind, _, rest = line.partition(b"\t")
        path = rest.decode("utf-8", "surrogateescape")
        if kind == b"m":
            self.close()
            self._copy = self._copies[path]
            self._into = self._copy.found
        elif kind == b"b":
            self.close()
            self._into = self._copy.beside
        elif kind == b"u":
            self._facts(path)
        elif kind == b"done":
            self.whole = True
        elif kind == b"w":
            self.unsifted.append(self._copies.pop(path).sifted.file)
        elif kind == b"r":
            now, path = moved(path, self._copies)
            self._copies[path].tally.note(rotated(path, now))
        elif kind in LOSSES:
            self._copies[path].tally.lose(LOSSES[kind])

    def _facts(self, said: str) -> None:
        lines, events, bad, size, mapped, path = said.split("\t", 5)
        copy = self._copies[path]
        if int(mapped) and copy.sifted.depth is not None:
            self.again.append(replace(copy.sifted, reading=replace(copy.sifted.reading, depth=None)))
            del self._copies[path]
            return
        copy.tally.lines, copy.tally.events, copy.tally.size = int(lines), int(events), int(size)
        copy.bad = int(bad)


def _read(copy: _Copy, literals: Sequence[bytes], window: Window) -> Iterator[Hit]:
    """The events in what came of a file that hold any of `literals`; its tally says what the whole file is."""
    for lines in (copy.found, copy.beside):
        met = Tally()
        for number, text in _events(copy.sifted, lines, literals, window, met):
            if lines is copy.found:
                yield Hit(copy.sifted.file, number, 0, text)
        _add(copy.tally, met, lines)
    copy.tally.damaged = max(copy.tally.damaged, copy.bad)


def _events(
    sifted: RemoteFilter, lines: _Lines, literals: Sequence[bytes], window: Window, met: Tally
) -> Iterator[tuple[int, bytes]]:
    """The events in lines of a file, each with its number."""
    if not lines.path.exists():
        return
    if sifted.element:
        _put_in_lines(lines.path)
    info = lines.path.stat()
    inode = (info.st_dev, info.st_ino)
    here = replace(sifted.file, size=info.st_size, inode=inode, gzipped=False, copy=str(lines.path))
    for part in matches(Unit(0, here, reading=sifted.reading), met, literals, window, check=True):
        for line, _, text, _ in part:
            yield lines.number(line), text


def _put_in_lines(path: Path) -> None:
    """Write each element anew as kube-apiserver has written it."""
    lined = path.with_name(f"{path.name}.lines")
    with path.open("rb") as source, lined.open("wb") as out:
        for line in source:
            text = line.strip().removesuffix(b",")
            out.write(one_line(text + b"\n").strip() + b"\n")
    shutil.move(lined, path)


def _add(whole: Tally, met: Tally, lines: _Lines) -> None:
    """Add what was met in lines that came to what is known of the whole file; gaps cannot be told from them."""
    for damage in met.located:
        one = Damage(lines.number(damage.line), damage.what)
        if one not in whole.located:
            whole.damage(one.line, one.what)
    whole.damaged += met.damaged - len(met.located)
    whole.unread = max(whole.unread, met.unread)
    whole.samples += met.samples[: MOST_SAMPLES - len(whole.samples)]
    whole.first = min(filter(None, (whole.first, met.first)), default="")
    whole.last = max(whole.last, met.last)
    for name in met.shapes:
        whole.looks_like(name)
    for whose, count in met.others.items():
        # the same line may have come for both reasons
        whole.of_another(whose, max(count - whole.others.get(whose, 0), 0))
    for sentence in met.notes:
        whole.note(sentence)
