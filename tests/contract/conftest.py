"""The nodes over which one contract is kept: a folder, the sandbox, a real OpenSSH sshd on loopback."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from changekit import DATA, MANIFEST, UNITS
from sshkit import OpenSsh, find_sshd

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.port import Node
from kaudit_setup.node.ssh.openssh_node import OpenSshNode
from kaudit_setup.node.ssh.paramiko_node import SshNode
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.sandbox import Sandbox


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
