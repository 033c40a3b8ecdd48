"""The host key that a node offers, held against known_hosts; a new one is recorded where the user said so."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from kaudit_setup.errors import HostKeyError
from kaudit_setup.node.ssh.known_hosts import KnownHosts, Trust, fingerprint, fingerprints, line_for, read_files
from kaudit_setup.node.ssh.settings import SshSettings


@dataclass(frozen=True, slots=True)
class HostKey:
    """The key that a host offers: its type, and the key as it crosses the wire."""

    kind: str
    blob: bytes

    def __str__(self) -> str:
        return f"{self.kind} {fingerprint(self.blob)}"


def known_hosts_of(settings: SshSettings) -> KnownHosts:
    """What the user's and the machine's known_hosts files say. Raises InputError."""
    return read_files((*settings.user_known_hosts, *settings.global_known_hosts))


def check_host_key(key: HostKey, settings: SshSettings, where: str, accept_new: bool) -> None:
    """Refuse a host key that known_hosts does not vouch for. Raises HostKeyError."""
    known = known_hosts_of(settings)
    trust = known.judge(settings.known_as, key.kind, key.blob)
    if trust is Trust.UNKNOWN and accept_new:
        _record(key, settings)
    elif trust is not Trust.KNOWN:
        raise _refusal(trust, key, known, settings, where)


def _record(key: HostKey, settings: SshSettings) -> None:
    if not settings.user_known_hosts:
        return
    store = settings.user_known_hosts[0]
    store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(store, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        # a last line without an end must not swallow the new one
        glue = b"" if size == 0 or file.read(1) == b"\n" else b"\n"
        file.write(glue + line_for(settings.known_as, key.kind, key.blob).encode() + b"\n")


def how_to_add(settings: SshSettings) -> str:
    """What to type to make the host's key known."""
    scan = f"ssh-keyscan -p {settings.port} {shlex.quote(settings.hostname)} >> {_store(settings)}"
    return f"{scan} (compare the fingerprint with the node's own), or --accept-new-host-key"


def how_to_replace(settings: SshSettings) -> str:
    """What to type where the host really has a new key."""
    removal = f"ssh-keygen -f {_store(settings)} -R {shlex.quote(settings.known_as)}"
    return f"if the node was really reinstalled: {removal}, then connect with ssh once"


def _store(settings: SshSettings) -> str:
    return shlex.quote(str((*settings.user_known_hosts, Path("~/.ssh/known_hosts").expanduser())[0]))


def _refusal(trust: Trust, key: HostKey, known: KnownHosts, settings: SshSettings, where: str) -> HostKeyError:
    expected = fingerprints(known.expected(settings.known_as))
    match trust:
        case Trust.CHANGED:
            said = f"the host key has CHANGED: it is {key}, known_hosts has {expected}"
            hint = how_to_replace(settings)
        case Trust.OTHER_TYPE:
            said = f"the host offers {key}, but known_hosts has only {expected}; nothing was sent"
            hint = "the host may have a new type of key: compare the fingerprint with the node's own, then add it"
        case Trust.REVOKED:
            said = f"known_hosts marks the host key {key} as @revoked; nothing was sent"
            hint = "do not connect to this host before its key was replaced"
        case Trust.AUTHORITY:
            said = "known_hosts trusts it by @cert-authority, which only ssh itself can check; nothing was sent"
            hint = "use --transport openssh"
        case _:
            said = "the host key is not known; nothing was sent" + "".join(f" ({note})" for note in known.notes[:1])
            hint = how_to_add(settings)
    return HostKeyError(f"{where}: {said}", hint=hint)
