"""The one small port through which everything touches a node.

A node runs POSIX sh scripts, as root, and nothing else: no Python, no SFTP, no scp is assumed there. Scripts are
files in `node/scripts/`; they find their root folder in `$KAUDIT_ROOT` (empty on a real node), so that the same
scripts serve a folder that holds a node's files.
"""

from __future__ import annotations

from typing import Final, Protocol

from kaudit_setup.runner import Runner

IDLE_S: Final = 60.0
"""How long a script that has no time limit may say nothing."""


class Node(Runner, Protocol):
    """One machine, or one folder that holds a machine's files."""

    def close(self) -> None:
        """Drop the connection, if there is one; what waits for a script in another thread gets a LostError.

        It never waits, and the next `sh` connects anew.
        """
        ...
