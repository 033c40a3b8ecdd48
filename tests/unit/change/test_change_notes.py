"""What the review says about the log's place and about flags that go."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.cli import main

PLAIN = (Path(__file__).resolve().parents[2] / "data/samples/kube-apiserver-1.36.2.yaml").read_text()
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"


def server(*flags: str, mount: str = "", host: str = "", kind: str = "") -> str:
    text = PLAIN.replace("    - --allow-privileged=true\n", "".join(f"    - {flag}\n" for flag in flags))
    if mount:
        text = text.replace("    volumeMounts:\n", f"    volumeMounts:\n    - mountPath: {mount}\n      name: logs\n")
        volume = f"  - hostPath: {{path: {host}, type: {kind}}}\n    name: logs\n"
        text = text.replace("  volumes:\n", f"  volumes:\n{volume}")
    return text


def review(root: Path, text: str, capsys: pytest.CaptureFixture[str], *args: str) -> str:
    (root / MANIFEST).parent.mkdir(parents=True)
    (root / "var/log").mkdir(parents=True)
    (root / MANIFEST).write_text(text)
    assert main(["enable", "--policy", "metadata", "--root", str(root), "--dry-run", *args]) == 3
    return capsys.readouterr().out


LOG = "--audit-log-path=/var/log/audit.log"


def test_a_log_that_moves_on_the_node_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = server(LOG, mount="/var/log/audit.log", host="/srv/logs/api.log", kind="FileOrCreate")
    said = review(tmp_path, text, capsys)
    assert "the log moves on the node from /srv/logs/api.log to /srv/logs/audit.log" in said
    assert "the folder /srv/logs of the node, writable" in said
    assert "rotation" in said


def test_a_folder_instead_of_a_file_of_the_same_name_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = server(LOG, mount="/var/log/audit.log", host="/var/log/audit.log", kind="File")
    said = review(tmp_path, text, capsys)
    assert "the log moves" not in said
    assert "the folder /var/log of the node, writable" in said


def test_a_log_that_is_named_anew_moves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = server("--audit-log-path=/logs/a.log", mount="/logs", host="/srv/logs", kind="Directory")
    said = review(tmp_path, text, capsys, "--log-path", "/var/log/kubernetes/audit/audit.log")
    assert "from /srv/logs/a.log to /var/log/kubernetes/audit/audit.log" in said


def test_a_log_that_was_in_the_container_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = review(tmp_path, server("--audit-log-path=/logs/audit/a.log"), capsys)
    assert "the log was not on the node but in the container; it is /logs/audit/a.log" in said


def test_a_log_that_stays_is_not_worth_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = server("--audit-log-path=/logs/a.log", mount="/logs", host="/srv/logs", kind="Directory")
    assert "the log" not in review(tmp_path, text, capsys)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--audit-log-max-age=90",), "--audit-log-max-age=90 is taken away"),
        (("--audit-log-max-age=90",), "is --audit-log-maxage meant?"),
        (("--audit-log-max-age", "'90'"), "--audit-log-max-age=90 is taken away"),
        (("--audit-dynamic-configuration=true",), "--audit-dynamic-configuration=true is taken away"),
        (("--audit-verbose", "--allow-privileged=true"), "--audit-verbose=true is taken away"),
    ],
)
def test_flags_that_there_are_not_are_taken_away_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    seen = review(tmp_path, server(*flags), capsys)
    assert said in seen
    assert f"\n-    - {flags[0]}\n" in seen
    assert "\n-    - --allow-privileged" not in seen


@pytest.mark.parametrize("given", [(), ("--set", "audit-log-max-age=")])
def test_a_typing_error_is_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...]
) -> None:
    assert "--audit-log-maxage=30" in review(tmp_path, server("--audit-log-max-age=90"), capsys, *given)


def test_a_typing_error_of_the_user_is_still_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / MANIFEST).parent.mkdir(parents=True)
    (tmp_path / MANIFEST).write_text(PLAIN)
    argv = ["enable", "--policy", "metadata", "--root", str(tmp_path), "--set", "audit-log-max-age=9", "--dry-run"]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "is --audit-log-maxage meant?" in said
    assert len(said) < 500
