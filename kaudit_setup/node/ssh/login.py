"""Logging in with keys, as ssh does it: the agent's keys, the identity files, certificates, a second factor.

Order of keys: sshconnect2.c:pubkey_prepare (identities that the agent holds, its other keys, key files).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from kaudit_setup.errors import AuthError
from kaudit_setup.node.ssh.library import AgentSSH, UnknownKeyType, paramiko
from kaudit_setup.node.ssh.settings import SshSettings

Ask = Callable[[str], str]

_ASKED: Final = frozenset({"keyboard-interactive", "password"})
_ONE_AT_A_TIME: Final = threading.Lock()  # several hosts may ask the one terminal
_MOST_PROMPTS: Final = 8
_TYPED_S: Final = 120.0  # a code comes from a telephone; sshd's own limit (LoginGraceTime of sshd_config(5))


class _AgentAt(AgentSSH):
    """The agent that listens on a socket of the file system."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(10)
        connection.connect(path)
        self._connect(connection)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


def log_in(transport: paramiko.Transport, settings: SshSettings, where: str, ask: Ask | None) -> None:
    """Authenticate. `ask` shows a prompt and gives the answer; None where nobody can be asked.

    Raises AuthError; SSHException, OSError and EOFError where the connection breaks.
    """
    refusals: list[str] = []
    with contextlib.closing(_Keys(settings)) as keys:
        for key in keys.all():
            try:
                more = transport.auth_publickey(settings.user, key)
            except paramiko.BadAuthenticationType as error:
                refusals.append(f"the server takes {' or '.join(error.allowed_types) or 'nothing'}, no keys")
                break
            except paramiko.AuthenticationException as error:
                refusals.append(str(error))
                continue
            if not more:
                return
            if _ASKED & set(more):
                _second_factor(transport, settings.user, where, more, ask)
                return
            refusals.append(f"the server wants {' and '.join(more)} after this key")
        why = [*dict.fromkeys(refusals), *keys.notes] or ["there is no key to offer"]
    raise AuthError(
        f"{settings.user}@{where}: login refused: {'; '.join(why)}",
        hint=f"try: ssh -p {settings.port} {settings.user}@{settings.hostname} (keys, agent and ssh_config are used "
        "as ssh does; --transport openssh uses ssh itself)",
    )


def _second_factor(
    transport: paramiko.Transport, user: str, where: str, wanted: Sequence[str], ask: Ask | None
) -> None:
    if ask is None:
        raise AuthError(
            f"{user}@{where}: after the key the server asks for {' or '.join(wanted)}, and nobody can be asked here",
            hint="run it in a terminal, or use --transport openssh with a connection that is open already "
            "(ControlMaster)",
        )
    answer = ask

    def reply(_title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        with _ONE_AT_A_TIME:
            return [
                answer(f"{where}: {instructions} {text}".replace("  ", " ")) for text, _ in prompts[:_MOST_PROMPTS]
            ]

    transport.auth_timeout = _TYPED_S
    try:
        if "keyboard-interactive" in wanted:
            transport.auth_interactive(user, reply)
        else:
            with _ONE_AT_A_TIME:
                transport.auth_password(user, answer(f"{where}: password"))
    except paramiko.AuthenticationException as error:
        raise AuthError(f"{user}@{where}: the second factor was refused: {error}") from error


class _Keys:
    """The keys to offer, each loaded when its turn comes."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._agent: _AgentAt | None = None
        self.notes: list[str] = []

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()

    def all(self) -> Iterator[paramiko.PKey]:
        held = self._held_by_agent()
        files = [Path(path) for path in self._settings.identity_files]
        public = {path: _public_blob(path) for path in files}
        named = [key for path in files for key in held if key.asbytes() == public[path]]
        others = [] if self._settings.identities_only else [key for key in held if key not in named]
        for key in [*named, *others]:
            self._certify(key)
            yield key
        offered = {key.asbytes() for key in named}
        for path in files:
            if public[path] not in offered and (loaded := self._load(path)) is not None:
                self._certify(loaded)
                yield loaded

    def _held_by_agent(self) -> list[paramiko.PKey]:
        if not self._settings.identity_agent:
            return []
        try:
            self._agent = _AgentAt(self._settings.identity_agent)
        except (OSError, paramiko.SSHException) as error:
            self.notes.append(f"the agent {self._settings.identity_agent} cannot be asked ({error})")
            return []
        return list(self._agent.get_keys())

    def _load(self, path: Path) -> paramiko.PKey | None:
        if not path.is_file() or path.suffix == ".pub":
            return None
        try:
            return paramiko.PKey.from_path(path)
        except (paramiko.PasswordRequiredException, TypeError):
            self.notes.append(f"{path} is encrypted and not in the agent (ssh-add {path})")
        except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
            self.notes.append(f"{path} cannot be used ({str(error) or type(error).__name__})")
        return None

    def _certify(self, key: paramiko.PKey) -> None:
        """Give `key` the certificate that is for it (CertificateFile)."""
        for path in self._settings.certificate_files:
            blob = _public_blob(Path(path))
            # a certificate holds the public key's own fields behind a type and a nonce (PROTOCOL.certkeys)
            if blob is not None and key.asbytes()[4 + len(key.get_name()) :] in blob:
                key.load_certificate(path)


def _public_blob(path: Path) -> bytes | None:
    """The public key of an identity file, from the file itself or the one beside it that ends with .pub."""
    from kaudit_setup.node.ssh.known_hosts import decode

    for place in (path, path.with_name(path.name + ".pub")):
        with contextlib.suppress(OSError):
            words = place.read_bytes()[:65536].split(maxsplit=2)
            if len(words) > 1 and words[0].startswith((b"ssh-", b"ecdsa-", b"sk-")):
                return decode(words[1].decode("ascii", "replace"))
    return None
