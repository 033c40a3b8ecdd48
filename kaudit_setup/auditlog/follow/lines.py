"""New bytes of a file → the lines of its events, in whatever shape the file is written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.convert import Converter
from kaudit_setup.auditlog.shapes.detect import detect
from kaudit_setup.auditlog.shapes.line_kinds import Kind
from kaudit_setup.auditlog.shapes.opening import LOOK_BYTES
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.values import replace


class Shape(msgspec.Struct):
    """How one file is written: known once an event was seen. A layout remembers what goes on in the next bytes."""

    reading: Reading | None = None

    def lines(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The events in whole lines, each on one line, with the line (the first is 1) in which it stands; none where
        they are not on lines of their own.
        """
        reading = self.reading = self.reading or _detected(data)
        if reading is None:
            return enumerate(data.split(b"\n")[:-1], 1)
        return iter(()) if self.endless else _converted(reading, data)

    @property
    def endless(self) -> bool:
        """Whether an event may span lines, so that new ones cannot be told apart as they come."""
        return self.reading is not None and self.reading.kind is Kind.document


def _detected(data: bytes) -> Reading | None:
    """How the lines are to be read, with one layout for all that comes; None for JSON lines, or without an event."""
    found = detect(data[:LOOK_BYTES], whole=True)
    if found is None:
        return None
    layout = found.layout()
    return replace(found, layout=lambda: layout)


def _converted(reading: Reading, data: bytes) -> Iterator[tuple[int, bytes]]:
    # what is left in the layout belongs to the next bytes: the converter is not run to its end
    made = next(Converter(reading, Tally()).lines([Block(bytearray(data), len(data), 0)]))
    for index, text in enumerate(bytes(made.view).split(b"\n")[:-1]):
        yield made.origin(index) + 1, text
