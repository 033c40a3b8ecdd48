"""A machine that runs the script `logs`: its answer as it arrives, and what it says when it fails."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import IO

import msgspec

from kaudit_setup.errors import NodeError
from kaudit_setup.runner import Ran, Runner

Progress = Callable[[str, str, int, int], None]
"""Told (node, file, bytes there, bytes in all) while a file is fetched."""

_PIECE = 1 << 20  # bytes that are decompressed at a time
_BEAT = "still reading"  # what the script says while it finds nothing
_GONE = 3  # the script's status for a file that was rotated away


class Nothing(Ran):
    """What a machine that cannot be asked answers, whatever came before it was lost."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(0, b"", b"")


@cache
def _bare(script: str) -> str:
    """The script without indentation and lines that are comments: it travels each time, and a log that is followed is
    asked for every second.
    """
    lines = (line.lstrip() for line in script.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def failure_of(name: str, done: Ran) -> NodeError | None:
    """What kept the script from doing its work on the machine `name`: then its silence says nothing about the log."""
    lines = done.err.decode("utf-8", "replace").strip().splitlines()
    said = "\n".join(line for line in lines if line != _BEAT)
    why = next((line.removeprefix("failed: ") for line in said.splitlines() if line.startswith("failed: ")), "")
    if not done.code and not why:
        return None
    return NodeError(f"{name}: the search failed: {why or f'it ended with status {done.code}'}", details=said)


class LogNode(msgspec.Struct, frozen=True):
    """A machine whose logs are asked for; `script` is the text of `lib` and `logs`."""

    runner: Runner
    script: str

    @property
    def name(self) -> str:
        """See `Runner.name`."""
        return self.runner.name

    def ask(self, args: Sequence[str], sink: Callable[[bytes], None], *, stdin: bytes = b"") -> Ran:
        """Run the script; what it answers goes to `sink`. See `Runner.sh`."""
        return self.runner.sh(_bare(self.script), args, stdin=stdin, sink=sink)

    def fetch(
        self, path: str, inode: int, stretch: tuple[int, int], out: IO[bytes], progress: Progress | None = None
    ) -> int | None:
        """Append bytes `stretch` (from, to) of the file with that inode, wherever it is now, to `out`.

        How many bytes crossed the network; None if the file is gone. Raises NodeError.
        """
        begin, end = stretch

        def write(data: bytes) -> None:
            if out.tell() + len(data) > end:
                raise NodeError(f"{self.name}: more of {path} arrives than was asked for")
            out.write(data)
            if progress:
                progress(self.name, path, out.tell(), end)

        unpack = Unpack(write)
        how = "cat" if path.endswith(".gz") else "gzip"
        ran = self.ask(["fetch", how, path, str(inode), str(begin), str(end)], unpack.feed)
        if ran.code == _GONE:
            return None
        # a file that was cut meanwhile has fewer bytes, too; where they come as they are, nothing tells it from half
        cut = not isinstance(ran, Nothing) and not unpack.whole(out.tell() == end)
        if ran.code or cut:
            raise NodeError(
                f"{self.name}: {path} could not be fetched",
                hint="run the same command again",
                details=ran.err.decode("utf-8", "replace"),
            )
        return unpack.moved

    def begin(self, path: str, inode: int, most: int) -> tuple[bytes, int]:
        """The first bytes of the file with that inode, unpacked, at most so many; nothing if the file is gone.
        And how many crossed the network. Raises NodeError.
        """
        head = bytearray()

        def keep(data: bytes) -> None:
            head.extend(data)
            if len(head) > most:
                raise NodeError(f"{self.name}: more of {path} arrives than was asked for")

        unpack = Unpack(keep)
        ran = self.ask(["fetch", "gzip", path, str(inode), "begin", str(most)], unpack.feed)
        if ran.code not in {0, _GONE}:
            details = ran.err.decode("utf-8", "replace")
            raise NodeError(f"{self.name}: {path} cannot be read", hint="run the same command again", details=details)
        return bytes(head), unpack.moved


class Unpack:
    """The answer of the script as it arrives: its first line says whether the rest is compressed."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._head = b""
        self._unzip: Callable[[bytes], Iterator[bytes]] | None = None
        self._stream: zlib._Decompress | None = None
        self.moved = 0

    def whole(self, plainly: bool) -> bool:
        """Whether the answer came to its end; `plainly`: whether it did if it is not compressed."""
        return plainly if self._stream is None else self._stream.eof

    def feed(self, chunk: bytes) -> None:
        """Take what came over the wire."""
        self.moved += len(chunk)
        if self._unzip is None:
            self._head += chunk
            how, newline, chunk = self._head.partition(b"\n")
            if not newline:
                return
            if how == b"gzip":
                self._stream = zlib.decompressobj(wbits=31)
            self._unzip = _inflated(self._stream) if self._stream else _as_it_is
        for data in self._unzip(chunk):
            self._sink(data)


def _as_it_is(chunk: bytes) -> Iterator[bytes]:
    if chunk:
        yield chunk


def _inflated(stream: zlib._Decompress) -> Callable[[bytes], Iterator[bytes]]:
    """Decompress in pieces: a few bytes may stand for gigabytes."""

    def pieces(chunk: bytes) -> Iterator[bytes]:
        while chunk:
            try:
                data = stream.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise NodeError(f"the node's answer cannot be decompressed: {error}") from error
            chunk = stream.unconsumed_tail
            if data:
                yield data

    return pieces
