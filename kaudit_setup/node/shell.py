"""How a script travels to a node's shell: by standard input, never by argv. Pure; both adapters share it.

The remote command is a short loader. It prints a nonce, so that what a login shell printed before it is told apart
from the script's own output, and a run that never got so far is known to have failed in sudo or sshd. Standard input
carries, in this order: the sudo password (if one was asked for), the nonce, the byte length of the script, the
script, and whatever the script itself reads. What follows the password is held back until the loader has greeted:
a sudo that asks again must not take it for another password (three wrong ones lock an account), and the loader
skips to the nonce, so that a password that sudo did not want never reaches a script.
"""

from __future__ import annotations

import re
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from kaudit_setup.errors import AuthError, LostError, NodeError

# `read` and `dd` never read ahead, so that the script's own input stays in the pipe. A dd without iflag=fullblock
# (POSIX has none) refuses it before it reads anything; then it is byte by byte, a system call or two for each.
MOST_ANSWERED: Final = 64 << 20
"""Bytes of an answer that is kept whole; a node that says more is not believed. With a sink, the sink decides."""
_MOST_ERRORS: Final = 8 << 20  # bytes of standard error that are kept; the rest is read and dropped
_MOST_BEFORE: Final = 65536

_PROMPT = "kaudit-setup asks for the sudo password:"
_LOADER = (
    "LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; "
    'echo "$1"; while IFS= read -r l; do [ "$l" = "$1" ] && break; done; '
    "IFS= read -r n || exit 97; "
    's=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null || dd bs=1 count="$n" 2>/dev/null); shift; eval "$s"'
)


def script(name: str) -> str:
    """The text of `node/scripts/<name>.sh`."""
    return files("kaudit_setup.node").joinpath("scripts", f"{name}.sh").read_text(encoding="utf-8")


_ROOT_OR_SUDO = "log in as root, or allow passwordless sudo for this account"
_SUDO: Final = (
    (r"sudo: .*not found|not found: sudo|sudo: No such file", "there is no sudo", "log in as root (USER@HOST)"),
    (
        r"must have a tty|no tty present",
        "sudo wants a terminal",
        "take requiretty out of sudoers for this account, or log in as root",
    ),
    (
        r"not in the sudoers file|may not run sudo|not allowed to (execute|run)",
        "sudo refused",
        f"this account may not use sudo: {_ROOT_OR_SUDO}",
    ),
    (
        r"incorrect password|Sorry, try again|no password was provided",
        "sudo refused the password",
        "type the password of the account that logs in, not root's",
    ),
    (r"password is required", "sudo wants a password", f"use --ask-become-pass, {_ROOT_OR_SUDO}"),
    (
        r"nologin|account is (currently )?(not available|locked)",
        "this account may not log in",
        "log in as another user",
    ),
)
"""What sudo and login say (sudo.c, plugins/sudoers), what it means, and the fix; the first that fits."""


@dataclass(frozen=True, slots=True)
class Become:
    """How to be root: `needed` is False where the login already is. The password never shows in a repr."""

    needed: bool = True
    password: str | None = field(default=None, repr=False)

    def argv(self) -> list[str]:
        """What stands before the command."""
        if not self.needed:
            return []
        return ["sudo", "-n", "--"] if self.password is None else ["sudo", "-S", "-p", _PROMPT, "--"]

    def stdin(self) -> bytes:
        """What sudo reads before the command does."""
        return b"" if not self.needed or self.password is None else self.password.encode() + b"\n"


class Exchange:
    """One run of a script: what to execute, what to feed it when, and what it said.

    An adapter runs `argv`, calls `feed` in a thread of its own, passes on what arrives through `take_output` and
    `take_error`, and calls `end` when nothing more will come.
    """

    def __init__(
        self,
        text: str,
        args: Sequence[str],
        stdin: bytes,
        become: Become,
        sink: Callable[[bytes], None] | None = None,
    ) -> None:
        nonce = secrets.token_hex(16)
        body = (shlex.join(["set", "--", *args]) + "\n" + text + "\n").encode("utf-8", "surrogateescape")
        self.argv = [*become.argv(), "sh", "-c", _LOADER, "kaudit-setup", nonce]
        self.greeted = False
        self.refusal: Exception | None = None
        """What the sink raised. It is none of the adapter's own errors, though it may look like one."""
        self._line = nonce.encode() + b"\n"
        self._password = become.stdin()
        self._rest = self._line + str(len(body)).encode() + b"\n" + body + stdin
        self._go = threading.Event()
        self._held = b""
        self._out: list[bytes] = []
        self._err: list[bytes] = []
        self._sink = sink or self._keep
        self._size = 0
        self._heard = time.monotonic()

    @property
    def silent_s(self) -> float:
        """For how many seconds nothing has come."""
        return time.monotonic() - self._heard

    @property
    def before(self) -> bytes:
        """What came on standard output before a greeting that never came."""
        return b"" if self.greeted else self._held[-_MOST_BEFORE:]

    @property
    def out(self) -> bytes:
        """Standard output behind the greeting; empty if it went to a sink."""
        return b"".join(self._out)

    @property
    def err(self) -> bytes:
        """Standard error without sudo's prompts."""
        return b"".join(self._err).replace(_PROMPT.encode(), b"")

    def feed(self, send: Callable[[bytes], None]) -> None:
        """Send what belongs on standard input, the rest only after the greeting; then the caller closes it."""
        if self._password:
            send(self._password)
            self._go.wait()
            if not self.greeted:
                return
        send(self._rest)

    def take_output(self, chunk: bytes) -> None:
        """Take a chunk of standard output: everything up to the greeting is dropped, what follows is passed on."""
        try:
            self._take_output(chunk)
        finally:
            # a reader that takes its time is not a node that says nothing
            self._heard = time.monotonic()

    def _take_output(self, chunk: bytes) -> None:
        if self.greeted:
            self._pass_on(chunk)
            return
        self._held += chunk
        before, found, after = self._held.partition(self._line)
        if not found:
            self._held = before[-_MOST_BEFORE:]
            return
        self.greeted, self._held = True, b""
        self._go.set()
        if after:
            self._pass_on(after)

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MOST_ANSWERED:
            raise NodeError(
                f"a script's answer is larger than {MOST_ANSWERED >> 20} MiB and is not read on",
                hint="what answers on that node is not what it should be; look at it by hand",
            )
        self._out.append(chunk)

    def _pass_on(self, chunk: bytes) -> None:
        try:
            self._sink(chunk)
        except Exception as error:
            self.refusal = error
            raise

    def take_error(self, chunk: bytes) -> None:
        """Take a chunk of standard error; a prompt that comes again means that the password was wrong."""
        self._heard = time.monotonic()
        if sum(map(len, self._err)) < _MOST_ERRORS:
            self._err.append(chunk)
        if self._password and not self.greeted and b"".join(self._err).count(_PROMPT.encode()) > 1:
            self._go.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._go.set()


def hung(where: str, seconds: float) -> LostError:
    """What to say of a script that has said nothing for so long."""
    return LostError(
        f"{where}: no answer for {seconds:g} s (does its disk hang?)",
        hint="look at the node, or wait longer with --timeout SECONDS",
    )


def no_greeting(where: str, code: int, exchange: Exchange, become: Become) -> NodeError:
    """What to say when a command ended before the loader ran: which of login, sudo and shell refused, and the fix."""
    said = [
        line
        for text in (exchange.before, exchange.err)
        for line in text.decode("utf-8", "replace").strip().splitlines()
    ]
    last = said[-1].strip() if said else f"exit status {code}"
    if become.needed:
        whole = "\n".join(said)
        for pattern, meaning, hint in _SUDO:
            if re.search(pattern, whole):
                return AuthError(f"{where}: {meaning}: {last}", hint=hint)
        if become.password is not None:
            return AuthError(
                f"{where}: sudo refused: {last}", hint="check the password and that the account may use sudo"
            )
    return NodeError(f"{where}: no POSIX shell answered: {last}", hint="log in by hand and run: sh -c 'echo ok'")
