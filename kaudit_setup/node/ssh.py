"""A node reached over SSH; the only client-side importer of paramiko, whose errors are translated here."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import paramiko
from paramiko.config import SSHConfig

from kaudit_setup.errors import AuthError, HostKeyError, InputError, KauditError, LostError, NodeError
from kaudit_setup.node.port import Ran
from kaudit_setup.node.shell import Become, Talk, no_greeting
from kaudit_setup.node.sockets import end, notice_silence

# paramiko logs what it raises anyway, with a traceback, to standard error if nobody else listens
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CHUNK = 65536
_KEEPALIVE_S = 10
_SILENCE_S = 45.0
_CONNECT_S = 15.0


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where to log in, before ~/.ssh/config is asked: `[USER@]HOST[:PORT]` and what inventories add.

    `label`: what people call it, the host if empty.
    """

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
        """`root@cp1`, `cp1:2222`, `[2001:db8::1]:22`; raises InputError."""
        user, at, rest = text.rpartition("@")
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
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise InputError(f"host {text!r}: {port!r} is not a port")
        return cls(host, user or None, int(port) if port else None)


@dataclass(frozen=True, slots=True)
class SshOptions:
    """What the user said about SSH for all nodes."""

    config_file: Path | None = None
    accept_new_host_key: bool = False
    become_password: str | None = field(default=None, repr=False)


class SshNode:
    """One node over one connection, opened when first needed and opened again if it broke."""

    def __init__(self, target: SshTarget, options: SshOptions) -> None:
        """Nothing is sent until the first `sh`."""
        self._target = target
        self._options = options
        self._client: paramiko.SSHClient | None = None
        self._jumps: list[paramiko.SSHClient] = []
        self._proxies: list[paramiko.ProxyCommand] = []
        self._become = Become(needed=False)
        self._guard = threading.Lock()
        self._ahead: threading.Thread | None = None
        self._early: KauditError | None = None

    @property
    def name(self) -> str:
        """The host as the user gave it."""
        return self._target.label or self._target.host

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """See `Node.sh`. Raises HostKeyError and NodeError from connecting, too."""
        transport = self._awaited()
        talk = Talk(script, args, stdin, self._become, sink)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            channel = transport.open_session(timeout=_CONNECT_S)
            with contextlib.closing(channel):
                channel.exec_command(shlex.join(talk.argv))
                helpers = [
                    threading.Thread(target=_feed, args=(channel, talk), daemon=True),
                    threading.Thread(target=_drain, args=(channel, talk), daemon=True),
                ]
                for thread in helpers:
                    thread.start()
                try:
                    for chunk in self._chunks(channel, deadline, timeout):
                        talk.hear(chunk)
                finally:
                    talk.end()
                if not channel.status_event.wait(_CONNECT_S) or channel.exit_status == -1:
                    raise LostError(f"{self.name}: the connection broke", hint="run the same command again")
                code = channel.exit_status
                for thread in helpers:
                    thread.join(timeout=1)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if talk.refusal is not None:
                # a disk that is full here is no connection that broke
                raise talk.refusal from None
            raise LostError(
                f"{self.name}: the connection broke: {error}", hint="run the same command again"
            ) from error
        if not talk.heard:
            raise no_greeting(self.name, code, talk.err, self._become)
        return Ran(code, talk.out, talk.err)

    def connect_ahead(self) -> None:
        """Begin to connect while the caller loads what it will run; the first `sh` raises what goes wrong."""

        def begin() -> None:
            try:
                self._connected()
            except KauditError as error:
                self._early = error

        self._ahead = threading.Thread(target=begin, daemon=True)
        self._ahead.start()

    def _awaited(self) -> paramiko.Transport:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.join()
            if self._early is not None:
                raise self._early
        return self._connected()

    def close(self) -> None:
        """Drop the connection and those of jump hosts; one that is being made is left to the thread that makes it."""
        if self._guard.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._guard.release()

    def _drop(self) -> None:
        for client in (self._client, *reversed(self._jumps)):
            if client is not None:
                transport = client.get_transport()
                client.close()
                if transport is not None and self._proxies:
                    # it may still be reading from the ProxyCommand, whose pipes are closed next
                    transport.join(2)
        for proxy in self._proxies:
            # paramiko's own `close` leaves a zombie and three descriptors
            end(proxy.process)
        self._client, self._jumps, self._proxies = None, [], []

    def _chunks(self, channel: paramiko.Channel, deadline: float | None, timeout: float | None) -> Iterator[bytes]:
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise LostError(f"{self.name}: no end within {timeout:g} s")
            channel.settimeout(left)
            try:
                chunk = channel.recv(_CHUNK)
            except TimeoutError:
                continue
            if not chunk:
                return
            yield chunk

    def _connected(self) -> paramiko.Transport:
        with self._guard:
            transport = self._client.get_transport() if self._client else None
            if transport is None or not transport.is_active():
                self._drop()
                self._client = self._connect(self._target, via=None, depth=0)
                transport = self._client.get_transport()
            if transport is None:
                raise LostError(f"{self.name}: the connection broke at once")
            return transport

    def _connect(self, target: SshTarget, via: str | None, depth: int) -> paramiko.SSHClient:
        config = _lookup(self._options.config_file, target)
        host = config.hostname
        user = target.user or config.user
        port = target.port or config.port
        if depth == 0:
            self._become = Become(needed=user != "root", password=self._options.become_password)
        sock = self._proxy(target, config, via, depth)
        client = paramiko.SSHClient()
        stores = _load_known_hosts(client, config)
        client.set_missing_host_key_policy(
            _AcceptNew(stores[0]) if self._options.accept_new_host_key else paramiko.RejectPolicy()
        )
        where = f"{host}:{port}" + (f" (for {self.name})" if depth or host != self.name else "")
        try:
            client.connect(
                host,
                port=port,
                username=user,
                # a list is documented; the stub only knows one name
                key_filename=cast("str | None", config.identity_files or None),
                sock=sock,
                timeout=_CONNECT_S,
                banner_timeout=_CONNECT_S,
                auth_timeout=_CONNECT_S,
                look_for_keys=not config.identities_only,
                allow_agent=not config.identities_only,
            )
        except paramiko.BadHostKeyException as error:
            shown = _bracketed(host, port)
            raise HostKeyError(
                f"{where}: the host key has CHANGED: it is {error.key.get_name()} {_fingerprint(error.key)}, "
                f"known_hosts has {_fingerprint(error.expected_key)}",
                hint=f"if the node was really reinstalled: ssh-keygen -f {shlex.quote(str(stores[0]))} "
                f"-R {shlex.quote(shown)}, then connect with ssh once",
            ) from error
        except paramiko.AuthenticationException as error:
            raise AuthError(
                f"{user}@{where}: login refused: {error}",
                hint=f"try: ssh -p {port} {user}@{host} (keys, agent and ~/.ssh/config are used as ssh does)",
            ) from error
        except paramiko.SSHException as error:
            if "not found in known_hosts" in str(error):
                raise HostKeyError(
                    f"{where}: the host key is not known; nothing was sent",
                    hint=f"ssh-keyscan -p {port} {shlex.quote(host)} >> {shlex.quote(str(stores[0]))} "
                    "(compare the fingerprint with the node's own), or --accept-new-host-key",
                ) from error
            raise NodeError(
                f"{where}: no SSH connection: {error}", hint=f"try: ssh -p {port} {user}@{host}"
            ) from error
        except (OSError, EOFError) as error:
            said = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
            reason = "no answer" if isinstance(error, TimeoutError) else said
            raise NodeError(f"{where}: cannot connect: {reason}", hint=f"try: ssh -p {port} {user}@{host}") from error
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(_KEEPALIVE_S)
            notice_silence(transport.sock, _SILENCE_S)
        return client

    def _proxy(
        self, target: SshTarget, config: _Config, via: str | None, depth: int
    ) -> paramiko.Channel | paramiko.ProxyCommand | None:
        # what the inventory says of the way counts as a whole: its command is no reason to jump, too
        own_way = via is not None or target.proxy_jump or target.proxy_command
        jump = via if via is not None else (target.proxy_jump if own_way else config.proxy_jump)
        command = target.proxy_command if own_way else config.proxy_command
        port = target.port or config.port
        if jump and jump.lower() != "none":
            if depth > 8:
                raise NodeError(f"{self.name}: ProxyJump goes round in circles")
            # the last host of the list is the one next to the node; those before it lead there
            *before, last = jump.split(",")
            client = self._connect(SshTarget.parse(last.strip()), via=",".join(before) or None, depth=depth + 1)
            self._jumps.append(client)
            transport = client.get_transport()
            if transport is None:
                raise LostError(f"{self.name}: the connection to {last} broke")
            try:
                return transport.open_channel(
                    "direct-tcpip", (config.hostname, port), ("127.0.0.1", 0), timeout=_CONNECT_S
                )
            except (paramiko.SSHException, OSError) as error:
                raise NodeError(f"{self.name}: {last} does not reach {config.hostname}:{port}: {error}") from error
        if command and command.lower() != "none":
            line = command.replace("%h", config.hostname).replace("%p", str(port))
            proxy = paramiko.ProxyCommand(line.replace("%r", target.user or config.user))
            self._proxies.append(proxy)
            return proxy
        return None


@dataclass(frozen=True, slots=True)
class _Config:
    """What ssh_config says of one host."""

    hostname: str
    user: str
    port: int
    identity_files: list[str]
    identities_only: bool
    known_hosts: list[str]
    proxy_jump: str | None
    proxy_command: str | None


def _lookup(file: Path | None, target: SshTarget) -> _Config:
    """ssh_config(5) for one host; raises InputError for a file that cannot be read."""
    paths = [file] if file else [p for p in (Path("~/.ssh/config").expanduser(),) if p.exists()]
    config = SSHConfig()
    for path in paths:
        try:
            config = SSHConfig.from_path(str(path))
        except (OSError, paramiko.ConfigParseError, UnicodeDecodeError) as error:
            raise InputError(f"ssh config {path} cannot be read: {error}") from error
    try:
        found = config.lookup(target.host)
    except (paramiko.SSHException, ValueError) as error:
        raise InputError(f"ssh config has no usable entry for {target.host}: {error}") from error
    identities = [target.identity_file] if target.identity_file else list(found.get("identityfile", []))
    known = str(found.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"))
    if target.known_hosts_file:
        known = shlex.quote(target.known_hosts_file)
    try:
        port = int(found.get("port", 22))
    except ValueError as error:
        raise InputError(f"ssh config: port of {target.host} is not a number: {found.get('port')}") from error
    return _Config(
        hostname=str(found.get("hostname", target.host)),
        user=str(found.get("user") or os.environ.get("USER") or os.environ.get("LOGNAME") or "root"),
        port=port,
        identity_files=[p for p in map(_at_home, identities) if Path(p).exists()],
        identities_only=str(found.get("identitiesonly", "no")).lower() == "yes",
        known_hosts=[_at_home(path) for path in shlex.split(known)],
        proxy_jump=found.get("proxyjump"),
        proxy_command=found.get("proxycommand"),
    )


def _at_home(path: str) -> str:
    """`path` with a leading ~ resolved; as it is where there is no such user (Path.expanduser raises there)."""
    return os.path.expanduser(path)  # noqa: PTH111


def _load_known_hosts(client: paramiko.SSHClient, config: _Config) -> list[Path]:
    """Load every known_hosts file that is there; the first named one is where a new key would go."""
    named = [Path(p) for p in config.known_hosts] or [Path("~/.ssh/known_hosts").expanduser()]
    for path in (*named, Path("/etc/ssh/ssh_known_hosts")):
        if path.is_file():
            try:
                client.load_system_host_keys(str(path))
            except (OSError, paramiko.SSHException, UnicodeDecodeError) as error:
                raise InputError(f"known_hosts file {path} cannot be read: {error}") from error
    return named


class _AcceptNew(paramiko.MissingHostKeyPolicy):
    """Record a key that nobody knew; a changed key never comes here."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        self._store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._store, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")


def _bracketed(host: str, port: int) -> str:
    return host if port == 22 else f"[{host}]:{port}"


def _fingerprint(key: paramiko.PKey) -> str:
    return str(key.fingerprint)


def _feed(channel: paramiko.Channel, talk: Talk) -> None:
    # a script may end without reading all of its input; a broken connection is seen by the reader
    with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
        talk.feed(channel.sendall)
    with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
        channel.shutdown_write()


def _drain(channel: paramiko.Channel, talk: Talk) -> None:
    with contextlib.suppress(socket.timeout, OSError, paramiko.SSHException, EOFError):
        while chunk := channel.recv_stderr(_CHUNK):
            talk.hear_error(chunk)
