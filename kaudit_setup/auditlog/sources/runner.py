"""A machine that runs the script `logs`, its answer as it arrives, and a file of its that is fetched."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import IO, Protocol

from kaudit_setup.errors import NodeError

Progress = Callable[[str, str, int, int], None]
"""Told (node, file, bytes there, bytes in all) while a file is fetched."""

_GONE = 3  # the script's status for a file that was rotated away


class Finished(Protocol):
    """How a script ended."""

    @property
    def code(self) -> int: ...
    @property
    def err(self) -> bytes: ...


class Runner(Protocol):
    """A machine that runs the script `logs` (the Node port fits)."""

    @property
    def name(self) -> str: ...
    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Finished: ...


class Unpack:
    """The answer of the script as it arrives: its first line says whether the rest is compressed."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._head = b""
        self._unzip: Callable[[bytes], bytes] | None = None
        self.moved = 0

    def feed(self, chunk: bytes) -> None:
        """Take what came over the wire."""
        self.moved += len(chunk)
        if self._unzip is None:
            self._head += chunk
            how, newline, chunk = self._head.partition(b"\n")
            if not newline:
                return
            self._unzip = zlib.decompressobj(wbits=31).decompress if how == b"gzip" else bytes
        try:
            data = self._unzip(chunk)
        except zlib.error as error:
            raise NodeError(f"the node's answer cannot be decompressed: {error}") from error
        if data:
            self._sink(data)


def fetch(
    runner: Runner, script: str, path: str, inode: int, stretch: tuple[int, int], out: IO[bytes], progress: Progress
) -> int | None:
    """Append bytes `stretch` (from, to) of the file with that inode, wherever it is now, to `out`. `script`: the text
    of `lib` and `logs`.

    How many bytes crossed the network; None if the file is gone. Raises NodeError.
    """
    begin, end = stretch

    def write(data: bytes) -> None:
        out.write(data)
        progress(runner.name, path, out.tell(), end)

    unpack = Unpack(write)
    how = "cat" if path.endswith(".gz") else "gzip"
    ran = runner.sh(script, ["fetch", how, path, str(inode), str(begin), str(end)], sink=unpack.feed)
    if ran.code == _GONE:
        return None
    if ran.code:
        raise NodeError(
            f"{runner.name}: {path} could not be fetched",
            hint="run the same command again",
            details=ran.err.decode("utf-8", "replace"),
        )
    return unpack.moved
