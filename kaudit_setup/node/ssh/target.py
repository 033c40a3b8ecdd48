"""Where to log in, as the user or an inventory says it, before ssh_config is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from kaudit_setup.errors import InputError

_URI: Final = "ssh://"


@dataclass(frozen=True, slots=True)
class SshTarget:
    """`[USER@]HOST[:PORT]`, and what inventories add. `label`: what people call it, the host if empty."""

    host: str
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    proxy_jump: str | None = None
    proxy_command: str | None = None
    known_hosts_file: str | None = None
    label: str = ""

    @classmethod
    def parse(cls, text: str) -> SshTarget:
        """`root@cp1`, `cp1:2222`, `[2001:db8::1]:22`, `ssh://root@cp1:22`; raises InputError."""
        user, at, rest = text.removeprefix(_URI).rstrip("/" if text.startswith(_URI) else "").rpartition("@")
        host, port = rest, ""
        if rest.startswith("["):
            host, closed, tail = rest[1:].partition("]")
            if not closed or (tail and not tail.startswith(":")):
                raise InputError(f"host {text!r} is not [USER@]HOST[:PORT]")
            port = tail[1:]
        elif rest.count(":") == 1:
            host, _, port = rest.partition(":")
        if not host or host.startswith("-") or (at and not user) or any(c.isspace() or ord(c) < 32 for c in text):
            raise InputError(f"host {text!r} is not [USER@]HOST[:PORT]", hint="for example --host root@cp1:22")
        if port and not (port.isdigit() and port.isascii() and len(port) < 6 and 0 < int(port) < 65536):
            raise InputError(f"host {text!r}: {port!r} is not a port")
        return cls(host, user or None, int(port) if port else None)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.label or self.host


class Transport(StrEnum):
    """Which adapter carries the scripts."""

    paramiko = "paramiko"
    openssh = "openssh"


@dataclass(frozen=True, slots=True)
class SshOptions:
    """What the user said about SSH for all nodes.

    `ask`: shows a prompt of the server (a one-time code) and returns the answer, which is not echoed; None where
    nobody can be asked.
    """

    config_file: Path | None = None
    accept_new_host_key: bool = False
    become_password: str | None = field(default=None, repr=False)
    ask: Callable[[str], str] | None = None
    transport: Transport = Transport.paramiko
