"""Where to log in, as the user or an inventory says it, before ssh_config is asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from kaudit_setup.errors import InputError
from kaudit_setup.node.port import IDLE_S

# an address with two colons or more is IPv6 and needs brackets before a port
_TARGET: Final = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?"
    r"(?:\[(?P<bracketed>[^]]+)\]|(?P<plain>[^@:\[\]/]+)|(?P<bare>[^@\[\]/]*:[^@\[\]/]*:[^@\[\]/]*))"
    r"(?::(?P<port>[^:/]+))?/?"
)
_NOT_IN_NAMES: Final = re.compile(r"[\s\x00-\x1f]")
_PORT: Final = re.compile(r"[0-9]{1,5}")


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
        found = _TARGET.fullmatch(text)
        host = found and (found["bracketed"] or found["plain"] or found["bare"])
        if found is None or not host or host.startswith("-") or _NOT_IN_NAMES.search(text):
            raise InputError(f"host {text!r} is not [USER@]HOST[:PORT]", hint="for example --host root@cp1:22")
        port = found["port"]
        if port is not None and not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
            raise InputError(f"host {text!r}: {port!r} is not a port")
        return cls(host, found["user"], int(port) if port else None)

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
    nobody can be asked. `idle_s`: how long a script that has no time limit may say nothing. `tell`: shows
    what a host says before the login (its banner, a stranger's text). `make_way`: keeps everything else from being
    drawn on the terminal, for as long as ssh itself may ask there.
    """

    config_file: Path | None = None
    accept_new_host_key: bool = False
    become_password: str | None = field(default=None, repr=False)
    ask: Callable[[str], str] | None = None
    transport: Transport = Transport.paramiko
    idle_s: float = IDLE_S
    tell: Callable[[str], None] = field(default=lambda _text: None, repr=False)
    make_way: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, repr=False)
