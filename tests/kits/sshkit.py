"""A real OpenSSH sshd on loopback, for tests that log in."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

# what an account that is not root has on a real node; here it only has to start the command
SUDO = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


def find_sshd() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OpenSsh:
    """An sshd of the user who runs the tests, for one key, on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, root: Path, first: str = "") -> None:
        """`first`: lines of its sshd_config that stand before all others, which makes them count."""
        self.folder, self.root = folder, root
        self.config = folder / "ssh_config"
        self.port = free_port()
        binaries = folder / "bin"
        binaries.mkdir()
        (binaries / "sudo").write_text(SUDO)
        (binaries / "sudo").chmod(0o755)
        for name in ("host_key", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        environment = f'SetEnv "KAUDIT_ROOT={root}" "PATH={binaries}:/usr/sbin:/usr/bin:/sbin:/bin"'
        (folder / "sshd_config").write_text(
            f"{first}Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/id.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n{environment}\n"
        )
        host_key = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}")
        self.config.write_text(
            f"Host real\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/id\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, sshd: str) -> None:
        if os.geteuid() == 0:
            # Debian's sshd wants it; the package makes it at boot
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self.folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen([sshd, "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"sshd did not start: {(self.folder / 'sshd.log').read_text()}")
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
