"""A server's prompts at a terminal: the answer, a one-time code above all, is not echoed."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time

PROMPT = "cp1: Verification\x1b[2J code: "
CODE = "492817"
_ASK = "import sys; from kaudit_setup.cli.connect import ask_on_terminal as ask; print('got', ask(sys.argv[1])[::-1])"


def converse() -> str:
    """What stands on the terminal of a process that asked, was answered and said the answer backwards."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", _ASK, PROMPT])
    seen, answered, deadline = b"", False, time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.02)[0]:
                seen += os.read(terminal, 4096)
            # what is typed before the echo is off is thrown away (getpass: TCSAFLUSH)
            elif not answered and not termios.tcgetattr(terminal)[3] & termios.ECHO:
                os.write(terminal, f"{CODE}\n".encode())
                answered = True
    except OSError:  # EIO: the process has ended
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    return seen.decode()


def test_a_one_time_code_is_read_and_not_echoed() -> None:
    seen = converse()
    assert f"got {CODE[::-1]}" in seen
    assert CODE not in seen
    assert "code" in seen
    assert "\x1b" not in seen, "the prompt is a stranger's text"
