"""Defaults from the environment and from files, and what a file of the current folder may not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentkit import document
from logkit import event, write

from kaudit_setup.cli import main
from kaudit_setup.cli.config.sources import ALLOWED_HERE


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/kaudit-setup").mkdir(parents=True)
    return write(tmp_path / "audit.log", *[event(n, user={"username": f"user{n}"}) for n in range(5)])


def own(tmp_path: Path, text: str) -> None:
    (tmp_path / "config/kaudit-setup/config.toml").write_text(text)


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(argv))
    said = capsys.readouterr()
    return code, said.out, said.err


def rows(capsys: pytest.CaptureFixture[str], log: Path, *argv: str) -> int:
    code, out, err = shown(capsys, "top", "--by", "user", "--log", str(log), *argv)
    assert code == 0, err
    return len(document(out)["items"][0]["rows"])


def test_the_strongest_source_counts(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, 'output = "json"\nlimit = 4\n[profiles.small]\nlimit = 3\n')
    assert rows(capsys, log) == 4
    assert rows(capsys, log, "--profile", "small") == 3
    Path("kaudit-setup.toml").write_text("limit = 2\n")
    assert rows(capsys, log) == 2
    monkeypatch.setenv("KAUDIT_LIMIT", "1")
    assert rows(capsys, log) == 1
    assert rows(capsys, log, "--limit", "5") == 5


def test_options_that_are_given_several_times(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, 'output = "json"\nuser = ["user1", "user2"]\n')
    assert rows(capsys, log) == 2
    monkeypatch.setenv("KAUDIT_USER", "user1,user2,user3")
    assert rows(capsys, log) == 3


def test_options_of_every_command(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAUDIT_QUIET", "1")
    assert shown(capsys, "events", "--log", str(log), "--user", "nobody")[2] == ""
    assert "note:" in shown(capsys, "events", "--log", str(log), "--user", "nobody", "-v")[2]
    monkeypatch.setenv("KAUDIT_NO_HEADERS", "yes")
    assert "TIME" not in shown(capsys, "events", "--log", str(log))[1]


@pytest.mark.parametrize(
    "harm",
    [
        "yes = true",
        "accept-new-host-key = true",
        "ask-become-pass = true",
        'ssh-config = "evil"',
        'inventory = "evil"',
        'transport = "openssh"',
        'force = ["disk-full"]',
        'log-file = "/etc/x"',
        'policy = "panic-only"',
        "[profiles.p]\nyes = true",
    ],
)
def test_a_file_of_this_folder_can_do_no_harm(log: Path, capsys: pytest.CaptureFixture[str], harm: str) -> None:
    Path("kaudit-setup.toml").write_text(f"{harm}\n")
    argv = ["--profile", "p"] if "profiles" in harm else []
    name = harm.partition("\n")[2].partition(" ")[0] or harm.partition(" ")[0]
    _, out, err = shown(capsys, "config", "show", "-o", "json", *argv)
    assert {item["state"] for item in document(out)["items"]} == {"refused"}
    assert f"{name} is not taken from a file of the current folder" in err


def test_nothing_dangerous_is_allowed_there() -> None:
    assert not ALLOWED_HERE & {
        "yes",
        "accept-new-host-key",
        "ask-become-pass",
        "ssh-config",
        "transport",
        "force",
        "set",
    }


def test_the_nodes_that_a_file_of_this_folder_chooses_are_said(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kaudit-setup.toml").write_text('host = ["root@cp1"]\n')
    assert "note: kaudit-setup.toml sets --host root@cp1" in shown(capsys, "config", "show")[2]


@pytest.mark.parametrize("text", ["host = [", "host = {a = 1}", "profile = 'nope'", "\udcff"])
def test_what_cannot_be_read_is_an_error_that_names_it(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "config/kaudit-setup/config.toml").write_bytes(text.encode(errors="surrogateescape"))
    code, _, err = shown(capsys, "policy", "list")
    assert code == 2
    assert "config.toml" in err


def test_show_says_where_each_value_comes_from(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, "utc = true\nlimit = 3\nlimmit = 4\n")
    monkeypatch.setenv("KAUDIT_LIMIT", "1")
    found = document(shown(capsys, "config", "show", "-o", "json")[1])["items"]
    states = {(item["option"], item["value"]): item["state"] for item in found}
    assert states == {
        ("limit", "1"): "used",
        ("utc", "true"): "used",
        ("limit", "3"): "hidden",
        ("limmit", "4"): "unknown",
    }
