"""Where one may begin to read a journald export in its middle.

A field may hold anything, also what looks like the end of an entry. Only who has passed by all fields with a length
knows where there are none. They are passed by quickly: each has a byte zero in its length, and text has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from kaudit_setup.auditlog.shapes.journal.entries import HIGH, LENGTH_BYTES

_NAME: Final = re.compile(rb"[A-Z_][A-Z0-9_]{0,79}\n")
_ENTRY: Final = re.compile(rb"\n\n(?=[A-Z_][A-Z0-9_]{0,79}=)")
_PIECE_BYTES: Final = 1 << 20
_KEPT_BYTES: Final = 1 << 10
"""Of a piece whose end may be in the middle of a name: more than a name has."""


def borders(stream: BinaryIO, wanted: Iterable[int]) -> list[int]:
    """For each of the bytes `wanted`, in order, the first one behind it at which an entry begins; fewer where it
    cannot be told. Raises OSError.
    """
    found: list[int] = []
    left = sorted(wanted, reverse=True)
    for text in _texts(stream):
        while left and (at := text.entry(left[-1])) >= 0:
            found.append(at)
            left.pop()
        if not left:
            break
    return found


class _Text(NamedTuple):
    """`data[begin:end]` has no field with a length; `data` is what begins at the byte `at` of the file."""

    at: int
    data: bytes
    begin: int
    end: int

    def entry(self, wanted: int) -> int:
        """The first byte behind `wanted` at which an entry begins; -1 if there is none."""
        begin = max(wanted - self.at, self.begin)
        found = _ENTRY.search(self.data, begin, self.end) if begin < self.end else None
        return self.at + found.end() if found else -1


def _texts(stream: BinaryIO) -> Iterator[_Text]:
    """What stands between fields with a length, up to where it cannot be told; parts of one text overlap."""
    at = begin = 0
    data = b""
    stream.seek(0)
    while piece := stream.read(_PIECE_BYTES):
        data += piece
        while (zero := data.find(b"\0", begin)) >= 0:
            if zero + LENGTH_BYTES >= len(data):
                data += stream.read(_PIECE_BYTES)
            field = _field(data, begin, zero)
            if field is None:
                return
            yield _Text(at, data, begin, field[0])
            begin = field[1]
        yield _Text(at, data, min(begin, len(data)), len(data))
        if begin > len(data):
            # the field goes on
            stream.seek(at + begin)
        done = max(begin, len(data) - _KEPT_BYTES)
        at, data, begin = at + done, data[done:], 0


def _field(data: bytes, begin: int, zero: int) -> tuple[int, int] | None:
    """Where the field begins that has a byte zero in its length, and where it ends; None if there is none."""
    line = max(data.rfind(b"\n", begin, max(zero - LENGTH_BYTES, begin)) + 1, begin)
    while line <= zero:
        name = _NAME.match(data, line, zero)
        behind = name.end() + LENGTH_BYTES if name else 0
        if name and zero < behind and data[behind - len(HIGH) : behind] == HIGH:
            return line, behind + int.from_bytes(data[name.end() : behind], "little") + 1
        line = (data.find(b"\n", line, zero) + 1) or len(data)
    return None
