"""How a script travels to a node's shell: by standard input, never by argv. Pure; both adapters share it.

The remote command is a short loader. Standard input carries, in this order: the sudo password (if one was asked
for), a line with a nonce, the byte length of the script, the script, and whatever the script itself reads.
The loader skips to the nonce, so a password that sudo did not want never reaches a script; it prints the nonce
back, so what a login shell printed before it is told apart from the script's own output, and a run that never got
so far is known to have failed in sudo or sshd.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from kaudit_setup.errors import AuthError, NodeError

# Read byte by byte (`read` and `dd bs=1` never read ahead), so that the script's own input stays in the pipe.
_LOADER = (
    "LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; "
    'while IFS= read -r l; do [ "$l" = "$1" ] && break; done; '
    'echo "$1"; IFS= read -r n || exit 97; s=$(dd bs=1 count="$n" 2>/dev/null); shift; eval "$s"'
)


def script(name: str) -> str:
    """The text of `node/scripts/<name>.sh`."""
    return files("kaudit_setup.node").joinpath("scripts", f"{name}.sh").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Become:
    """How to be root: `needed` is False where the login already is. The password never shows in a repr."""

    needed: bool = True
    password: str | None = field(default=None, repr=False)

    def argv(self) -> list[str]:
        """What stands before the command."""
        if not self.needed:
            return []
        return ["sudo", "-n", "--"] if self.password is None else ["sudo", "-S", "-p", "", "--"]

    def stdin(self) -> bytes:
        """What sudo reads before the command does."""
        return b"" if not self.needed or self.password is None else self.password.encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: what to execute and what to feed it."""

    argv: list[str]
    stdin: bytes
    nonce: bytes


def call(text: str, args: Sequence[str], stdin: bytes, become: Become) -> Call:
    """Wrap a script for execution; see the module's docstring for the layout of standard input."""
    nonce = secrets.token_hex(16)
    body = (shlex.join(["set", "--", *args]) + "\n" + text + "\n").encode("utf-8", "surrogateescape")
    argv = [*become.argv(), "sh", "-c", _LOADER, "kaudit-setup", nonce]
    head = become.stdin() + nonce.encode() + b"\n" + str(len(body)).encode() + b"\n"
    return Call(argv, head + body + stdin, nonce.encode())


class Greeting:
    """Drops everything up to and including the nonce line, then passes chunks on."""

    def __init__(self, nonce: bytes, sink: Callable[[bytes], None]) -> None:
        self._line = nonce + b"\n"
        self._held = b""
        self._sink = sink
        self.heard = False

    def feed(self, chunk: bytes) -> None:
        """Take one chunk of raw standard output."""
        if self.heard:
            self._sink(chunk)
            return
        self._held += chunk
        before, found, after = self._held.partition(self._line)
        if found:
            self.heard, self._held = True, b""
            if after:
                self._sink(after)
        else:
            self._held = before[-65536:]


def no_greeting(where: str, code: int, err: bytes, become: Become) -> NodeError:
    """What to say when a command ended before the loader ran."""
    said = err.decode("utf-8", "replace").strip().splitlines()
    last = said[-1] if said else f"exit status {code}"
    if become.needed:
        if become.password is None:
            return AuthError(
                f"{where}: sudo wants a password: {last}",
                hint="use --ask-become-pass, log in as root, or allow passwordless sudo for this account",
            )
        return AuthError(
            f"{where}: sudo refused: {last}", hint="check the password and that the account may use sudo"
        )
    return NodeError(f"{where}: no POSIX shell answered: {last}", hint="log in by hand and run: sh -c 'echo ok'")
