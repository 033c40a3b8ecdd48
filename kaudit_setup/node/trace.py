"""A node that writes down how often it was asked; for measuring round trips."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kaudit_setup.node.port import Node, Ran


class TracedNode:
    """Passes everything on; one line for each command: host, seconds, exit status, bytes in and out."""

    def __init__(self, inner: Node, file: Path) -> None:
        """`file` is appended to."""
        self._inner = inner
        self._file = file

    @property
    def name(self) -> str:
        """The inner node's name."""
        return self._inner.name

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """See `Node.sh`."""
        began = time.monotonic()
        code: int | str = "lost"
        try:
            ran = self._inner.sh(script, args, stdin=stdin, sink=sink, timeout=timeout)
            code = ran.code
            return ran
        finally:
            took = time.monotonic() - began
            with self._file.open("a") as file:
                file.write(f"{self.name} {took:.3f} {code} {len(script) + len(stdin)}\n")

    def close(self) -> None:
        """Close the inner node."""
        self._inner.close()
