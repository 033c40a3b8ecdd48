"""What can go wrong on the way to a node, and what the user is told; over the sandbox's real SSH."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaudit_setup.errors import AuthError, HostKeyError, InputError, LostError, NodeError
from kaudit_setup.node.ssh.openssh_node import OpenSshNode
from kaudit_setup.node.ssh.paramiko_node import SshNode
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.sandbox import Sandbox

Connect = Callable[..., SshNode | OpenSshNode]


@pytest.fixture(scope="module")
def operator() -> Iterator[Sandbox]:
    """A node whose login is not root."""
    with Sandbox.start(user="operator") as running:
        yield running


@pytest.fixture(params=[SshNode, OpenSshNode], ids=["paramiko", "openssh"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    opened: list[SshNode | OpenSshNode] = []

    def to(sandbox: Sandbox, *, target: str = "sandbox", config: Path | None = None, **options: Any) -> Any:
        chosen = SshOptions(config_file=config or sandbox.ssh_config, **options)
        opened.append(request.param(SshTarget.parse(target), chosen))
        return opened[-1]

    yield to
    for node in opened:
        node.close()


@pytest.mark.parametrize(
    ("mode", "given", "fits"),
    [
        ("passwordless", None, True),
        ("passwordless", "not asked for", True),
        ("password", "p4ss $(word)", True),
        ("password", "wrong", False),
        ("password", None, False),
        ("refused", None, False),
        ("refused", "p4ss $(word)", False),
    ],
)
def test_sudo(operator: Sandbox, connect: Connect, mode: str, given: str | None, fits: bool) -> None:
    operator.misbehave(sudo=mode, sudo_password="p4ss $(word)")
    node = connect(operator, become_password=given)
    if fits:
        assert node.sh("id -u; cat", stdin=b"the script's own input").out == b"0\nthe script's own input"
        return
    with pytest.raises(AuthError) as caught:
        node.sh("id -u")
    assert "sudo" in caught.value.message
    assert caught.value.hint
    assert given is None or given not in f"{caught.value.message}{caught.value.hint}{caught.value.details}"


def other_known_hosts(sandbox: Sandbox, folder: Path, lines: str) -> Path:
    known = folder / "known_hosts"
    known.write_text(lines)
    config = folder / "ssh_config"
    config.write_text(sandbox.ssh_config.read_text().replace(str(sandbox.known_hosts), str(known)))
    return config


def test_an_unknown_host_key_is_refused_unless_new_ones_are_accepted(
    sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    config = other_known_hosts(sandbox, tmp_path, "")
    with pytest.raises(HostKeyError) as caught:
        connect(sandbox, config=config).sh("true")
    assert f"ssh-keyscan -p {sandbox.port}" in caught.value.hint
    assert (tmp_path / "known_hosts").read_text() == ""
    assert connect(sandbox, config=config, accept_new_host_key=True).sh("echo in").out == b"in\n"
    assert (tmp_path / "known_hosts").read_text() == sandbox.known_hosts.read_text()
    assert connect(sandbox, config=config).sh("echo known").out == b"known\n"


def test_a_changed_host_key_is_never_accepted(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    key = (sandbox.known_hosts.read_text().split())[2]
    changed = key[:-6] + ("AAAAAA" if not key.endswith("AAAAAA") else "BBBBBB")
    lines = sandbox.known_hosts.read_text().replace(key, changed)
    config = other_known_hosts(sandbox, tmp_path, lines)
    for accept in (False, True):
        with pytest.raises(HostKeyError) as caught:
            connect(sandbox, config=config, accept_new_host_key=accept).sh("true")
        assert "CHANGED" in caught.value.message
        assert "ssh-keygen -f" in caught.value.hint
    assert (tmp_path / "known_hosts").read_text() == lines


def test_a_login_that_is_refused(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(sandbox.ssh_config.read_text().replace("id_ed25519", "host_key"))
    with pytest.raises(AuthError, match="login refused"):
        connect(sandbox, config=config).sh("true")


def test_nobody_listens(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(NodeError, match="cannot connect"):
        connect(sandbox, target="root@sandbox:1").sh("true")


@pytest.mark.parametrize("after", [None, 0, 40, -1])
def test_a_connection_that_breaks_is_a_lost_error_and_is_opened_again(
    sandbox: Sandbox, connect: Connect, after: int | None
) -> None:
    node = connect(sandbox)
    assert node.sh("echo first").out == b"first\n"
    sandbox.misbehave(drop_at_command=1, drop_after_bytes=after)
    with pytest.raises(LostError):
        node.sh("echo 0123456789abcdef0123456789abcdef; echo more")
    assert node.sh("echo second").out == b"second\n"


def test_a_connection_cut_while_the_script_waits(sandbox: Sandbox, connect: Connect) -> None:
    node = connect(sandbox)
    seen: list[bytes] = []

    def sink(chunk: bytes) -> None:
        seen.append(chunk)
        sandbox.cut_connections()

    with pytest.raises(LostError):
        node.sh("echo waiting; sleep 60", sink=sink, timeout=50)
    assert seen == [b"waiting\n"]
    assert node.sh("echo back").out == b"back\n"


def test_by_way_of_another_host(sandbox: Sandbox, operator: Sandbox, connect: Connect, tmp_path: Path) -> None:
    """ProxyJump and ProxyCommand: the operator's node is the bastion."""
    entry = sandbox.ssh_config.read_text().replace("Host sandbox cp1", "Host inner")
    bastion = operator.ssh_config.read_text().replace("Host sandbox cp1", "Host bastion")
    config = tmp_path / "ssh_config"
    config.write_text(f"{entry}  ProxyJump bastion\n{bastion}")
    assert connect(sandbox, target="inner", config=config).sh("id -u").out == b"0\n"
    assert [c for c in operator.commands() if "echo through" in c["command"]] == []
    config.write_text(f'{entry}  ProxyCommand python3 -c "{PIPE}" %h %p\n')
    assert connect(sandbox, target="inner", config=config).sh("echo through").out == b"through\n"


def test_settings_that_another_file_includes(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "part.conf").write_text(sandbox.ssh_config.read_text().replace("Host sandbox cp1", "Host included"))
    config = tmp_path / "ssh_config"
    config.write_text(f"Include {tmp_path}/*.conf\nHost *\n  ServerAliveInterval 30\n")
    assert connect(sandbox, target="included", config=config).sh("echo in").out == b"in\n"


def test_a_host_key_that_is_known_under_another_name(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    _, kind, key = sandbox.known_hosts.read_text().split()[:3]
    config = other_known_hosts(sandbox, tmp_path, f"rack-7 {kind} {key}\n")
    with pytest.raises(HostKeyError):
        connect(sandbox, config=config).sh("true")
    config.write_text(config.read_text() + "  HostKeyAlias rack-7\n")
    assert connect(sandbox, config=config).sh("echo in").out == b"in\n"


@pytest.mark.parametrize(
    "line",
    ["[127.0.0.1]:1 ssh-rsa not/base64!", "old 1024 35 1234567890", "@cert-authority *.example.com ssh-rsa AAAA"],
)
def test_a_line_of_known_hosts_that_cannot_be_read_is_skipped(
    sandbox: Sandbox, connect: Connect, tmp_path: Path, line: str
) -> None:
    config = other_known_hosts(sandbox, tmp_path, f"{line}\n{sandbox.known_hosts.read_text()}")
    assert connect(sandbox, config=config).sh("echo in").out == b"in\n"


def test_a_revoked_host_key_is_refused(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    known = sandbox.known_hosts.read_text()
    config = other_known_hosts(sandbox, tmp_path, f"{known}@revoked * {' '.join(known.split()[1:3])}\n")
    for accept in (False, True):
        with pytest.raises(HostKeyError, match="revoked"):
            connect(sandbox, config=config, accept_new_host_key=accept).sh("true")


# OpenSSH itself appends without looking
@pytest.mark.parametrize("connect", [SshNode], indirect=True, ids=["paramiko"])
def test_a_new_key_is_not_glued_to_a_last_line_without_an_end(
    sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    config = other_known_hosts(sandbox, tmp_path, "# a comment without an end")
    assert connect(sandbox, config=config, accept_new_host_key=True).sh("echo in").out == b"in\n"
    assert (tmp_path / "known_hosts").read_text().splitlines()[1:] == sandbox.known_hosts.read_text().splitlines()
    assert connect(sandbox, config=config).sh("echo known").out == b"known\n"


@pytest.mark.parametrize("command", ["/no/such/program %h", "echo oops >&2; exit 3", "sh -c 'unbalanced"])
def test_a_proxy_command_that_fails_is_an_error_of_the_node(
    sandbox: Sandbox, connect: Connect, tmp_path: Path, command: str
) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"{sandbox.ssh_config.read_text()}  ProxyCommand {command}\n")
    # ssh refuses unbalanced quotes when it reads the file
    with pytest.raises(InputError if "'" in command else NodeError) as caught:
        connect(sandbox, config=config).sh("true")
    assert "sandbox" in caught.value.message


def test_the_agents_key_serves_where_only_its_public_half_is_a_file(
    sandbox: Sandbox, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sandbox.ssh_config.with_name("id_ed25519")
    (tmp_path / "id.pub").write_bytes(
        subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, check=True).stdout
    )
    config = tmp_path / "ssh_config"
    config.write_text(sandbox.ssh_config.read_text().replace(str(key), str(tmp_path / "id.pub")))
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        with pytest.raises(AuthError):
            connect(sandbox, config=config).sh("true")
        subprocess.run(["ssh-add", "-q", key], check=True)
        assert connect(sandbox, config=config).sh("echo in").out == b"in\n"
    finally:
        agent.terminate()
        agent.wait()


# netcat, which no machine can be relied upon to have
PIPE = (
    "import os,socket,sys,threading; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); "
    "pump = lambda r, w: [w(b) for b in iter(lambda: r(65536), b'')]; "
    "threading.Thread(target=pump, args=(lambda n: os.read(0, n), s.sendall), daemon=True).start(); "
    "pump(s.recv, lambda b: os.write(1, b))"
)
