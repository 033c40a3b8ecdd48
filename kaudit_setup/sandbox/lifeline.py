"""The life line: every process of a sandbox holds the read end of one pipe that only its user can write to.

When the user ends, in whatever way, the kernel closes the write end, and every reader sees the end of the file.
No parent has to be asked and no signal has to be caught, so SIGKILL leaves nothing behind.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def hang_on(line: int, last_act: Callable[[], None]) -> None:
    """Call `last_act` in a thread when the pipe with descriptor `line` ends."""

    def wait() -> None:
        while os.read(line, 1):
            continue
        last_act()

    threading.Thread(target=wait, name="life line", daemon=True).start()
