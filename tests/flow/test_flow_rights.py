"""The rights that kubeadm gives the node's certificates: those of 1.36 (the default sandbox) and older ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from documentkit import only
from flowkit import Cli, until

from kaudit_setup.sandbox import Sandbox

ENABLE = ("enable", "--policy", "metadata", "--yes")


@pytest.fixture(params=["1.20.2", "1.36.2"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox.start(version=request.param) as running:
        yield running


def files_in_memory() -> set[Path]:
    return set(Path("/dev/shm").glob("kaudit-keys.*"))


def test_settings_are_stored_with_the_rights_of_either(box: Sandbox, tmp_path: Path) -> None:
    cli, before = Cli(box, tmp_path), files_in_memory()
    done = cli(*ENABLE)
    assert done.code == 0, done
    assert "kubeadm-config: stored" in done.out
    assert "survives kubeadm upgrade: yes" in cli("status").out
    # other tests have theirs meanwhile: what is there now must not stay
    left = files_in_memory() - before
    until(lambda: not any(path.exists() for path in left), "the end of the keys in memory")


def test_root_s_curlrc_and_proxies_change_nothing(box: Sandbox, tmp_path: Path) -> None:
    (box.root / "root/.curlrc").write_text("include\nhead\noutput = /dev/null\n")
    done = Cli(box, tmp_path)(*ENABLE)
    assert done.code == 0, done
    assert "kubeadm-config: stored" in done.out


def test_super_admin_conf_is_enough(box: Sandbox, tmp_path: Path) -> None:
    etc = box.root / "etc/kubernetes"
    if not (etc / "super-admin.conf").exists():
        (etc / "admin.conf").rename(etc / "super-admin.conf")
    else:
        (etc / "admin.conf").unlink()
    done = Cli(box, tmp_path)(*ENABLE)
    assert done.code == 0, done
    assert "kubeadm-config: stored" in done.out


def test_what_may_not_be_asked_is_said_and_needs_a_yes_of_its_own(tmp_path: Path) -> None:
    with Sandbox.start() as box:
        cli = Cli(box, tmp_path)
        for conf in box.root.glob("etc/kubernetes/*admin.conf"):
            conf.unlink()
        refused = cli(*ENABLE)
        assert refused.code == 1, refused
        assert "(peers-unknown); nothing was changed" in refused.err
        assert "403" in refused.err
        dry = cli("enable", "--policy", "metadata", "--dry-run")
        assert "not stored, because the node may not read ConfigMap kube-system/kubeadm-config" in dry.out
        done = cli(*ENABLE, "--force", "peers-unknown")
        assert done.code == 0, done
        assert "kubeadm-config: not stored, because the node may not read" in done.out
        status = cli("status")
        assert "survives kubeadm upgrade: not known, because the node may not read" in status.out
        data = only(cli("status", "-o", "json").out)
        assert data["survivesUpgrade"] is None
        assert "403" in data["survivesUpgradeWhy"]
