"""ProxyCommand: a program of the user's whose standard input and output are the connection.

It runs as ssh runs it (sshconnect.c:ssh_proxy_connect): by the user's shell, with `exec`, tokens expanded. It gets
one end of a socket pair, so that the library on the other end has a real socket with time limits.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from typing import Final

from kaudit_setup.errors import NodeError
from kaudit_setup.node.ssh.settings import SshSettings
from kaudit_setup.node.ssh.sockets import end

_MOST_SAID: Final = 4096  # bytes of its standard error that are kept


class ProxyCommand:
    """The running program and our end of its socket."""

    def __init__(self, name: str, alias: str, settings: SshSettings) -> None:
        """Start it. Raises NodeError where the shell cannot be started."""
        line = expand(settings.proxy_command, alias, settings)
        self._errors = os.memfd_create("proxy-command")
        self.sock, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {line}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors,
            )
        except OSError as error:
            self.sock.close()
            raise NodeError(f"{name}: ProxyCommand cannot be started: {error}") from error
        finally:
            theirs.close()

    def why_it_ended(self) -> str:
        """Its last words and exit status, empty while it runs."""
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return ""
        size = os.fstat(self._errors).st_size
        said = os.pread(self._errors, _MOST_SAID, max(0, size - _MOST_SAID)).decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        return f"ProxyCommand ended with status {code}: {last}"

    def close(self) -> None:
        """End it, and leave no descriptor."""
        self.sock.close()
        end(self._process)
        with contextlib.suppress(OSError):
            os.close(self._errors)


def expand(command: str, alias: str, settings: SshSettings) -> str:
    """The tokens that ssh_config(5) allows in ProxyCommand: %% %h %n %p %r; any other stays as it is. Pure."""
    tokens = {"%": "%", "h": settings.hostname, "n": alias, "p": str(settings.port), "r": settings.user}
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), command)
