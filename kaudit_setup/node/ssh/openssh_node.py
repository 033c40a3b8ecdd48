"""A node reached by the `ssh` program itself, so that a site's configuration works as it does by hand: certificates
of hosts and users, FIDO keys, GSSAPI, second factors, Match exec, connections that are open already.

One connection serves all scripts (ControlMaster, ssh_config(5)): the user's own if one is open, else one of ours,
opened in the foreground, so that ssh can ask on the terminal, and closed at the end. Scripts then run in sessions of
their own, without a terminal. ssh's own messages go to a file (`-E`) in a folder that only the user can enter: they
are never mixed with what a script says on standard error, and they tell a broken connection, for which ssh ends with
255, from a script that ends with 255 itself.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kaudit_setup.errors import AuthError, HostKeyError, InputError, LostError, NodeError
from kaudit_setup.node.process import Processes
from kaudit_setup.node.shell import Become, Exchange, no_greeting
from kaudit_setup.node.ssh.settings import SshSettings, read_settings
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.node.ssh.trust import how_to_add, how_to_replace
from kaudit_setup.runner import Ran

_CONNECT_S: Final = 15
_LOGIN_S: Final = 120.0  # somebody may have to type a code
_SSH_FAILED: Final = 255
_MOST_READ: Final = 65536
_MOST_BANNER: Final = 8192
_ENDED_BY_ITSELF: Final = re.compile(r"[Ee]xit status (from master )?255")
"""mux.c:mux_client_request_session and clientloop.c:client_input_channel_req say so at debug levels."""
_CHANGED: Final = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_REVOKED: Final = "marked as revoked"
_DENIED: Final = re.compile("Permission denied|Too many authentication failures")
_ASKING: Final = threading.Lock()  # there is one terminal
_UNKNOWN: Final = re.compile(r"Host key verification failed|No .* host key is known")


class OpenSshNode:
    """One node over the `ssh` program."""

    def __init__(self, target: SshTarget, options: SshOptions) -> None:
        """Nothing is sent until the first `sh`. Raises InputError where there is no ssh program."""
        program = shutil.which("ssh")
        if program is None:
            raise InputError("--transport openssh needs the ssh program", hint="install openssh-client")
        self._program = program
        self._target, self._options = target, options
        self._processes = Processes(target.name, options.idle_s)
        self._guard = threading.Lock()
        self._settings: SshSettings | None = None
        self._socket = ""
        self._folder: Path | None = None

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
        settings, control = self._connected()
        become = Become(needed=settings.user != "root", password=self._options.become_password)
        exchange = Exchange(script, args, stdin, become, sink)
        log = self._new_log()
        words = ["-E", str(log), "-o", "LogLevel=DEBUG2", "-T", "--", self._target.host, shlex.join(exchange.argv)]
        code = self._processes.run(exchange, [*self._ssh(control), *words], timeout=timeout)
        said = _read(log)
        if code < 0 or (code == _SSH_FAILED and not _ENDED_BY_ITSELF.search(said)):
            raise LostError(
                f"{self.name}: the connection broke", hint="run the same command again", details=_last(said)
            )
        if not exchange.greeted:
            raise no_greeting(self.name, code, exchange, become)
        return Ran(code, exchange.out, exchange.err)

    def close(self) -> None:
        """End what runs, and the connection if it is ours. It never waits for a connection that is being made."""
        self._processes.close()
        if self._guard.acquire(blocking=False):
            try:
                self._hang_up()
            finally:
                self._guard.release()

    def _new_log(self) -> Path:
        """Where the next ssh writes its messages; the folder goes with `close`."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="kaudit-ssh-"))
        return self._folder / secrets.token_hex(8)

    def _hang_up(self) -> None:
        folder, self._folder, control, self._socket = self._folder, None, self._socket, ""
        if folder is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self._control(control, "exit")
            shutil.rmtree(folder, ignore_errors=True)

    def _connected(self) -> tuple[SshSettings, str]:
        with self._guard:
            if self._settings is None:
                self._settings = read_settings(self._target, self._options.config_file)
            if not self._socket or self._control(self._socket, "check") != 0:
                self._hang_up()
                self._socket = self._open(self._settings)
            return self._settings, self._socket

    def _open(self, settings: SshSettings) -> str:
        """The socket of a connection: the user's if it is open, else of a new one. Raises NodeError."""
        if settings.control_path and self._control("", "check") == 0:
            return "own"
        log = self._new_log()
        control = str(log.with_name("s"))
        code = self._log_in(control, log, batch=True)
        said = _read(log)
        if code != 0 and _DENIED.search(said) and sys.stderr.isatty():
            # a passphrase, a password, a code: where one must be asked for, one host asks at a time
            with _ASKING, self._options.make_way():
                code = self._log_in(control, log, batch=False)
            said = _read(log)
        if code != 0:
            raise self._refusal(said, settings)
        return control

    def _log_in(self, control: str, log: Path, *, batch: bool) -> int:
        """The exit status of ssh, whose messages are in `log`; raises NodeError where it takes too long."""
        words = ["-E", str(log), "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-N", "-f"]
        banner = log.with_name("banner")
        try:
            # the host's banner, a stranger's text, comes on standard error: the ssh that stays behind holds it open
            with banner.open("wb") as heard:
                done = subprocess.run(
                    [*self._ssh(control, batch=batch), *words, "--", self._target.host],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=heard,
                    timeout=_LOGIN_S,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise NodeError(f"{self.name}: no connection within {_LOGIN_S:g} s", hint=self._try()) from error
        shown = _read(banner)[:_MOST_BANNER]
        if shown and batch:
            self._options.tell(f"{self.name}: {shown}")
        return done.returncode

    def _ssh(self, control: str, *, batch: bool = True) -> list[str]:
        """The program and its options. `batch`: whether it asks nothing on the terminal."""
        target, options = self._target, self._options
        words = [self._program]
        words += ["-F", str(options.config_file)] if options.config_file else []
        words += ["-l", target.user] if target.user else []
        words += ["-p", str(target.port)] if target.port else []
        words += ["-i", target.identity_file] if target.identity_file else []
        given = {
            "ProxyJump": target.proxy_jump,
            "ProxyCommand": target.proxy_command,
            "UserKnownHostsFile": target.known_hosts_file,
            "ControlPath": control if control not in {"", "own"} else None,
            "StrictHostKeyChecking": "accept-new" if options.accept_new_host_key else "yes",
            "BatchMode": "yes" if batch else None,
            "ConnectTimeout": str(_CONNECT_S),
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "3",
            "EscapeChar": "none",
            "RequestTTY": "no",
            "RemoteCommand": "none",
            "PermitLocalCommand": "no",
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "ClearAllForwardings": "yes",
        }
        return [*words, *(word for key, value in given.items() if value for word in ("-o", f"{key}={value}"))]

    def _control(self, control: str, command: str) -> int:
        argv = [*self._ssh(control), "-O", command, "--", self._target.host]
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CONNECT_S, check=False
        ).returncode

    def _try(self) -> str:
        return f"try: ssh {self._target.host}"

    def _refusal(self, said: str, settings: SshSettings) -> NodeError:
        """What ssh meant when it could not connect (sshconnect.c:check_host_key, sshconnect2.c)."""
        if _CHANGED in said:
            text = f"{self.name}: the host key has CHANGED; nothing was sent"
            return HostKeyError(text, hint=how_to_replace(settings), details=said)
        if _REVOKED in said:
            return HostKeyError(f"{self.name}: the host key is marked as @revoked; nothing was sent", details=said)
        if _UNKNOWN.search(said):
            return HostKeyError(
                f"{self.name}: the host key is not known; nothing was sent", hint=how_to_add(settings)
            )
        if _DENIED.search(said):
            return AuthError(f"{self.name}: login refused: {_last(said)}", hint=self._try())
        return NodeError(f"{self.name}: cannot connect: {_last(said)}", hint=self._try())


def _read(log: Path) -> str:
    """What ssh wrote, at most its last part; the file is removed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _MOST_READ))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        log.unlink(missing_ok=True)


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "ssh said nothing"
