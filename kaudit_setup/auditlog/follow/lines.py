"""New bytes of a file → the lines of its events, in whatever shape the file is written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.convert import Converter
from kaudit_setup.auditlog.shapes.opening import LOOK_BYTES
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.auditlog.shapes.recognition.detect import detect
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind
from kaudit_setup.auditlog.sources.remote_filter import RUNTIMES, WAYS
from kaudit_setup.values import replace


class Shape(msgspec.Struct):
    """How one file is written: known once an event was seen. A layout remembers what goes on in the next bytes."""

    reading: Reading | None = None
    rewritten: bool = False
    """Whether its events are JSON lines that do not begin as kube-apiserver's."""
    mapped: bool = False
    """Whether it holds events that are worded otherwise than kube-apiserver's JSON."""
    unsifted: bool = False
    """Whether its machine has no tool to sift it with."""

    @property
    def whole(self) -> bool:
        """Whether all that is new is asked for, whatever is wanted of it."""
        return self.unsifted or (self.reading is not None and self.reading.kind not in WAYS)

    @property
    def way(self) -> str:
        """How its machine is asked to sift it; see the script."""
        if self.reading is not None:
            return WAYS[self.reading.kind]
        return "line" if self.rewritten else "own"

    @property
    def depth(self) -> int | None:
        """In how many JSON strings an event is at most (see `Reading`)."""
        known = 1 if self.reading is None else self.reading.depth
        return None if self.mapped else known

    def said(self, way: str) -> None:
        """Take in what the script found out about it."""
        if self.reading is None and way in RUNTIMES:
            self.reading = _with_one_layout(RUNTIMES[way])

    def lines(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The events in whole lines, each on one line, with the line (the first is 1) in which it stands; none where
        they are not on lines of their own.
        """
        reading = self.reading = self.reading or _detected(data)
        if reading is None:
            self.rewritten = self.rewritten or (data.startswith(b"{") and b'"auditID"' in data)
            return enumerate(data.split(b"\n")[:-1], 1)
        return iter(()) if self.endless else _converted(reading, data)

    @property
    def endless(self) -> bool:
        """Whether an event may span lines, so that new ones cannot be told apart as they come."""
        return self.reading is not None and self.reading.kind is Kind.document


def _detected(data: bytes) -> Reading | None:
    """How the lines are to be read, with one layout for all that comes; None for JSON lines, or without an event."""
    found = detect(data[:LOOK_BYTES], whole=True)
    return _with_one_layout(found) if found else None


def _with_one_layout(reading: Reading) -> Reading:
    layout = reading.layout()
    return replace(reading, layout=lambda: layout)


def _converted(reading: Reading, data: bytes) -> Iterator[tuple[int, bytes]]:
    if not data:
        return
    # what is left in the layout belongs to the next bytes: the converter is not run to its end
    made = next(Converter(reading, Tally()).lines([Block(bytearray(data), len(data), 0)]))
    for index, text in enumerate(bytes(made.view).split(b"\n")[:-1]):
        yield made.origin(index) + 1, text
