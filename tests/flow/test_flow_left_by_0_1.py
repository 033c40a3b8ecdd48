"""A node that 0.1 set up, in the hands of this version: proved, restored, cleared (tests/data/compat/0.1)."""

from __future__ import annotations

import shutil
from pathlib import Path

from documents import only
from flowkit import BACKUPS, POLICY, Cli

from kaudit_setup.sandbox import Sandbox

DATA = Path(__file__).resolve().parents[1] / "data/compat/0.1"


def leave(node: Sandbox, which: str) -> None:
    """What 0.1 left there. The manifest last, as its change would have written it."""
    manifest = DATA / which / "etc/kubernetes/manifests/kube-apiserver.yaml"
    shutil.copytree(
        DATA / which, node.root, dirs_exist_ok=True, ignore=lambda _folder, names: {manifest.name} & {*names}
    )
    for path in (node.root / "var/lib/kaudit-setup").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    starts = node.starts()
    copy = node.root / "etc/kubernetes/.manifest"
    shutil.copy(manifest, copy)
    copy.chmod(0o600)
    copy.replace(node.manifest)
    node.wait(lambda: node.starts() > starts, "a server with the manifest of 0.1")


def test_what_it_enabled_is_on_proved_and_restored(sandbox: Sandbox, cli: Cli) -> None:
    leave(sandbox, "enabled")
    done = cli("verify")
    assert done.code == 0, done
    found = only(cli("status", "-o", "json").out)
    assert (found["state"], found["byHand"], found["backups"]) == ("on", False, 4)
    first = min(path.name for path in (sandbox.root / BACKUPS).iterdir())
    # a refusal changes nothing; on a busy machine the simulated server does not answer every question at once
    sandbox.wait(lambda: cli("rollback", "--to", first, "--yes").code == 0, "a rollback that is not refused")
    assert sandbox.manifest.read_bytes() == (sandbox.root / BACKUPS / first / "files/1").read_bytes()
    assert not (sandbox.root / POLICY).exists()


def test_recover_ends_the_run_that_it_left(sandbox: Sandbox, cli: Cli) -> None:
    leave(sandbox, "unfinished")
    done = cli("recover", "--yes")
    assert done.code == 0, done
    assert "the old state is back and the API server answers" in done.out
    old = DATA / "disabled/etc/kubernetes/manifests/kube-apiserver.yaml"
    assert sandbox.manifest.read_bytes() == old.read_bytes()
    assert not list((sandbox.root / "etc/kubernetes").glob(".kaudit*"))
    done = cli("enable", "--policy", "metadata", "--yes")
    assert done.code == 0, done
