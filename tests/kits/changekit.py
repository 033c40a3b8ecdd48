"""The scripts that alter a node, on a folder that holds a node's files: their steps, and a power cut at any."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kaudit_setup.change.backup import backups_of, describe, fetch, name_of
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.plan_enable import Wanted
from kaudit_setup.change.prepare import prepare_enable
from kaudit_setup.change.script import Run, apply_script
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe
from kaudit_setup.runner import Ran
from kaudit_setup.sandbox.supervisor import kill_commands

DATA = Path(__file__).resolve().parents[1] / "data" / "samples"
POLICY = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"
STATE = "var/lib/kaudit-setup"


def tree(root: Path) -> dict[str, bytes]:
    """Every file below the folder but this tool's own state."""
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and not p.is_relative_to(root / STATE)
    }


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


def planned(root: Path, policy: bytes = POLICY) -> tuple[LocalNode, Plan, NodeState, Run]:
    node = LocalNode(root)
    prepared = prepare_enable(node, Wanted(policy), prove=False)
    seen = prepared.state.observed
    return (
        node,
        prepared.plan,
        prepared.state,
        Run("0123456789abcdef", name_of(seen, "0123456789ab"), seen.static_dir, True),
    )


def apply(node: LocalNode, plan: Plan, seen: NodeState, run: Run, watchdog_s: int | None) -> Ran:
    text, payload = apply_script(
        plan,
        run,
        backup=describe(plan, seen, name=run.backup, by="me"),
        about={"by": "me", "deadline": seen.observed.uptime + (watchdog_s or 0)},
        watchdog_s=watchdog_s,
    )
    return node.sh(text, stdin=payload, timeout=60)


def journal(root: Path) -> list[dict[str, object]]:
    """Its lines so far; one that is being written is not there yet."""
    path = root / STATE / "journal.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


STEPS = ("cp", "mv", "sync", "chmod", "head", "setsid", "stat", "mkdir", "rm", "ln")
UNITS = "etc/systemd/system"
UNLESS_WATCHDOG = """\
read -r caller </proc/$PPID/cmdline
if [ "$caller" = "${caller#*watchdog.sh}" ]; then
"""
"""How a shim begins that does to its caller what must not be done to the watchdog; `fi` ends it."""


def shims(folder: Path, tmp_path: Path, at: int, names: tuple[str, ...] = STEPS) -> Path:
    """Commands of which the `at`-th call kills the script that called it, as SIGKILL or a power cut would."""
    shims = tmp_path / "shims"
    shims.mkdir()
    counter = tmp_path / "count"
    counter.write_text("0")
    for name in names:
        real = shutil.which(name)
        (shims / name).write_text(
            f"#!/bin/sh\nread -r n <{counter}; n=$((n + 1)); echo $n >{counter}\n"
            # the watchdog is the one that must not be killed: it is what the others are killed to show
            f'{UNLESS_WATCHDOG}  if [ $n -eq {at} ]; then kill -9 $PPID; exit 1; fi\nfi\nexec {real} "$@"\n'
        )
        (shims / name).chmod(0o755)
    return shims


def units(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in (root / UNITS).rglob("kaudit*"))


def runs_there(root: Path) -> bool:
    """Whether a process of this node lives."""
    mark = f"KAUDIT_ROOT={root}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    return True
    return False


def cut_power(root: Path) -> None:
    """Every process of the node is gone."""
    kill_commands(root)
    until(lambda: not runs_there(root), "the end of every process of the node")


def cut_power_and_boot(root: Path) -> None:
    """Then systemd starts what is enabled, before kubelet."""
    cut_power(root)
    for link in sorted((root / UNITS / "multi-user.target.wants").glob("*.service")):
        unit = (root / UNITS / link.name).read_text()
        assert "\nBefore=kubelet.service\n" in unit
        condition = re.findall(r"^ConditionPathExists=(.+)$", unit, re.MULTILINE)
        if all((root / path.lstrip("/")).exists() for path in condition):
            [command] = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
            shell, script, *args = shlex.split(command)
            subprocess.run(
                [shell, f"{root}{script}", *args], env={**os.environ, "KAUDIT_ROOT": str(root)}, check=True
            )


def is_settled(root: Path) -> None:
    """Nothing waits, no unit and no half-made file is left, every backup is whole."""
    seen = observe(LocalNode(root))
    assert not [run for run in seen.runs if run.waits or run.unfinished]
    assert units(root) == []
    for backup in backups_of(seen):
        fetch(LocalNode(root), backup)
