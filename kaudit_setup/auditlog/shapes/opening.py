"""A file that is opened: unpacked, and looked at to see which shape it has."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO, Final, cast

import msgspec

from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.convert import Readable
from kaudit_setup.auditlog.shapes.lines import all_plain, plain
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.auditlog.unpacking.compression import Unpacked

LOOK_BYTES: Final = 1 << 16
FAR_BYTES: Final = 4 << 20
"""How much of a file is looked at: nearly always the first is enough; the other is for large events."""


class Beginning(msgspec.Struct, frozen=True):
    """Where to read from (nothing is lost of it), how, and whether its bytes are others than those of its text, or it
    is empty. `wide`: whether it is in UTF-16. `at`: the byte that comes first.
    """

    source: Readable
    reading: Reading | None
    packed: bool
    empty: bool
    wide: bool = False
    at: int = 0


def begin(stream: BinaryIO, tally: Tally, *, server: bool = False) -> Beginning:
    """Look at the beginning of what is in `stream`. `server`: whether kube-apiserver is known to have written it.
    Counts damage in `tally`. Raises OSError.
    """
    source = Unpacked(stream, tally)
    head = source.peek(LOOK_BYTES)
    whole = len(head) < LOOK_BYTES
    reading = _detected(head, whole=whole)
    if reading is None and not whole and not plain(head):
        head = source.peek(FAR_BYTES)
        reading = _detected(head, whole=len(head) < FAR_BYTES)
    if reading is None and server and head and not plain(head):
        from kaudit_setup.auditlog.shapes.recognition.detect import runtime

        reading = runtime(head)
    if _mixed(reading, source, tally):
        return Beginning(BytesIO(), None, True, True)
    if not source.packed and stream.seekable():
        stream.seek(source.mark)  # without a copy of each byte
        return Beginning(cast(Readable, stream), reading, False, not head, at=source.mark)
    return Beginning(source, reading, source.packed, not head, source.wide)


def _mixed(reading: Reading | None, source: Unpacked, tally: Tally) -> bool:
    """Whether records of several clusters are in a file, which is then said."""
    if reading is None:
        return False
    from kaudit_setup.auditlog.shapes.recognition.clusters import ONE_EACH, mixture

    if said := mixture(reading, source.peek(_SEVERAL_BYTES)):
        tally.lose(said, ONE_EACH)
    return bool(said)


_SEVERAL_BYTES: Final = 1 << 20


def _detected(head: bytes, *, whole: bool) -> Reading | None:
    if not head or all_plain(head):
        return None
    # the other shapes are many, and most logs are in none of them
    from kaudit_setup.auditlog.shapes.recognition.detect import detect

    return detect(head, whole=whole)
