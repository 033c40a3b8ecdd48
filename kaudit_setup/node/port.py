"""The one small port through which everything touches a node.

A node runs POSIX sh scripts, as root, and nothing else: no Python, no SFTP, no scp is assumed there. Scripts are
files in `node/scripts/`; they find their root folder in `$KAUDIT_ROOT` (empty on a real node), so that the same
scripts serve a folder that holds a node's files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

IDLE_S: Final = 60.0
"""How long a script that has no time limit may say nothing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script left behind: exit status, standard output (empty if it went to a sink), standard error."""

    code: int
    out: bytes
    err: bytes


class Node(Protocol):
    """One machine, or one folder that holds a machine's files."""

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

    def close(self) -> None:
        """Drop the connection, if there is one; what waits for a script in another thread gets a LostError.

        It never waits, and the next `sh` connects anew.
        """
        ...
