"""Reboots, power cuts, shutdowns and hangs at every step of a change: the old state, or what was confirmed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from changekit import (
    MANIFEST,
    STATE,
    UNITS,
    UNLESS_WATCHDOG,
    apply,
    cut_power_and_boot,
    is_settled,
    journal,
    planned,
    shims,
    tree,
    units,
    until,
)

from kaudit_setup.change.backup import describe
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.run.enact import enact
from kaudit_setup.change.run.terms import Terms
from kaudit_setup.change.script import Run, apply_script, confirm_script, undo_script
from kaudit_setup.errors import KauditError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.local import LocalNode
from kaudit_setup.runner import Ran


def test_a_reboot_takes_back_what_was_not_confirmed(machine: Path) -> None:
    before = tree(machine)
    node, plan, seen, run = planned(machine)
    assert apply(node, plan, seen, run, watchdog_s=600).code == 0
    assert units(machine) == sorted(
        f"{d}/kaudit-setup-{run.id}.service" for d in (UNITS, f"{UNITS}/multi-user.target.wants")
    )
    cut_power_and_boot(machine)
    assert tree(machine) == before
    is_settled(machine)
    assert (journal(machine)[-1]["result"], journal(machine)[-1]["why"]) == ("reverted", "boot")
    # once more: there is nothing to do any more
    cut_power_and_boot(machine)
    assert len(journal(machine)) == 1


def test_what_is_started_by_hand_keeps_its_hands_off_while_the_watchdog_lives(machine: Path) -> None:
    node, plan, seen, run = planned(machine)
    assert apply(node, plan, seen, run, watchdog_s=600).code == 0
    after = tree(machine)
    script = machine / STATE / "run" / run.id / "watchdog.sh"
    subprocess.run(["sh", script, "boot"], env={**os.environ, "KAUDIT_ROOT": str(machine)}, check=True)
    assert tree(machine) == after
    node.sh(undo_script(plan, run))
    is_settled(machine)


@pytest.mark.parametrize("at", range(1, 80, 3))
def test_power_cut_at_any_step_of_apply_the_old_state_is_back(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    manifest = (machine / MANIFEST).read_bytes()
    node, plan, seen, run = planned(machine)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{shims(machine, tmp_path, at)}:{path}")
    with contextlib.suppress(KauditError):
        apply(node, plan, seen, run, watchdog_s=600)
    monkeypatch.setenv("PATH", path)
    cut_power_and_boot(machine)
    assert (machine / MANIFEST).read_bytes() == manifest
    is_settled(machine)
    node, plan, seen, _ = planned(machine)
    assert enact(node, plan, seen, Terms("me", prove=False), lambda _what: None).backup
    assert not [name for name in tree(machine) if ".kaudit." in name]


@pytest.mark.parametrize("at", range(1, 26))
def test_power_cut_at_any_step_of_confirming_it_is_old_or_confirmed(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = tree(machine)
    node, plan, seen, run = planned(machine)
    assert apply(node, plan, seen, run, watchdog_s=600).code == 0
    after = {k: v for k, v in tree(machine).items() if ".kaudit." not in k and not k.startswith(UNITS)}
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{shims(machine, tmp_path, at)}:{path}")
    with contextlib.suppress(KauditError):
        node.sh(confirm_script(plan, run, entry={"action": "enable"}, prune=[]))
    monkeypatch.setenv("PATH", path)
    cut_power_and_boot(machine)
    confirmed = b"--audit-policy-file" in (machine / MANIFEST).read_bytes()
    assert tree(machine) == (after if confirmed else before)
    is_settled(machine)
    # what was kept is in the journal, once
    assert [entry["action"] for entry in journal(machine)].count("enable") == confirmed


def test_sigterm_restores_at_once(machine: Path) -> None:
    """A shutdown: systemd would wait 90 s for a watchdog that does not hear it."""
    before = tree(machine)
    node, plan, seen, run = planned(machine)
    assert apply(node, plan, seen, run, watchdog_s=600).code == 0
    pid = int((machine / STATE / "run" / run.id / "watchdog.pid").read_text().split()[0])
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    until(lambda: not Path("/proc", str(pid)).exists(), "the end of the watchdog")
    assert time.monotonic() - began < 10
    assert tree(machine) == before
    assert journal(machine)[-1]["why"] == "shutdown"
    is_settled(machine)


def frozen(
    node: LocalNode, plan: Plan, seen: NodeState, run: Run, tmp_path: Path, at: str
) -> tuple[int, threading.Thread, list[Ran | KauditError]]:
    """An apply that is stopped, as a hanging disk would, when it first calls `at`: process, thread, answer."""
    shims = tmp_path / "freeze"
    shims.mkdir()
    real, pid = shutil.which(at), tmp_path / "frozen.pid"
    (shims / at).write_text(
        # the watchdog calls some of them, too, and is not what hangs here
        f"#!/bin/sh\n{UNLESS_WATCHDOG}"
        f'  if [ ! -e {pid} ]; then echo $PPID >{pid}; kill -STOP $PPID; fi\nfi\nexec {real} "$@"\n'
    )
    (shims / at).chmod(0o755)
    answer: list[Ran | KauditError] = []

    def work() -> None:
        try:
            answer.append(apply(node, plan, seen, run, watchdog_s=600))
        except KauditError as error:
            answer.append(error)

    thread = threading.Thread(target=work)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
        thread.start()
        until(lambda: pid.exists() and bool(pid.read_text().strip()), f"the freeze at {at}")
    return int(pid.read_text()), thread, answer


@pytest.mark.parametrize("at", ["mkdir", "flock", "cp", "setsid", "mv"])
def test_an_apply_that_hung_and_was_called_off_never_commits(folder: Path, tmp_path: Path, at: str) -> None:
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    pid, thread, answer = frozen(node, plan, seen, run, tmp_path, at)
    # without the lock there is no undo, and it says so; how long it waits for it is none of this test's concern
    ran = node.sh(undo_script(plan, run).replace("\nlock 60\n", "\nlock 1\n"))
    found = dict(frames(ran.out))
    if ran.code == 11:
        # what copies is a shell of its own: the one that holds the lock waits for it
        said = (b"is stopped", b"did not say so", *((b"works",) if at == "cp" else ()))
        assert any(words in found["error"] for words in said), found["error"]
        assert run.id.encode() in found["error"] or at == "flock"
    else:
        assert found["outcome"] == b"undone"
    os.kill(pid, signal.SIGCONT)
    thread.join(30)
    [said] = answer
    assert isinstance(said, Ran)
    assert said.code in {12, 15}, said
    assert tree(folder) == before


@pytest.mark.parametrize("what", ["watchdog.sh", "about", "deadline"])
def test_a_watchdog_that_was_cut_short_is_not_armed(folder: Path, what: str) -> None:
    """A disk that was full for a moment."""
    before = tree(folder)
    node, plan, seen, run = planned(folder)
    text, payload = apply_script(
        plan, run, backup=describe(plan, seen, name=run.backup, by="me"), about={}, watchdog_s=60
    )
    if what == "deadline":
        text = text.replace('{ echo "$_deadline" >', "{ printf 1 >")
    else:
        whole = '_said=$({ cut_out "$1" "$2" >"$4"; } 2>&1)'
        assert whole in text
        text = text.replace(
            whole, f"{whole}; case $4 in */{what}) echo short >$4 ;; esac".replace("$4 ;;", '"$4" ;;')
        )
    ran = node.sh(text, stdin=payload)
    assert ran.code == 12
    assert b"watchdog" in dict(frames(ran.out))["error"]
    assert tree(folder) == before
    assert list((folder / STATE / "run").iterdir()) == []


def test_a_client_that_stops_while_it_sends_keeps_nobody_from_working(folder: Path) -> None:
    node, plan, seen, run = planned(folder)
    text, _ = apply_script(plan, run, backup={}, about={}, watchdog_s=60)
    stopped = subprocess.Popen(
        ["sh", "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "KAUDIT_ROOT": str(folder)},
    )
    until(lambda: bool(list((folder / STATE).glob("incoming/*"))), "the begin of receiving")
    other = replace(run, id="fedcba9876543210", backup=run.backup.replace("012345", "fedcba"))
    assert apply(node, plan, seen, other, watchdog_s=None).code == 0
    stopped.kill()
    stopped.communicate()
