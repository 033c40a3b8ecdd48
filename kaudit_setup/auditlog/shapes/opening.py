"""A file that is opened: unpacked, and looked at to see which shape it has."""

from __future__ import annotations

from typing import BinaryIO, cast

import msgspec

from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.compression import Unpacked
from kaudit_setup.auditlog.shapes.convert import Readable
from kaudit_setup.auditlog.shapes.detect import FAR_BYTES, LOOK_BYTES, detect, plain
from kaudit_setup.auditlog.shapes.reading import Reading


class Beginning(msgspec.Struct, frozen=True):
    """Where to read from (nothing is lost of it), how, and whether it was compressed, or empty."""

    source: Readable
    reading: Reading | None
    packed: bool
    empty: bool


def begin(stream: BinaryIO, tally: Tally) -> Beginning:
    """Look at the beginning of what is in `stream`. Counts damage in `tally`. Raises OSError."""
    source = Unpacked(stream, tally)
    head = source.peek(LOOK_BYTES)
    whole = len(head) < LOOK_BYTES
    reading = detect(head, whole=whole) if head else None
    if reading is None and not whole and not plain(head):
        head = source.peek(FAR_BYTES)
        reading = detect(head, whole=len(head) < FAR_BYTES)
    if not source.packed and stream.seekable():
        stream.seek(0)  # without a copy of each byte
        return Beginning(cast(Readable, stream), reading, False, not head)
    return Beginning(source, reading, source.packed, not head)
