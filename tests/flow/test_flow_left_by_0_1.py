"""A node that 0.1 set up, in the hands of this version: proved, restored, cleared (tests/data/compat/0.1)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from documentkit import only
from flowkit import BACKUPS, POLICY, Cli

from kaudit_setup.sandbox import Sandbox

DATA = Path(__file__).resolve().parents[1] / "data/compat/0.1"
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"
RECORDED_PORT = b"--secure-port=27474"


def sums(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: hashlib.sha256(content).hexdigest().encode() for name, content in files.items()}


def recorded(which: str, port: int) -> dict[str, bytes]:
    """The files of 0.1 by their paths, for a node whose API server listens on `port`, and with the sums that go with
    that: two nodes with the port of the recording would answer for each other.
    """
    folder = DATA / which
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    was = sums(files)
    files = {name: content.replace(RECORDED_PORT, b"--secure-port=%d" % port) for name, content in files.items()}
    while (now := sums(files)) != was:
        for name, content in files.items():
            for file in was:
                content = content.replace(was[file], now[file])
            files[name] = content
        was = now
    return files


def leave(node: Sandbox, which: str) -> None:
    """What 0.1 left there. The manifest last, as its change would have written it."""
    files = recorded(which, node.api_port)
    manifest = files.pop(MANIFEST)
    for name, content in files.items():
        path = node.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in (node.root / "var/lib/kaudit-setup").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    starts = node.starts()
    copy = node.root / "etc/kubernetes/.manifest"
    copy.write_bytes(manifest)
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
    done = cli("rollback", "--to", first, "--yes")
    assert done.code == 0, done
    assert sandbox.manifest.read_bytes() == (sandbox.root / BACKUPS / first / "files/1").read_bytes()
    assert not (sandbox.root / POLICY).exists()


def test_recover_ends_the_run_that_it_left(sandbox: Sandbox, cli: Cli) -> None:
    leave(sandbox, "unfinished")
    done = cli("recover", "--yes")
    assert done.code == 0, done
    assert "the old state is back and the API server answers" in done.out
    assert sandbox.manifest.read_bytes() == recorded("disabled", sandbox.api_port)[MANIFEST]
    assert not list((sandbox.root / "etc/kubernetes").glob(".kaudit*"))
    done = cli("enable", "--policy", "metadata", "--yes")
    assert done.code == 0, done
