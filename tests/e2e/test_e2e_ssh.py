"""Getting in: sudo with and without a password, host keys, and nothing secret where others can read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from baseline import Original
from conftest import Cli, sound
from reallab import POLICY, RealNode

PASSWORD = "correct horse 'battery' $(staple)"

pytestmark = pytest.mark.usefixtures("breakable")


@pytest.fixture(scope="module")
def people(node: RealNode, breakable: object) -> None:
    """ann may do everything, bob must say his password, carl may nothing."""
    node.lab.klab("fault", "user", node.name, "ann", "nopasswd")
    node.lab.klab("fault", "user", node.name, "bob", "passwd", PASSWORD)
    node.lab.klab("fault", "user", node.name, "carl", "none", PASSWORD)


@pytest.mark.usefixtures("people")
def test_sudo_without_a_password(pristine: RealNode, cli: Cli, original: Original) -> None:
    result = cli.ok("enable", "--policy", "metadata", "--host", f"ann@{pristine.name}", "--yes")
    assert "proof" in result.out, result
    # everything belongs to root, whoever came in
    assert pristine.sh(f"stat -c '%U %a' {POLICY}").strip() == "root 600"
    cli.ok("disable", "--host", f"ann@{pristine.name}", "--yes")
    sound(pristine, original)


@pytest.mark.usefixtures("people")
def test_sudo_with_a_password(pristine: RealNode, cli: Cli, original: Original) -> None:
    refused = cli.run("status", "--host", f"bob@{pristine.name}")
    assert refused.code == 1, refused
    assert "--ask-become-pass" in refused.err, refused

    # while it works, nobody on the node sees the password in a process list or an environment
    spy = pristine.sh("mktemp /tmp/e2e-spy-XXXXXX").strip()
    pristine.sh(
        'while [ ! -e "$1.stop" ]; do grep -lsaE "batter[y]" /proc/[0-9]*/cmdline /proc/[0-9]*/environ; sleep 0.02; '
        'done >"$1" 2>/dev/null </dev/null & disown',
        spy,
    )
    terminal = cli.terminal(
        "enable", "--policy", "metadata", "--host", f"bob@{pristine.name}", "--yes", "--ask-become-pass"
    )
    terminal.until("password")
    terminal.say(PASSWORD)
    code = terminal.end()
    pristine.sh('touch "$1.stop"', spy)
    assert code == 0, terminal.said
    assert PASSWORD not in terminal.said
    assert pristine.server().audited
    assert pristine.sh('cat "$1"; rm "$1" "$1.stop"', spy) == "", "the password was seen in a process list"
    assert pristine.run("grep -rlaF -- battery /var/lib/kaudit-setup /var/log/kubernetes /tmp").stdout == b""
    sound(pristine, original, pristine.manifest)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("user", "password"), [("bob", "wrong"), ("carl", PASSWORD)])
def test_sudo_refuses(pristine: RealNode, cli: Cli, original: Original, user: str, password: str) -> None:
    before = pristine.snapshot()
    terminal = cli.terminal(
        "enable", "--policy", "metadata", "--host", f"{user}@{pristine.name}", "--yes", "--ask-become-pass"
    )
    terminal.until("password")
    terminal.say(password)
    assert terminal.end() == 1, terminal.said
    assert "sudo" in terminal.said
    assert PASSWORD not in terminal.said
    assert pristine.snapshot() == before


@pytest.fixture
def other_key(node: RealNode, breakable: object) -> Iterator[None]:
    """The node shows a host key that nobody has seen."""
    node.fault("hostkey", "new")
    yield
    node.fault("hostkey", "old")


@pytest.fixture
def strange(node: RealNode, tmp_path: Path) -> tuple[Path, Path]:
    """An ssh_config whose known_hosts file does not know the node; both paths."""
    store = tmp_path / "known_hosts"
    config = tmp_path / "ssh_config"
    lines = node.lab.ssh_config.read_text().splitlines()
    config.write_text(
        "\n".join(f"  UserKnownHostsFile {store}" if "UserKnownHostsFile" in line else line for line in lines) + "\n"
    )
    return config, store


@pytest.mark.parametrize("more", [(), ("--accept-new-host-key",)])
def test_a_changed_host_key_is_always_refused(
    node: RealNode, cli: Cli, other_key: None, more: tuple[str, ...]
) -> None:
    known = node.lab.ssh_config.with_name("known_hosts").read_text()
    result = cli.run("status", "--host", node.name, *more)
    assert result.code == 1, result
    assert "CHANGED" in result.err, result
    assert "ssh-keygen -f" in result.err, result
    assert node.lab.ssh_config.with_name("known_hosts").read_text() == known


def test_an_unknown_host_key_is_refused_until_it_is_accepted(
    node: RealNode, cli: Cli, strange: tuple[Path, Path]
) -> None:
    config, store = strange
    result = cli.run("status", "--host", node.name, "--ssh-config", str(config))
    assert result.code == 1, result
    assert "ssh-keyscan" in result.err, result
    assert not store.exists()
    accepted = cli.run(
        "status", "--host", node.name, "--ssh-config", str(config), "--accept-new-host-key", "-o", "json"
    )
    assert accepted.out.startswith(("{", "[")), accepted
    assert store.stat().st_mode & 0o777 == 0o600
    # known from now on
    again = cli.run("status", "--host", node.name, "--ssh-config", str(config), "-o", "json")
    assert again.out.startswith(("{", "[")), again


def test_nobody_listens(node: RealNode, cli: Cli, breakable: object) -> None:
    node.fault("ssh", "stop")
    try:
        result = cli.run("status", "--host", node.name)
    finally:
        node.fault("ssh", "start")
    assert result.code == 1, result
    assert node.name in result.err or "22" in result.err, result
