"""A person at a terminal who says no, presses Ctrl-C or Ctrl-D, and what is asked where nobody sits."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest
from folderkit import node_folder

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return node_folder(tmp_path / "node")


def files(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def typed(keys: bytes, *argv: str) -> tuple[int, str]:
    """Run it on a terminal of its own, and type `keys` at its question: exit status, and what stood on the screen."""
    pid, ours = pty.fork()
    if pid == 0:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
        os.execve(sys.executable, [sys.executable, "-m", "kaudit_setup", *argv], environment)
    seen, sent, deadline = b"", False, time.monotonic() + 60
    while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
        if not sent and b"[y/N]" in seen:
            os.write(ours, keys)
            sent = True
    os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(errors="replace")


@pytest.mark.parametrize(
    ("keys", "code", "said"),
    [
        (b"n\n", Exit.FAILED, "error: not applied; nothing was changed"),
        (b"\n", Exit.FAILED, "error: not applied; nothing was changed"),
        (b"\x04", Exit.FAILED, "error: not applied; nothing was changed"),
        (b"\x03", Exit.INTERRUPTED, "error: interrupted; nothing was changed"),
    ],
    ids=["no", "Enter", "Ctrl-D", "Ctrl-C"],
)
def test_who_does_not_say_yes_leaves_nothing(root: Path, keys: bytes, code: Exit, said: str) -> None:
    before = files(root)
    done, screen = typed(keys, "enable", "--policy", "metadata", "--root", str(root))
    assert (done, said in screen) == (code, True), screen
    assert "Traceback" not in screen
    assert files(root) == before


def test_a_yes_is_one(root: Path) -> None:
    done, screen = typed(b"y\n", "enable", "--policy", "metadata", "--root", str(root))
    assert done == Exit.OK, screen
    assert "undo with `kaudit-setup rollback --to" in " ".join(screen.split())
    assert f" --root {root}`)" in screen.replace("\r\n", "").replace("\n", "")


def test_a_canary_without_a_terminal_is_refused_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(root)
    argv = ["enable", "--policy", "metadata", "--root", str(root), "--canary", "--yes"]
    assert main(argv) == Exit.USAGE
    said = capsys.readouterr().err
    assert "error: --canary asks after the first node, and this is not a terminal; nothing was changed" in said
    assert "looking" not in said
    assert files(root) == before
    assert main([*argv, "--dry-run"]) == Exit.WOULD_CHANGE


@pytest.mark.parametrize("yes", [True, False])
def test_a_file_that_shadows_a_preset_is_named(
    root: Path, yes: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    Path("metadata").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Request\n")
    argv = ["enable", "--policy", "metadata", "--root", str(root), "--force", "policy-lint"]
    main([*argv, "--yes" if yes else "--dry-run"])
    said = capsys.readouterr()
    assert "metadata is the file metadata in this folder, not the preset" in (said.err if yes else said.out)
    policy = root / "etc/kubernetes/audit-policy.yaml"
    assert policy.exists() == yes
