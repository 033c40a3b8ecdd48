"""A server's prompts at a terminal: the answer, a one-time code above all, is not echoed."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kaudit_setup.node.ssh import login

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


def test_there_is_time_to_look_at_the_telephone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Transport:
        auth_timeout = 15.0

        def auth_publickey(self, user: str, key: object) -> list[str]:
            return ["keyboard-interactive"]

        def auth_interactive(self, user: str, reply: Callable[[str, str, list[tuple[str, bool]]], list[str]]) -> None:
            assert self.auth_timeout >= 120
            assert reply("", "", [("Code: ", False)]) == [CODE]

    monkeypatch.setattr(login._Keys, "all", lambda _self: iter([object()]))
    settings: Any = SimpleNamespace(user="root")
    transport: Any = Transport()
    login.log_in(transport, settings, "cp1", lambda _prompt: CODE)
