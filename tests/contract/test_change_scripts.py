"""The scripts that alter a node, run for real on a folder: they end in the old state or in the new one.

The watchdog, the lock, the staging and the undo are the same scripts that run on a control-plane node.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from changekit import MANIFEST, POLICY, STATE, apply, journal, planned, shims, tree, until

from kaudit_setup.change.backup import backups_of, fetch
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan_enable import Wanted, plan_enable, target_of
from kaudit_setup.change.prepare import prepare_disable, prepare_enable, prepare_rollback
from kaudit_setup.change.run.enact import enact
from kaudit_setup.change.run.terms import Terms
from kaudit_setup.change.script import apply_script, confirm_script, undo_script
from kaudit_setup.errors import BrokenError, ChangeError, KauditError, LostError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import Process, observe
from kaudit_setup.runner import Ran


def test_what_is_not_confirmed_in_time_is_undone_by_the_node_itself(folder: Path) -> None:
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    assert apply(node, plan, seen, run, watchdog_s=3).code == 0
    assert b"--audit-policy-file" in (folder / MANIFEST).read_bytes()
    until(lambda: journal(folder) != [], "the watchdog's line in the journal")
    assert tree(folder) == before
    assert journal(folder)[-1]["result"] == "reverted"
    assert not (folder / "var/log/kubernetes").is_dir() or not list((folder / "var/log/kubernetes").iterdir())
    [left] = observe(node).runs
    assert left.outcome == "reverted"


def test_what_is_confirmed_stays(folder: Path) -> None:
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=60)
    pid = (folder / STATE / "run" / run.id / "watchdog.pid").read_text().split()[0]
    ran = node.sh(confirm_script(plan, run, entry={"action": "enable"}, prune=[]))
    assert "confirmed" in dict(frames(ran.out))
    until(lambda: not Path("/proc", pid).exists(), "the end of the watchdog")
    assert b"--audit-policy-file" in (folder / MANIFEST).read_bytes()
    assert not [name for name in tree(folder) if ".kaudit." in name]
    assert list((folder / STATE / "run").iterdir()) == []
    assert [e["action"] for e in journal(folder)] == ["enable"]


def test_a_proof_that_comes_too_late_is_told(folder: Path) -> None:
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=1)
    until(lambda: journal(folder) != [], "the watchdog's decision")
    ran = node.sh(confirm_script(plan, run, entry={"action": "enable"}, prune=[]))
    assert ran.code == 14
    assert "late" in dict(frames(ran.out))


def test_undo_takes_back_at_once_and_again(folder: Path) -> None:
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=60)
    for _ in range(2):
        ran = node.sh(undo_script(plan, run))
        assert dict(frames(ran.out))["outcome"] == b"undone"
        assert tree(folder) == before


def test_a_folder_that_a_container_left_in_a_files_place_is_removed(folder: Path) -> None:
    """containerd makes a folder of a missing hostPath file when a container is restarted in the middle of an undo."""
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=60)
    node.sh(undo_script(plan, run))
    policy = folder / "etc/kubernetes/audit-policy.yaml"
    policy.mkdir()
    until(lambda: not policy.exists(), "the end of the folder")
    assert tree(folder) == before
    policy.mkdir()
    again = prepare_enable(node, Wanted(POLICY), prove=False)
    enact(node, again.plan, again.state, Terms("me", prove=False), lambda _what: None)
    assert policy.read_bytes() == POLICY


def test_undo_of_a_run_that_never_began_changes_nothing(folder: Path) -> None:
    before = tree(folder)
    node, plan, _, run = planned(folder)
    assert dict(frames(node.sh(undo_script(plan, run)).out))["outcome"] == b"undone"
    assert tree(folder) == before


def test_somebody_elses_edit_is_not_taken_back(folder: Path) -> None:
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=60)
    (folder / MANIFEST).write_text("theirs")
    found = list(frames(node.sh(undo_script(plan, run)).out))
    assert ("foreign", b"/" + MANIFEST.encode()) in found
    assert (folder / MANIFEST).read_text() == "theirs"


def test_a_second_run_waits_for_nobody_and_is_refused(folder: Path) -> None:
    node, plan, seen, run = planned(folder)
    apply(node, plan, seen, run, watchdog_s=60)
    after = tree(folder)
    other = replace(run, id="fedcba9876543210", backup=run.backup.replace("012345", "fedcba"))
    again = prepare_enable(node, Wanted(POLICY + b"# other\n"), prove=False)
    ran = apply(node, again.plan, again.state, other, watchdog_s=60)
    assert ran.code == 11
    assert b"waits to be confirmed" in dict(frames(ran.out))["error"]
    assert tree(folder) == after
    node.sh(undo_script(plan, run))


def test_the_lock_keeps_two_scripts_apart_and_dies_with_its_holder(folder: Path) -> None:
    before = tree(folder)
    (folder / STATE).mkdir(parents=True)
    holder = subprocess.Popen(["flock", str(folder / STATE / "lock"), "sleep", "60"], start_new_session=True)
    try:
        until((folder / STATE / "lock").exists, "the lock")
        node, plan, seen, run = planned(folder)
        assert apply(node, plan, seen, run, watchdog_s=None).code == 11
        assert tree(folder) == before
    finally:
        os.killpg(holder.pid, 9)
        holder.wait()
    assert apply(node, plan, seen, run, watchdog_s=None).code == 0


@pytest.mark.parametrize("what", ["manifest", "policy"])
def test_what_changed_after_the_review_is_not_overwritten(folder: Path, what: str) -> None:
    node, plan, seen, run = planned(folder)
    path = folder / (MANIFEST if what == "manifest" else "etc/kubernetes/audit-policy.yaml")
    path.write_text("somebody was quicker")
    before = tree(folder)
    ran = apply(node, plan, seen, run, watchdog_s=60)
    assert ran.code == 10
    assert tree(folder) == before


def test_half_of_the_input_changes_nothing(folder: Path) -> None:
    """As when the connection breaks while the files are on their way."""
    before = tree(folder)
    node, plan, _, run = planned(folder)
    text, payload = apply_script(plan, run, backup={}, about={}, watchdog_s=60)
    ran = node.sh(text, stdin=payload[: len(payload) // 2])
    assert ran.code == 12
    assert tree(folder) == before


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_killed_at_any_step_the_node_is_old_or_new_and_the_next_run_works(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{shims(folder, tmp_path, at)}:{path}")
    try:
        ran: Ran | None = apply(node, plan, seen, run, watchdog_s=2)
    except KauditError:
        ran = None
    monkeypatch.setenv("PATH", path)
    names = {p.name for p in (folder / "etc/kubernetes/manifests").iterdir()}
    assert {n for n in names if not n.startswith(".")} == {"kube-apiserver.yaml"}
    pending = folder / STATE / "run" / run.id
    if (pending / "watchdog.pid").exists() and not (pending / "outcome").exists():
        until((pending / "outcome").exists, "the watchdog's outcome")
    if ran is None or ran.code != 0:
        assert (folder / MANIFEST).read_bytes() == before[MANIFEST]
    for backup in backups_of(observe(node)):
        fetch(node, backup)  # raises if one is damaged
    node, plan, seen, run = planned(folder)
    outcome = enact(node, plan, seen, Terms("me", prove=False), lambda _what: None)
    assert outcome.backup
    assert b"--audit-policy-file" in (folder / MANIFEST).read_bytes()
    assert not [name for name in tree(folder) if ".kaudit." in name]


@pytest.mark.parametrize("limit", [0, 1, 2, 8])
def test_a_full_disk_leaves_the_old_state(folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """A limit on file size stands for a full disk where there is no root to mount a small one."""
    before = tree(folder)
    node, plan, _, run = planned(folder, POLICY + b"#" * 8000 + b"\n")
    text, payload = apply_script(plan, run, backup={}, about={}, watchdog_s=None)
    ran = node.sh(f"trap '' XFSZ; ulimit -f {limit}\n{text}", stdin=payload)
    assert ran.code == 12
    assert tree(folder) == before


def test_enable_twice_disable_and_rollback(folder: Path) -> None:
    before = tree(folder)
    node = LocalNode(folder)
    terms = Terms("me", prove=False)

    def quiet(_what: str) -> None:
        return

    first = prepare_enable(node, Wanted(POLICY), prove=False)
    outcome = enact(node, first.plan, first.state, terms, quiet)
    enabled = tree(folder)
    assert oct((folder / "etc/kubernetes/audit-policy.yaml").stat().st_mode)[-3:] == "600"
    assert oct((folder / "var/log/kubernetes/audit").stat().st_mode)[-3:] == "700"
    assert oct((folder / STATE / "backups").stat().st_mode)[-3:] == "700"
    assert not prepare_enable(node, Wanted(POLICY), prove=False).plan
    off = prepare_disable(node, prove=False)
    enact(node, off.plan, off.state, terms, quiet)
    assert tree(folder) == before
    assert not prepare_disable(node, prove=False).plan
    assert outcome.backup
    newest = prepare_rollback(node, None, prove=False)
    enact(node, newest.plan, newest.state, terms, quiet)
    assert tree(folder) == enabled
    oldest = prepare_rollback(node, "first", prove=False)
    enact(node, oldest.plan, oldest.state, terms, quiet)
    assert tree(folder) == before
    assert len(backups_of(observe(node))) == 4


@pytest.mark.parametrize(("started_later", "restarts"), [(True, True), (False, False)])
def test_a_policy_edited_in_place_is_put_right_in_the_server_too(
    folder: Path, started_later: bool, restarts: bool
) -> None:
    """A server that started after the edit runs the edited policy, although the manifest says nothing of it."""
    node = LocalNode(folder)
    first = prepare_enable(node, Wanted(POLICY), prove=False)
    enact(node, first.plan, first.state, Terms("me", prove=False), lambda _what: None)
    policy = folder / "etc/kubernetes/audit-policy.yaml"
    policy.write_bytes(POLICY + b"# edited\n")
    seen = prepare_enable(node, Wanted(POLICY), prove=False).state.observed
    ticks = (seen.uptime + (10 if started_later else -100)) * 100
    state = NodeState.of(replace(seen, servers=(Process(1, ticks, ()),)))
    plan = plan_enable(state, Wanted(POLICY), target_of(state, Wanted(POLICY)))
    assert [type(c).__name__ for c in plan.changes] == ["WriteFile"] * (2 if restarts else 1)
    assert plan.restarts is restarts


def test_the_review_says_what_stays_and_what_begins_to_remove_logs(folder: Path) -> None:
    manifest = folder / MANIFEST
    by_hand = "    - --audit-log-path=/var/log/mine/audit.log\n    - --audit-policy-file=/etc/kubernetes/mine.yaml\n"
    manifest.write_text(
        manifest.read_text().replace("    - --authorization-mode", by_hand + "    - --authorization-mode")
    )
    notes = prepare_enable(LocalNode(folder), Wanted(POLICY), prove=False).plan.notes
    assert "--audit-log-path=/var/log/mine/audit.log stays as it is on the node" in notes
    assert [n for n in notes if "--audit-log-maxage=30 is new" in n]


def test_busybox_is_enough(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes made of small images have BusyBox instead of bash and GNU coreutils."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed: the scripts are tried with this machine's own tools only")
    applets = tmp_path / "applets"
    applets.mkdir()
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (applets / name).symlink_to(busybox)
    monkeypatch.setenv("PATH", str(applets))  # the loader adds the machine's folders behind it, for flock
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    assert apply(node, plan, seen, run, watchdog_s=3).code == 0
    assert b"--audit-policy-file" in (folder / MANIFEST).read_bytes()
    until(lambda: journal(folder) != [], "the watchdog's line in the journal")
    assert tree(folder) == before


def test_the_first_backup_is_never_pruned(folder: Path) -> None:
    node = LocalNode(folder)
    first = ""
    for number in range(4):
        prepared = prepare_enable(node, Wanted(POLICY + b"# %d\n" % number), prove=False)
        done = enact(node, prepared.plan, prepared.state, Terms("me", keep=2, prove=False), lambda _what: None)
        first = first or str(done.backup)
    names = [b.name for b in backups_of(observe(node))]
    assert len(names) == 2
    assert first in names


def test_a_damaged_backup_is_not_restored(folder: Path) -> None:
    node = LocalNode(folder)
    prepared = prepare_enable(node, Wanted(POLICY), prove=False)
    done = enact(node, prepared.plan, prepared.state, Terms("me", prove=False), lambda _what: None)
    [saved] = (folder / STATE / "backups" / str(done.backup) / "files").iterdir()
    saved.write_bytes(saved.read_bytes() + b"x")
    with pytest.raises(ChangeError, match="damaged"):
        prepare_rollback(node, None, prove=False)


def test_a_link_is_followed_to_its_file(folder: Path) -> None:
    real = folder / "srv/apiserver.yaml"
    real.parent.mkdir()
    (folder / MANIFEST).rename(real)
    (folder / MANIFEST).symlink_to(real)
    node, plan, seen, run = planned(folder)
    assert apply(node, plan, seen, run, watchdog_s=None).code == 0
    assert (folder / MANIFEST).is_symlink()
    assert b"--audit-policy-file" in real.read_bytes()


class CutNode:
    """A node whose connection breaks at the given call: before it is made, or after it was carried out."""

    def __init__(self, inner: LocalNode, at: int, after: bool) -> None:
        self._inner, self._at, self._after, self.calls = inner, at, after, 0

    @property
    def name(self) -> str:
        return "cut"

    def sh(self, script: str, args: Sequence[str] = (), **how: Any) -> Ran:
        self.calls += 1
        if self.calls == self._at and not self._after:
            raise LostError("cut: the connection broke")
        ran = self._inner.sh(script, args, **how)
        if self.calls == self._at:
            raise LostError("cut: the connection broke")
        return ran

    def close(self) -> None:
        return


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_connection_cut_at_a_step_ends_in_the_old_state(folder: Path, at: int, after: bool) -> None:
    before = tree(folder)
    node, plan, seen, _ = planned(folder)
    cut = CutNode(node, at, after)
    with pytest.raises(KauditError) as failure:
        enact(cut, plan, seen, Terms("me", prove=False), lambda _what: None)
    if at == 2 and after:
        # confirmed on the node, only the answer was lost: it is told that nothing could be taken back
        return
    assert not isinstance(failure.value, BrokenError)
    assert tree(folder) == before


class StuckNode(CutNode):
    """A node on which the confirmation is lost and the undo cannot do its work."""

    def __init__(self, inner: LocalNode) -> None:
        super().__init__(inner, at=2, after=False)

    def sh(self, script: str, args: Sequence[str] = (), **how: Any) -> Ran:
        if self.calls >= 2:
            return Ran(0, b"outcome 5\nstuck\n", b"")
        return super().sh(script, args, **how)


def test_what_a_person_is_told_to_type_puts_the_node_back(folder: Path) -> None:
    before = tree(folder)
    node, plan, seen, _ = planned(folder)
    with pytest.raises(BrokenError) as failure:
        enact(StuckNode(node), plan, seen, Terms("me", prove=False), lambda _what: None)
    assert failure.value.exit_code == 4
    typed = failure.value.hint.partition("as root: ")[2].partition("; then see why")[0]
    root = str(folder).replace("'", "'\\''")
    # as typed on the node, whose root is a folder here
    subprocess.run(["sh", "-euc", re.sub(r"(?<= )/(?=etc|var)", f"'{root}'/", typed)], check=True)
    assert {k: v for k, v in tree(folder).items() if ".kaudit." not in k} == before
