"""The sandbox's SSH server: one account, one key, commands run by `/bin/sh -c` as OpenSSH's sshd does.

The server half of paramiko; the client half is in `node/ssh.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kaudit_setup.node.ssh.library import common, paramiko
from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.sandbox.tree import STUCK

_CHUNK = 32768
COMMANDS = "commands.jsonl"


@dataclass(frozen=True, slots=True)
class Login:
    """What a command finds when it runs: the node's root folder, and who has logged in."""

    root: Path
    host_key: Path
    user_key: str
    faults: Callable[[], Faults]
    journal: Path

    def environment(self, user: str, faults: Faults) -> Mapping[str, str]:
        """As sshd's for a command: little, and nothing of the machine that runs the sandbox."""
        stuck = f"{self.root}/{STUCK}:" if faults.stuck_disk else ""
        return {
            "HOME": str(self.root / "root"),
            "KAUDIT_ROOT": str(self.root),
            "LOGNAME": user,
            "PATH": f"{stuck}{self.root}/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SANDBOX_CLOCK": f"{faults.clock_offset:.0f}",
            "SANDBOX_SUDO": faults.sudo,
            "SANDBOX_SUDO_FILE": str(self.root.parent / "sudo_password"),
            "SANDBOX_UID": "0" if user == "root" else "1000",
            "SHELL": "/bin/sh",
            "TMPDIR": str(self.root / "tmp"),
            "USER": user,
        }


class Server:
    """Listens on a free port of 127.0.0.1 until the process ends."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self._key = paramiko.Ed25519Key(filename=str(login.host_key))
        self._open: set[paramiko.Transport] = set()
        self._lock = threading.Lock()
        self._drops_seen = login.faults().drop_count
        self._plan = -1
        self._commands_left = 0
        self._connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Accept connections in a thread."""
        threading.Thread(target=self._accept, name="sshd", daemon=True).start()

    def tick(self) -> None:
        """Look at the faults; called often by the supervisor."""
        faults = self.login.faults()
        with self._lock:
            if faults.drop_plan != self._plan:
                self._plan, self._commands_left = faults.drop_plan, faults.drop_at_command
            drop = faults.drop_count != self._drops_seen
            self._drops_seen = faults.drop_count
        if drop:
            self.drop()

    def drop(self) -> None:
        """Cut every open connection, as a network does: without a word."""
        with self._lock:
            doomed = list(self._open)
        for transport in doomed:
            cut(transport)

    def due(self) -> bool:
        """Whether the command that is asked for now is the one that shall lose its connection."""
        self.tick()
        with self._lock:
            if self._commands_left == 0:
                return False
            self._commands_left -= 1
            return self._commands_left == 0

    def note(self, **entry: object) -> None:
        """One JSON line for each command, for tests that count them."""
        with self._lock, self.login.journal.open("a") as journal:
            journal.write(json.dumps(entry) + "\n")

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            faults = self.login.faults()
            if faults.refuse_logins or faults.power == "off":
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections += 1
            number = self._connections
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        transport = paramiko.Transport(client)
        transport.local_version = "SSH-2.0-kaudit_sandbox"
        transport.add_server_key(self._key)
        with self._lock:
            self._open.add(transport)
        try:
            transport.start_server(server=_Session(self, self.login, transport, number))
            transport.join()
        except (paramiko.SSHException, EOFError, OSError):
            transport.close()
        finally:
            with self._lock:
                self._open.discard(transport)


def cut(transport: paramiko.Transport) -> None:
    """End a connection below SSH: the other side sees the TCP stream end, no farewell."""
    try:
        transport.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Session(paramiko.ServerInterface):
    """What one connection may do: public key login, `exec`, and forwarding to loopback (ProxyJump)."""

    def __init__(self, server: Server, login: Login, transport: paramiko.Transport, number: int) -> None:
        self._server, self.login, self._transport, self._number = server, login, transport, number
        self._user = ""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def get_banner(self) -> tuple[str | None, str | None]:
        return (self.login.faults().banner or None, "en-US")

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if f"{key.get_name()} {key.get_base64()}" != self.login.user_key:
            return common.AUTH_FAILED
        self._user = username
        return common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED if kind == "session" else common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        faults = self.login.faults()
        drop = self._server.due()
        if drop and faults.drop_after_bytes is None:
            self._server.note(connection=self._number, user=self._user, command=_text(command), dropped=True)
            cut(self._transport)
            return False
        threading.Thread(target=self._run, args=(channel, command, faults, drop), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        host, port = destination
        if host not in ("127.0.0.1", "localhost"):
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            stream = socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            return common.OPEN_FAILED_CONNECT_FAILED
        stream.settimeout(None)
        threading.Thread(target=self._forward, args=(chanid, stream), daemon=True).start()
        return common.OPEN_SUCCEEDED

    def _forward(self, chanid: int, stream: socket.socket) -> None:
        channel = self._transport.accept(10)
        while channel is not None and channel.get_id() != chanid:
            channel = self._transport.accept(10)
        if channel is None:
            stream.close()
            return
        back = threading.Thread(
            target=_copy, args=(stream.recv, channel.sendall, channel.shutdown_write), daemon=True
        )
        back.start()
        _copy(channel.recv, stream.sendall, lambda: stream.shutdown(socket.SHUT_WR))
        back.join()
        stream.close()
        channel.close()

    def _run(self, channel: paramiko.Channel, command: bytes, faults: Faults, drop: bool) -> None:
        started = time.monotonic()
        process = _spawn(self.login, self._user, command, faults)
        relay = _Relay(channel, process, faults.drop_after_bytes if drop else None, lambda: cut(self._transport))
        code = relay.finish(hangup=faults.hangup)
        self._server.note(
            connection=self._number,
            user=self._user,
            command=_text(command),
            code=code,
            seconds=round(time.monotonic() - started, 3),
            dropped=drop,
        )


def _text(command: bytes) -> str:
    return command.decode("utf-8", "replace")


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], None], end: Callable[[], None]) -> None:
    try:
        while chunk := read(_CHUNK):
            write(chunk)
        end()
    except OSError:
        return


def _spawn(login: Login, user: str, command: bytes, faults: Faults) -> subprocess.Popen[bytes]:
    (login.root.parent / "sudo_password").write_text(faults.sudo_password)
    argv: list[str | bytes] = ["/bin/sh", "-c", command]
    if faults.file_size_limit:
        # XFSZ ignored, so that writers get EFBIG and can say so instead of being killed
        blocks = max(1, faults.file_size_limit // 512)
        argv = ["/bin/sh", "-c", f"trap '' XFSZ; ulimit -f {blocks}; exec /bin/sh -c \"$1\"", "sh", command]
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=login.root,
        env=login.environment(user, faults),
        start_new_session=True,
        bufsize=0,
    )


@dataclass(slots=True)
class _Relay:
    """Moves the three streams of one command through its channel."""

    channel: paramiko.Channel
    process: subprocess.Popen[bytes]
    drop_after: int | None
    cut: Callable[[], None]
    _sent: int = 0
    _gone: threading.Event = field(default_factory=threading.Event)

    def finish(self, *, hangup: bool) -> int:
        """Until the command has ended and its output is sent; its exit status, -N for signal N."""
        ways = ((self.process.stdout, self.channel.sendall), (self.process.stderr, self.channel.sendall_stderr))
        pumps = [threading.Thread(target=self._pump, args=way, daemon=True) for way in ways]
        threading.Thread(target=self._feed, daemon=True).start()
        if hangup:
            threading.Thread(target=self._watch, daemon=True).start()
        for pump in pumps:
            pump.start()
        code = self.process.wait()
        # as sshd: the status is sent when the command ends, the channel is closed when nothing holds its output open
        if self.drop_after is None:
            self._tell(code)
        elif self.drop_after < 0:
            self.cut()
        for pump in pumps:
            pump.join()
        self._gone.set()
        if self.drop_after is not None:
            self.cut()
        self.channel.close()
        return code

    def _tell(self, code: int) -> None:
        # The client may have closed the channel meanwhile, and what comes for a closed one ends in the next session:
        # ssh gives its number away again ("exitval sent twice"). Under the lock that closing takes.
        with self.channel.lock, suppress(OSError, EOFError, paramiko.SSHException):
            if not self.channel.closed:
                self.channel.send_exit_status(code if code >= 0 else 128 - code)

    def _feed(self) -> None:
        with self.process.stdin or nullcontext() as pipe, suppress(OSError):
            while pipe and (chunk := self.channel.recv(_CHUNK)):
                while chunk:
                    chunk = chunk[os.write(pipe.fileno(), chunk) :]

    def _pump(self, source: IO[bytes], send: Callable[[bytes], None]) -> None:
        limit = -1 if self.drop_after is None else self.drop_after
        # closed here as sshd does when nobody listens any more: the command gets SIGPIPE
        with source, suppress(OSError):
            while chunk := source.read(_CHUNK):
                self._sent += len(chunk)
                if 0 <= limit <= self._sent:
                    send(chunk[: len(chunk) - (self._sent - limit)])
                    self.cut()
                    return
                send(chunk)

    def _watch(self) -> None:
        while not self._gone.wait(0.05):
            if self.channel.closed:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGHUP)
                return
