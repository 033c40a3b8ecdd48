r"""The frames in which scripts answer: `key length\\nbytes\\n`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kaudit_setup.errors import NodeError

_MOST_DIGITS: Final = 12
_LONGEST_HEAD: Final = 4096  # bytes of a key and a length


def frames(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Every complete frame in order; raises NodeError where the bytes are not frames."""
    splitter = Frames()
    yield from splitter.feed(data)
    if splitter.rest:
        raise NodeError("the node's answer was cut short", hint="run the same command again")


class Frames:
    """The same for a stream: feed chunks, get the frames that are complete."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Frames that this chunk completed."""
        data, at, found = self.rest + chunk, 0, []
        while (newline := data.find(b"\n", at)) >= 0:
            key, _, length = data[at:newline].decode("ascii", "replace").rpartition(" ")
            if not key or not (length.isdigit() and len(length) <= _MOST_DIGITS):
                raise NodeError(f"the node's answer is not in frames: {data[at:newline][:80]!r}")
            end = newline + 1 + int(length)
            if len(data) <= end:
                break
            found.append((key, data[newline + 1 : end]))
            at = end + 1
        self.rest = data[at:]
        if not found and b"\n" not in self.rest[:_LONGEST_HEAD] and len(self.rest) > _LONGEST_HEAD:
            raise NodeError(f"the node's answer is not in frames: {self.rest[:80]!r}")
        return found
