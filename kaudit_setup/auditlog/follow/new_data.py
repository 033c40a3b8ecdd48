"""What is new in a file: all of it, or what its machine has sifted out of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

import msgspec

from kaudit_setup.auditlog.reader import LONGEST_LINE_BYTES
from kaudit_setup.auditlog.sources.remote_filter import NUL
from kaudit_setup.errors import NodeError

PIECE_BYTES: Final = 16 << 20
"""Bytes that are read of a file in one go."""
_MOST_SIFTED: Final = 256 << 20


class Piece(msgspec.Struct, frozen=True):
    """Whole lines of what is new in a file. `used`: how many bytes of the file are done with them, `lines`: how many
    of its lines. `numbers`: of each line here, which of them it is, from 1 on; None if all are here.
    """

    data: bytes
    used: int
    lines: int
    numbers: Sequence[int] | None = None

    @classmethod
    def of(cls, data: bytes) -> Piece:
        """All of what was read; half a line at its end waits."""
        used = data.rfind(b"\n") + 1
        if not used and len(data) >= LONGEST_LINE_BYTES:
            used = len(data)  # it is passed over
        return cls(data[:used], used, data.count(b"\n", 0, used))

    def number(self, index: int) -> int:
        """Which line of what is new the line `index` is, both from 1 on; 0 if it is not known."""
        if self.numbers is None:
            return index
        return self.numbers[index - 1] if 0 < index <= len(self.numbers) else 0


class NewData:
    """The answer of the script to `sift` for one file of which only what is whole is wanted."""

    def __init__(self, node: str, path: str) -> None:
        self._where = f"{node}: {path}"
        self._parts: list[bytes] = []
        self._size = 0
        self.way = ""
        """How the lines of the file belong together, as the script says; `other` if it does not know."""
        self.mapped = False
        """Whether it holds events that are worded otherwise than kube-apiserver's JSON."""
        self.unsifted = False
        """Whether the machine has no tool to sift with."""

    def feed(self, data: bytes) -> None:
        """Take one more piece of the answer. Raises NodeError."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST_SIFTED:
            raise NodeError(f"{self._where}: more than {_MOST_SIFTED >> 20} MiB of new lines are not read at once")

    def piece(self, asked: int) -> Piece | None:
        """What came; None if the file is gone, or packed by now. `asked`: of how many bytes."""
        numbers, lines = array("Q"), list[bytes]()
        used = done = -1
        gone = whole = False
        for line in b"".join(self._parts).split(b"\n"):
            number, colon, text = line.partition(b":")
            kind, _, rest = line.partition(b"\t")
            if colon and number.isdigit():
                numbers.append(int(number))
                lines.append(text)
            elif kind == b"k":
                self.way = rest.decode("ascii", "replace")
            elif kind == b"u":
                counts = rest.split(b"\t", 5)
                done, used, self.mapped = int(counts[0]), int(counts[3]), int(counts[4]) > 0
            gone = gone or kind in {b"g", b"r"}
            whole = whole or kind == b"done"
            self.unsifted = self.unsifted or kind == b"w"
        if not whole:
            raise NodeError(f"{self._where}: the answer was cut short")
        if gone or used < 0:
            return None
        if not used and asked >= LONGEST_LINE_BYTES:
            used = asked
        return Piece(b"".join(line.translate(NUL) + b"\n" for line in lines), used, done, numbers)
