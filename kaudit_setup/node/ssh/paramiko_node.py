"""A node reached over SSH with paramiko, whose errors are translated here."""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from kaudit_setup.errors import KauditError, LostError, NodeError
from kaudit_setup.node.shell import Become, Exchange, hung, no_greeting
from kaudit_setup.node.ssh.library import paramiko
from kaudit_setup.node.ssh.login import log_in
from kaudit_setup.node.ssh.proxy import ProxyCommand
from kaudit_setup.node.ssh.settings import SshSettings, read_settings
from kaudit_setup.node.ssh.sockets import notice_silence
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.node.ssh.trust import HostKey, check_host_key, known_hosts_of
from kaudit_setup.runner import Ran

# paramiko logs what it raises anyway, with a traceback, to standard error if nobody else listens
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CHUNK: Final = 65536
_KEEPALIVE_S: Final = 10
_SILENCE_S: Final = 45.0
_CONNECT_S: Final = 15.0
_MOST_JUMPS: Final = 8
_MOST_BANNER: Final = 8192
_WEAK: Final = ("cbc", "3des", "md5", "sha1-96", "-sha1")


class SshNode:
    """One node over one connection, opened when first needed and opened again if it broke."""

    def __init__(self, target: SshTarget, options: SshOptions) -> None:
        """Nothing is sent until the first `sh`."""
        self._target = target
        self._options = options
        self._transport: paramiko.Transport | None = None
        self._jumps: list[paramiko.Transport] = []
        self._proxies: list[ProxyCommand] = []
        self._become = Become(needed=False)
        self._guard = threading.Lock()
        self._ahead: threading.Thread | None = None
        self._early: KauditError | None = None
        self._told: set[str] = set()

    @property
    def name(self) -> str:
        """The host as the user gave it."""
        return self._target.name

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
        exchange = Exchange(script, args, stdin, self._become, sink)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            channel = transport.open_session(timeout=_CONNECT_S)
            with contextlib.closing(channel):
                channel.exec_command(shlex.join(exchange.argv))
                helpers = [
                    threading.Thread(target=_feed, args=(channel, exchange), daemon=True),
                    threading.Thread(target=_drain, args=(channel, exchange), daemon=True),
                ]
                for thread in helpers:
                    thread.start()
                try:
                    for chunk in self._chunks(channel, exchange, deadline, timeout):
                        exchange.take_output(chunk)
                finally:
                    exchange.end()
                if not channel.status_event.wait(_CONNECT_S) or channel.exit_status == -1:
                    raise LostError(f"{self.name}: the connection broke", hint="run the same command again")
                code = channel.exit_status
                for thread in helpers:
                    thread.join(timeout=1)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if exchange.refusal is not None:
                # a full local disk is not a connection failure
                raise exchange.refusal from None
            raise LostError(
                f"{self.name}: the connection broke: {error}", hint="run the same command again"
            ) from error
        if not exchange.greeted:
            raise no_greeting(self.name, code, exchange, self._become)
        return Ran(code, exchange.out, exchange.err)

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
        for transport in (self._transport, *reversed(self._jumps)):
            if transport is not None:
                transport.close()
        for proxy in self._proxies:
            proxy.close()
        self._transport, self._jumps, self._proxies = None, [], []

    def _chunks(
        self, channel: paramiko.Channel, exchange: Exchange, deadline: float | None, timeout: float | None
    ) -> Iterator[bytes]:
        idle_s = self._options.idle_s
        while True:
            left = idle_s - exchange.silent_s if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise LostError(f"{self.name}: no end within {timeout:g} s") if deadline else hung(self.name, idle_s)
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
            if self._transport is None or not self._transport.is_active():
                self._drop()
                self._transport = self._connect(self._target, via=None, depth=0)
            return self._transport

    def _connect(self, target: SshTarget, via: str | None, depth: int) -> paramiko.Transport:
        settings = read_settings(target, self._options.config_file)
        if depth == 0:
            self._become = Become(needed=settings.user != "root", password=self._options.become_password)
        host, port = settings.hostname, settings.port
        where = f"{host}:{port}" + (f" (for {self.name})" if depth or host != self.name else "")
        way = self._way(target, settings, via, depth)
        try:
            transport = _handshake(way.sock if isinstance(way, ProxyCommand) else way, settings)
        except (paramiko.SSHException, OSError, EOFError) as error:
            why = way.why_it_ended() if isinstance(way, ProxyCommand) else ""
            raise NodeError(
                f"{where}: no SSH connection: {why or _reason(error)}",
                hint=f"try: ssh -p {port} {settings.user}@{host}",
            ) from error
        try:
            key = transport.get_remote_server_key()
            check_host_key(HostKey(key.get_name(), key.asbytes()), settings, where, self._options.accept_new_host_key)
            log_in(transport, settings, where, self._options.ask)
        except (paramiko.SSHException, OSError, EOFError) as error:
            transport.close()
            raise NodeError(
                f"{where}: no SSH connection: {_reason(error)}", hint=f"try: ssh -p {port} {settings.user}@{host}"
            ) from error
        except KauditError:
            self._pass_on_banner(transport, where)
            transport.close()
            raise
        self._pass_on_banner(transport, where)
        transport.set_keepalive(_KEEPALIVE_S)
        notice_silence(transport.sock, _SILENCE_S)
        return transport

    def _pass_on_banner(self, transport: paramiko.Transport, where: str) -> None:
        """What the host said before the login, once: a second connection says the same."""
        said = transport.get_banner()
        if said and where not in self._told:
            self._told.add(where)
            self._options.tell(f"{where}: {said[:_MOST_BANNER].decode('utf-8', 'replace').strip()}")

    def _way(
        self, target: SshTarget, settings: SshSettings, via: str | None, depth: int
    ) -> socket.socket | paramiko.Channel | ProxyCommand:
        """What leads to the host: a connection of our own, one through other hosts, or the user's program."""
        jump = via if via is not None else settings.proxy_jump
        if jump:
            return self._through(jump, settings, depth)
        if settings.proxy_command and via is None:
            proxy = ProxyCommand(self.name, target.host, settings)
            self._proxies.append(proxy)
            return proxy
        host, port = settings.hostname, settings.port
        try:
            return socket.create_connection((host, port), timeout=_CONNECT_S)
        except (OSError, UnicodeError) as error:
            about = f"{host}:{port}" + (f" (for {self.name})" if depth or host != self.name else "")
            raise NodeError(
                f"{about}: cannot connect: {_reason(error)}", hint=f"try: ssh -p {port} {settings.user}@{host}"
            ) from error

    def _through(self, jump: str, settings: SshSettings, depth: int) -> paramiko.Channel:
        if depth > _MOST_JUMPS:
            raise NodeError(f"{self.name}: ProxyJump goes round in circles")
        # the last host of the list is the one next to the node; those before it lead there
        *before, last = jump.split(",")
        transport = self._connect(SshTarget.parse(last.strip()), via=",".join(before) or None, depth=depth + 1)
        self._jumps.append(transport)
        there = (settings.hostname, settings.port)
        try:
            return transport.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=_CONNECT_S)
        except (paramiko.SSHException, OSError) as error:
            raise NodeError(f"{self.name}: {last} does not reach {there[0]}:{there[1]}: {error}") from error


def _handshake(sock: socket.socket | paramiko.Channel, settings: SshSettings) -> paramiko.Transport:
    """Keys are exchanged; a host key of a type that is known already is asked for first."""
    transport = paramiko.Transport(sock)
    transport.banner_timeout = transport.auth_timeout = _CONNECT_S
    options = transport.get_security_options()
    options.ciphers = _without_weak(options.ciphers)
    options.digests = _without_weak(options.digests)
    options.key_types = _known_first(options.key_types, known_hosts_of(settings).types(settings.known_as))
    try:
        transport.start_client(timeout=_CONNECT_S)
    except BaseException:
        transport.close()
        raise
    return transport


def _without_weak(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not any(weak in name for weak in _WEAK))


def _known_first(types: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Types of host keys, those of known keys before others; an ssh-rsa key signs with two of them."""
    first = {t for kind in known for t in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))}
    return tuple(sorted(types, key=lambda name: name not in first))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    said = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return said or type(error).__name__


def _feed(channel: paramiko.Channel, exchange: Exchange) -> None:
    # a script may end without reading all of its input; a broken connection is seen by the reader
    with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
        exchange.feed(channel.sendall)
    with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
        channel.shutdown_write()


def _drain(channel: paramiko.Channel, exchange: Exchange) -> None:
    with contextlib.suppress(socket.timeout, OSError, paramiko.SSHException, EOFError):
        while chunk := channel.recv_stderr(_CHUNK):
            exchange.take_error(chunk)
