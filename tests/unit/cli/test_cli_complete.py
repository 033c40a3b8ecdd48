"""What Tab offers, in the protocol of the shells, and what is written to --log-file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from logkit import event, write

from kaudit_setup.auditlog.fields import DIMENSIONS
from kaudit_setup.cli import complete, main
from kaudit_setup.policy import presets

HOSTS = "Host cp1 cp2 *.example.com !bad\n  User root\nHOST=db1\nMatch all\nHost # nothing\n"


def offered(home: Path, line: str, shell: str = "bash") -> set[str]:
    """What the program offers behind a command line."""
    words = line.split(" ")
    asked = (
        {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        if shell == "bash"
        else {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    )
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from kaudit_setup.cli import main; sys.exit(main())"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "_KAUDIT_SETUP_COMPLETE": f"complete_{shell}", **asked},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(HOSTS)
    (tmp_path / "var/lib/kaudit-setup/backups/20261123T201219Z-992337").mkdir(parents=True)
    (tmp_path / "mine.yaml").write_text("")
    (tmp_path / "nodes.ini").write_text("[kube_control_plane]\ncp1.example.com\nhere ansible_host=10.0.0.1\n")
    (tmp_path / "broken.yaml").write_text("clusters: [")
    other = {"resource": "pods", "namespace": "else", "name": "other", "apiVersion": "v1"}
    write(
        tmp_path / "audit.log",
        event(user={"username": "alice"}),
        event(2, user={"username": "system:node:cp1"}),
        event(3, objectRef=other, user={"username": "alice"}),
    )
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kaudit-setup status --host c", {"cp1", "cp2"}),
        ("kaudit-setup status --host root@d", {"root@db1"}),
        ("kaudit-setup enable --policy for", {"forensics"}),
        ("kaudit-setup enable --policy m", {"metadata", "mine.yaml"}),
        ("kaudit-setup top --by user,ver", {"user,verb"}),
        (
            "kaudit-setup render kub",
            {"kubeadm", "kubeadm-v1beta2", "kubeadm-v1beta3", "kubeadm-v1beta4", "kubeadm-patches", "kubespray"},
        ),
        ("kaudit-setup schema NodeS", {"NodeStatus"}),
        ("kaudit-setup rollback --root . --to 2", {"20261123T201219Z-992337"}),
        ("kaudit-setup events --log audit.log --user al", {"alice"}),
        ("kaudit-setup events --log audit.log --namespace n", {"ns"}),
        ("kaudit-setup events --log /nonexistent --user a", set()),
        ("kaudit-setup who --log audit.log created po", {"pods/p", "pods/other"}),
        ("kaudit-setup who --log audit.log -n ns created po", {"pods/p"}),
        ("kaudit-setup status -i nodes.ini --host cp1", {"cp1", "cp1.example.com"}),
        ("kaudit-setup status -i broken.yaml --host c", {"cp1", "cp2"}),
        ("kaudit-setup sta", {"status", "stats"}),
    ],
)
def test_values_are_offered(home: Path, line: str, expected: set[str]) -> None:
    assert offered(home, line) == expected


def test_other_shells_are_offered_the_same(home: Path) -> None:
    assert "forensics" in " ".join(offered(home, "kaudit-setup enable --policy for", "fish"))
    assert "forensics" in " ".join(offered(home, "kaudit-setup enable --policy for", "zsh"))


def test_what_is_offered_is_what_there_is() -> None:
    assert set(complete.DIMENSIONS) == {*DIMENSIONS, "node"}
    assert set(presets.names()) <= set(complete.policies(""))


def test_notes_and_errors_are_kept_in_the_log_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, kept = write(tmp_path / "audit.log", event()), tmp_path / "kept.log"
    assert main(["events", "--log", str(log), "--user", "nobody", "-q", "--log-file", str(kept)]) == 0
    assert main(["events", "--log", str(tmp_path / "nothing"), "--log-file", str(kept)]) == 2
    assert capsys.readouterr().err.startswith("error: "), "quiet says no notes"
    text = kept.read_text()
    assert "Z note: no matching events" in text
    assert "Z error: there is no log at" in text
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert main(["events", "--log", str(log), "--user", "x", "--log-file", str(tmp_path / "a/b/c")]) == 2
    assert "cannot be written" in capsys.readouterr().err
