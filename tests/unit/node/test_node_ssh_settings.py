"""ssh_config as ssh itself reads it, and what the user or an inventory says before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.node.ssh.proxy import expand
from kaudit_setup.node.ssh.settings import SshSettings, read_settings, settings_of, words_of
from kaudit_setup.node.ssh.target import SshTarget

PRINTED = """user ann
hostname 10.0.0.1
port 2222
identitiesonly yes
identityfile /keys/one
identityfile /keys/two
userknownhostsfile /k/own /k/more
globalknownhostsfile none
proxyjump bastion
controlpath none
"""


def settings(text: str = "", target: SshTarget | None = None) -> SshSettings:
    return settings_of(target or SshTarget("cp1"), words_of(PRINTED + text))


def test_what_ssh_prints() -> None:
    found = settings()
    assert (found.hostname, found.user, found.port, found.identities_only) == ("10.0.0.1", "ann", 2222, True)
    assert found.identity_files == ("/keys/one", "/keys/two")
    assert found.user_known_hosts == (Path("/k/own"), Path("/k/more"))
    assert found.global_known_hosts == ()
    assert (found.proxy_jump, found.proxy_command, found.control_path) == ("bastion", "", "")
    assert found.known_as == "[10.0.0.1]:2222"
    assert settings("hostkeyalias rack-7\n").known_as == "rack-7"


def test_what_the_user_says_comes_first() -> None:
    target = SshTarget("cp1", "bob", 22, identity_file="/keys/three", proxy_command="nc %h", known_hosts_file="/k/x")
    found = settings(target=target)
    assert (found.user, found.port, found.known_as) == ("bob", 22, "10.0.0.1")
    assert found.identity_files[0] == "/keys/three"
    assert (found.proxy_jump, found.proxy_command) == ("", "nc %h")
    assert found.user_known_hosts == (Path("/k/x"),)


def test_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv("OTHER", "/run/other")
    assert settings().identity_agent == "/run/agent"
    assert settings("identityagent none\n").identity_agent == ""
    assert settings("identityagent $OTHER\n").identity_agent == "/run/other"
    assert settings("identityagent /run/third\n").identity_agent == "/run/third"


CONFIG = """Host alias
  HostName 10.1.1.1
  Port 2200
  User root
  IdentityFile ~/.ssh/one
  ProxyCommand nc %h %p
"""


@pytest.mark.parametrize("ssh_is_here", [True, False])
def test_with_and_without_the_ssh_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ssh_is_here: bool) -> None:
    file = tmp_path / "config"
    file.write_text(CONFIG)
    if not ssh_is_here:
        monkeypatch.setenv("PATH", str(tmp_path))
    found = read_settings(SshTarget("alias"), file)
    assert (found.hostname, found.port, found.user) == ("10.1.1.1", 2200, "root")
    assert expand(found.proxy_command, "alias", found) == "nc 10.1.1.1 2200"
    assert found.identity_files == (str(Path("~/.ssh/one").expanduser()),)
    assert read_settings(SshTarget("other"), file).hostname == "other"


@pytest.mark.parametrize("line", ["Include part.conf", "Match final host cp1", "CanonicalizeHostname yes"])
def test_without_the_ssh_program_what_only_it_reads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    file = tmp_path / "config"
    file.write_text(f"# one\n{line}\n{CONFIG}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="line 2") as caught:
        read_settings(SshTarget("alias"), file)
    assert "openssh-client" in caught.value.hint


@pytest.mark.parametrize("text", ["Nonsense yes\n", "Host alias\n  Port many\n"])
def test_a_file_that_ssh_refuses_is_wrong_input(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(InputError, match="alias"):
        read_settings(SshTarget("alias"), file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_settings(SshTarget("alias"), tmp_path / "none")


def test_tokens_of_a_proxy_command() -> None:
    assert expand("nc -l %r %h %p %n %% %x", "alias", settings()) == "nc -l ann 10.0.0.1 2222 alias % %x"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("root@cp1", SshTarget("cp1", "root")),
        ("ssh://root@cp1:2222", SshTarget("cp1", "root", 2222)),
        ("ssh://cp1/", SshTarget("cp1")),
        ("[2001:db8::1]:22", SshTarget("2001:db8::1", None, 22)),
        ("2001:db8::1", SshTarget("2001:db8::1")),
    ],
)
def test_targets(text: str, target: SshTarget) -> None:
    assert SshTarget.parse(text) == target


@pytest.mark.parametrize("text", ["", "-oProxyCommand=x", "@cp1", "cp1:0", "cp1:99999", "cp1:\u0661", "a b", "[::1"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(InputError):
        SshTarget.parse(text)
