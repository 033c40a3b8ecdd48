"""Whatever 0.1 left on a node, in a folder or in a repository is read by this version (tests/data/compat/0.1)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from changekit import STATE, tree
from documentkit import document, items, only

from kaudit_setup.auditlog.sources.collecting.collect import collect
from kaudit_setup.change.backup import backups_of
from kaudit_setup.change.leftovers.recover import look, recover
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.cli import main
from kaudit_setup.fleet.inventory import read
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe

DATA = Path(__file__).resolve().parents[2] / "data/compat/0.1"
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"
POLICY = "etc/kubernetes/audit-policy.yaml"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def left(tmp_path: Path) -> Callable[[str], Path]:
    def copy(which: str) -> Path:
        """The node's files, with the rights that git does not keep."""
        root = Path(shutil.copytree(DATA / which, tmp_path / which))
        for path in root.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        (root / "var/log/kubernetes").mkdir(parents=True)
        (root / "var/log/kubernetes/audit").mkdir(mode=0o700)
        return root

    return copy


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*argv: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        said = capsys.readouterr()
        return code, said.out or said.err

    return ran


def names(root: Path) -> list[str]:
    return sorted(backup.name for backup in (root / STATE / "backups").iterdir())


def described(root: Path) -> list[dict[str, object]]:
    """What its backups say of themselves."""
    return [json.loads((root / STATE / "backups" / name / "backup.json").read_text()) for name in names(root)]


def is_alike(root: Path, which: str) -> None:
    """Its manifest and policy are those that 0.1 left there."""
    for path in (MANIFEST, POLICY):
        there = DATA / which / path
        assert (root / path).is_file() == there.is_file()
        assert not there.is_file() or (root / path).read_bytes() == there.read_bytes()


def test_no_backup_and_no_line_of_the_journal_is_lost(left: Callable[[str], Path]) -> None:
    root = left("enabled")
    seen = observe(LocalNode(root))
    assert [b.name for b in backups_of(seen)] == names(root)
    assert [(b.time, b.action, b.by, b.flags, b.kubeadm_config) for b in backups_of(seen)] == [
        (d["time"], d["before"], d["by"], d["flags"], d["kubeadm_config"]) for d in described(root)
    ]
    lines = (root / STATE / "journal.jsonl").read_text().splitlines()
    state = NodeState.of(seen)
    assert [dict(entry.data) for entry in state.journal] == [json.loads(line) for line in lines]
    assert {(e.action, e.result) for e in state.journal} == {
        ("enable", "proved"),
        ("rollback", "proved"),
        ("persist", "done"),
    }
    assert state.ours
    assert state.changed_since is None


def test_status_knows_whose_settings_these_are(left: Callable[[str], Path], run: Run) -> None:
    root = left("enabled")
    found = only(run("status", "--root", root, "-o", "json")[1])
    assert (found["enabled"], found["byHand"], found["backups"]) == (True, False, 4)
    assert found["lastChange"]["action"] == "persist"
    manifest = root / MANIFEST
    manifest.write_text(manifest.read_text().replace("--audit-log-maxsize=50", "--audit-log-maxsize=51"))
    assert only(run("status", "--root", root, "-o", "json")[1])["byHand"]
    (root / POLICY).write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n")
    assert "is not the policy that" in run("status", "--root", root)[1]


def test_its_settings_again_write_nothing(left: Callable[[str], Path], run: Run) -> None:
    root = left("enabled")
    shutil.copy(root / POLICY, root.parent / "policy.yaml")
    before = tree(root)
    again = ("--policy", root.parent / "policy.yaml", "--log-maxsize", "50", "--yes", "--root", root)
    code, said = run("enable", *again, "-o", "json")
    assert (code, only(said)["state"]) == (0, "unchanged")
    assert tree(root) == before


def test_its_backups_are_listed_shown_compared_and_restored(left: Callable[[str], Path], run: Run) -> None:
    root = left("enabled")
    first, *_, newest = names(root)
    listed = items(run("backups", "list", "--root", root, "-o", "json")[1])
    assert [item["id"] for item in listed] == names(root)
    assert {item["host"] for item in listed} == {str(root)}
    code, shown = run("backups", "show", "first", "--root", root)
    assert code == 0
    assert "kube-apiserver" in shown
    assert run("backups", "diff", newest, "--root", root)[0] == 3
    assert run("rollback", "--to", "first", "--yes", "--root", root)[0] == 0
    saved = root / STATE / "backups" / first / "files"
    assert (root / MANIFEST).read_bytes() == (saved / "1").read_bytes()
    assert not (root / POLICY).exists()
    # and back again, by the backup that this version took
    assert len(names(root)) == 5
    assert run("rollback", "--yes", "--root", root)[0] == 0
    is_alike(root, "enabled")


def test_disable_takes_away_what_it_wrote(left: Callable[[str], Path], run: Run) -> None:
    root = left("enabled")
    assert run("disable", "--yes", "--root", root)[0] == 0
    is_alike(root, "disabled")


def test_what_it_disabled_is_off_and_can_come_back(left: Callable[[str], Path], run: Run) -> None:
    root = left("disabled")
    found = only(run("status", "--root", root, "-o", "json")[1])
    assert (found["enabled"], found["byHand"], found["lastChange"]["action"]) == (False, False, "persist")
    assert run("rollback", "--yes", "--root", root)[0] == 0
    is_alike(root, "enabled")


def test_a_run_that_died_is_named_and_refused(left: Callable[[str], Path], run: Run) -> None:
    root = left("unfinished")
    before = tree(root)
    found = document(run("status", "--root", root, "-o", "json")[1])
    assert any("was never confirmed" in warning["message"] for warning in found["warnings"])
    code, said = run("enable", "--policy", "metadata", "--yes", "--root", root)
    assert code == 1
    assert "recover" in said
    assert tree(root) == before


def test_recover_ends_it_in_the_old_state(left: Callable[[str], Path]) -> None:
    """Its watchdog has no word for that, and would wait for the lock that `recover` holds."""
    root = left("unfinished")
    node = LocalNode(root)
    found = look(node, observe(node))
    [begun] = found.runs
    assert (begun.state, begun.by, begun.backup) == ("unwatched", "alice@vm", names(root)[0])
    done = recover(node, observe(node), watched=False)
    assert [r.now for r in done.runs] == ["reverted"]
    is_alike(root, "disabled")
    assert list(tree(root)) == [MANIFEST]
    assert not look(node, observe(node)).something
    assert NodeState.of(observe(node)).last.action == "watchdog"


def test_a_change_that_its_watchdog_still_watches_is_left_alone(left: Callable[[str], Path]) -> None:
    root = left("unfinished")
    node = LocalNode(root)
    [folder] = (root / STATE / "run").iterdir()
    # it wrote no boot id
    start = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(") ")[2].split()[19]
    (folder / "watchdog.pid").write_text(f"{os.getpid()} {start}\n")
    assert [seen.waits for seen in observe(node).runs] == [True]
    assert [r.state for r in recover(node, observe(node), watched=False).waiting] == ["waiting"]
    assert (root / POLICY).exists()


def test_logs_that_it_collected_are_not_fetched_again(tmp_path: Path) -> None:
    into = Path(shutil.copytree(DATA / "collected", tmp_path / "collected"))
    before = {path: path.read_bytes() for path in into.rglob("*") if path.is_file()}
    done = collect([], "", [], into, lambda _: None)
    assert [(entry.node, entry.file) for entry in done.entries] == [("sandbox", "sandbox/audit.log")]
    assert done.notes == ()
    assert {path: path.read_bytes() for path in before} == before
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=into, check=True)


@pytest.mark.parametrize("name", ["clusters.yaml", "hosts.ini", "hosts.yml"])
def test_its_inventories_name_the_same_hosts(name: str) -> None:
    found = read((DATA / "inventories" / name).read_text(), name)
    expected = json.loads((DATA / "inventories" / f"{name}.hosts.json").read_text())
    assert [(h.name, h.address, h.user, h.port, h.cluster, h.proxy_jump) for h in found.hosts] == [
        tuple(host) for host in expected
    ]
