"""A node that tells of each command: for measuring round trips, and for who wants to see each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script
from kaudit_setup.runner import Ran


@dataclass(frozen=True, slots=True)
class Trip:
    """One command: on which host, the names of the scripts in it, seconds, the exit status or `lost`, bytes each way.

    `doing`: its first argument, where the script does several things.
    """

    host: str
    scripts: tuple[str, ...]
    doing: str
    seconds: float
    code: int | str
    sent: int
    received: int


class TracedNode:
    """Passes everything on, and tells one observer of each command."""

    def __init__(self, inner: Node, told: Callable[[Trip], None]) -> None:
        """`told` may be called by any thread."""
        self._inner = inner
        self._told = told

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
        received = 0

        def counted(data: bytes) -> None:
            nonlocal received
            received += len(data)
            if sink is not None:
                sink(data)

        try:
            ran = self._inner.sh(
                script, args, stdin=stdin, sink=counted if sink is not None else None, timeout=timeout
            )
            code = ran.code
            received += len(ran.out)
            return ran
        finally:
            took, sent = time.monotonic() - began, len(script) + len(stdin)
            doing = args[0] if args and args[0].isalpha() else ""
            self._told(Trip(self.name, scripts_in(script), doing, took, code, sent, received))

    def close(self) -> None:
        """Close the inner node."""
        self._inner.close()


def scripts_in(text: str) -> tuple[str, ...]:
    """The names of the files in `node/scripts` of which a command was made, without what all of them share."""
    folder = files("kaudit_setup.node").joinpath("scripts")
    names = sorted(each.name.removesuffix(".sh") for each in folder.iterdir() if each.name.endswith(".sh"))
    return tuple(name for name in names if name != "lib" and script(name).strip() in text)
