"""The nodes over which one contract is kept: a folder, the sandbox, a real OpenSSH sshd on loopback."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from changekit import DATA, MANIFEST, UNITS

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.port import Node
from kaudit_setup.node.ssh.openssh_node import OpenSshNode
from kaudit_setup.node.ssh.paramiko_node import SshNode
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.sandbox import Sandbox

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

    def __init__(self, folder: Path, root: Path) -> None:
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
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
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


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


def folder_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    yield LocalNode(sandbox.root)


def sandbox_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    node = SshNode(SshTarget.parse(sandbox.host), SshOptions(config_file=sandbox.ssh_config))
    yield node
    node.close()


def openssh_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    sshd = find_sshd()
    if sshd is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no OpenSSH sshd here: left out is the Node contract over a real sshd (install openssh-server)")
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    server = OpenSsh(factory.mktemp("openssh"), sandbox.root)
    server.start(sshd)
    node = SshNode(SshTarget.parse("real"), SshOptions(config_file=server.config))
    yield node
    node.close()
    server.stop()


def ssh_program_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program here: left out is the Node contract over it (install openssh-client)")
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    node = OpenSshNode(SshTarget.parse(sandbox.host), SshOptions(config_file=sandbox.ssh_config))
    yield node
    node.close()


KINDS: dict[str, Callable[[pytest.FixtureRequest], Iterator[Node]]] = {
    "folder": folder_node,
    "sandbox": sandbox_node,
    "openssh": openssh_node,
    "ssh program": ssh_program_node,
}


@pytest.fixture(scope="session", params=KINDS)
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """The same node's files, reached in each of the ways."""
    yield from KINDS[request.param](request)


@pytest.fixture
def quoted(tmp_path: Path) -> str:
    """A folder for a script's marks, as a shell word."""
    return shlex.quote(str(tmp_path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's files, in a place with every character that a shell could trip over."""
    root = tmp_path / 'a node\'s $(files) "here"'
    (root / "etc/kubernetes/manifests").mkdir(parents=True, mode=0o700)
    (root / "var/log").mkdir(parents=True)
    shutil.copy(DATA / "kube-apiserver-1.20.2.yaml", root / MANIFEST)
    (root / MANIFEST).chmod(0o600)
    return root


@pytest.fixture
def machine(folder: Path) -> Path:
    """The same folder as a machine that has systemd."""
    (folder / "run/systemd/system").mkdir(parents=True)
    (folder / UNITS).mkdir(parents=True)
    return folder
