"""`recover` on a folder: whatever a broken run left ends in the old state, or it is said what to type."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from changekit import STATE, UNITS, apply, cut_power, is_settled, planned, tree, units

from kaudit_setup.change.leftovers.recover import look, recover
from kaudit_setup.change.script import Run
from kaudit_setup.errors import BrokenError, ChangeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe


def armed(root: Path) -> tuple[LocalNode, Run]:
    """A change that waits to be confirmed."""
    node, plan, seen, run = planned(root)
    assert apply(node, plan, seen, run, watchdog_s=600).code == 0
    return node, run


def test_a_healthy_node_has_nothing_to_clear(machine: Path) -> None:
    node = LocalNode(machine)
    assert not look(node, observe(node)).something
    assert not recover(node, observe(node), watched=False).something


def test_a_change_that_nobody_watches_ends_in_the_old_state(machine: Path) -> None:
    before = tree(machine)
    node, run = armed(machine)
    cut_power(machine)
    found = look(node, observe(node))
    assert [(r.id, r.state, r.by, r.now) for r in found.runs] == [(run.id, "unwatched", "me", None)]
    assert found.restores
    assert tree(machine) != before
    done = recover(node, observe(node), watched=False)
    assert [r.now for r in done.runs] == ["reverted"]
    assert tree(machine) == before
    is_settled(machine)
    assert not look(node, observe(node)).something


def test_a_change_that_waits_is_left_alone_unless_asked_for(machine: Path) -> None:
    before = tree(machine)
    node, run = armed(machine)
    after = tree(machine)
    found = recover(node, observe(node), watched=False)
    assert [r.id for r in found.waiting] == [run.id]
    assert not found.something
    assert tree(machine) == after
    assert len(units(machine)) == 2
    done = recover(node, observe(node), watched=True)
    assert [r.now for r in done.runs] == ["reverted"]
    assert tree(machine) == before
    is_settled(machine)


def test_half_made_files_units_and_runs_that_changed_nothing_go(machine: Path) -> None:
    before = tree(machine)
    (machine / STATE / "run/dead").mkdir(parents=True)
    (machine / "etc/kubernetes/.kaudit.dead.0.new").write_text("half")
    (machine / UNITS / "kaudit-setup-dead.service").write_text("[Unit]\n")
    (machine / UNITS / "multi-user.target.wants").mkdir()
    (machine / UNITS / "multi-user.target.wants/kaudit-setup-dead.service").symlink_to("../kaudit-setup-dead.service")
    node = LocalNode(machine)
    found = look(node, observe(node))
    assert [r.state for r in found.runs] == ["begun"]
    assert found.strays == ("/etc/kubernetes/.kaudit.dead.0.new",)
    assert len(found.units) == 2
    assert not found.restores
    recover(node, observe(node), watched=False)
    assert tree(machine) == before
    is_settled(machine)
    assert not look(node, observe(node)).something


@pytest.mark.slow
def test_who_holds_the_lock_is_said(folder: Path) -> None:
    node, _ = armed(folder)
    cut_power(folder)
    lock = folder / STATE / "lock"
    holder = subprocess.Popen(["sh", "-c", 'exec 9>>"$1"; flock 9; echo; read -r _', "sh", lock], stdin=-1, stdout=-1)
    assert holder.stdout
    holder.stdout.readline()
    stat = Path(f"/proc/{holder.pid}/stat").read_text().rpartition(") ")[2].split()
    lock.write_text(f"{holder.pid} {stat[19]} 0123 2026-01-02T03:04:05Z alice@laptop\n")
    try:
        with pytest.raises(ChangeError, match="run 0123 of alice@laptop, since 2026-01-02T03:04:05Z") as failure:
            recover(node, observe(node), watched=False)
        assert f"its process {holder.pid} works" in failure.value.message
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(ChangeError, match="is stopped"):
            look(node, observe(node))
        lock.write_text(f"{holder.pid} 1 0123 2026-01-02T03:04:05Z alice@laptop\n")
        with pytest.raises(ChangeError, match="has ended, but not what it started"):
            look(node, observe(node))
    finally:
        holder.kill()
        holder.communicate()
    assert recover(node, observe(node), watched=False).runs[0].now == "reverted"


def test_what_cannot_be_restored_is_said_with_what_to_type(machine: Path) -> None:
    node, run = armed(machine)
    cut_power(machine)
    backup = machine / STATE / "backups" / run.backup
    for undo in machine.rglob(".kaudit.*.undo"):
        undo.unlink()
    (backup / "files").rename(backup / "elsewhere")
    with pytest.raises(BrokenError) as failure:
        recover(node, observe(node), watched=False)
    assert f"/var/lib/kaudit-setup/backups/{run.backup}/files/" in failure.value.hint
    assert failure.value.hint.endswith("then run `kaudit-setup recover` again")
    (backup / "elsewhere").rename(backup / "files")
    assert [r.now for r in recover(node, observe(node), watched=False).runs] == ["reverted"]
    is_settled(machine)
