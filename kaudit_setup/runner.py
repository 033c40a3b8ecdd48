"""What runs scripts: all that most rooms need to know of a node. `node/port.py` says what else a node is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script left behind: exit status, standard output (empty if it went to a sink), standard error."""

    code: int
    out: bytes
    err: bytes


class Runner(Protocol):
    """A machine that runs POSIX sh scripts."""

    @property
    def name(self) -> str:
        """What people call it: the host as the user gave it, `this machine`, or the folder."""
        ...

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """Run `script` as root with `args` as $1… and `stdin` on standard input.

        Nothing of script, args or stdin appears in an argv on the node. With `sink`, standard output goes there
        in chunks as it arrives; what the sink raises is raised as it is. A non-zero exit status is not an error
        here; the caller knows what it means. Without `timeout` it may take as long as it needs, but it must say
        something (on standard error, too) every now and then: a script that says nothing hangs.

        Raises AuthError (sudo refused), LostError (the connection broke, `timeout` seconds passed without the script
        ending, or it has said nothing for too long), NodeError (anything else that kept the script from running).
        """
        ...
