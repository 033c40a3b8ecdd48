"""A machine that runs the script `logs`, and its answer as it arrives."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from kaudit_setup.errors import NodeError


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
