"""A node that loses its power, or its watchdog, while a change waits; and `recover`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from documentkit import only
from flowkit import Cli, until

from kaudit_setup.sandbox import Sandbox
from kaudit_setup.sandbox.tree import UNITS

# a node has to boot, or its watchdog to end
pytestmark = pytest.mark.slow

ENABLE = ("enable", "--policy", "metadata", "--yes")
RUNS = "var/lib/kaudit-setup/run"


def waiting(sandbox: Sandbox, cli: Cli) -> None:
    """A change that waits to be confirmed, and its client is dead."""
    run = cli.start(*ENABLE)
    until(lambda: b"--audit-policy-file" in sandbox.manifest.read_bytes(), "the new manifest")
    run.kill()
    run.communicate()


def test_power_back_the_old_state_runs_and_nothing_is_left(sandbox: Sandbox, cli: Cli) -> None:
    before = sandbox.manifest.read_bytes()
    sandbox.misbehave(drain_seconds=30)
    waiting(sandbox, cli)
    assert list((sandbox.root / UNITS).glob("kaudit-setup-*.service"))
    sandbox.misbehave(power="off", drain_seconds=0.1)
    until(lambda: not list((sandbox.root / "proc").glob("[0-9]*")), "the end of every process")
    assert sandbox.manifest.read_bytes() != before
    sandbox.misbehave(power="on")
    until(lambda: sandbox.manifest.read_bytes() == before, "the old manifest")
    until(lambda: list((sandbox.root / "proc").glob("[0-9]*")), "kubelet")
    assert not list((sandbox.root / UNITS).rglob("kaudit-setup-*.service"))
    status = cli("status")
    assert "the watchdog undid the last change" in status.out, status
    done = cli(*ENABLE)
    assert done.code == 0, done


def test_recover_restores_what_nobody_watches(sandbox: Sandbox, cli: Cli) -> None:
    before = sandbox.manifest.read_bytes()
    waiting(sandbox, cli)
    alive = cli("recover", "--yes")
    assert alive.code == 1, alive
    assert "waits to be confirmed" in alive.err
    assert "--force pending" in alive.err
    [watchdog] = (sandbox.root / RUNS).glob("*/watchdog.pid")
    os.kill(int(watchdog.read_text().split()[0]), signal.SIGKILL)
    until(lambda: "has no watchdog any more" in cli("status").out, "the end of the watchdog")
    refused = cli(*ENABLE)
    assert refused.code == 1, refused
    assert "`kaudit-setup recover --host " in refused.err
    assert "` restores the old state" in refused.err
    assert "not a terminal: pass --yes" in cli("recover").err
    done = cli("recover", "--yes", "-o", "json")
    assert done.code == 0, done
    data = only(done.out)
    assert [run["became"] for run in data["runs"]] == ["reverted"]
    assert data["server"]
    assert sandbox.manifest.read_bytes() == before
    assert "nothing is left of any run" in cli("recover").out
    assert cli(*ENABLE).code == 0


def test_recover_undoes_what_waits_if_it_is_told_to(sandbox: Sandbox, cli: Cli, tmp_path: Path) -> None:
    before = sandbox.manifest.read_bytes()
    waiting(sandbox, cli)
    done = cli("recover", "--yes", "--force", "pending")
    assert done.code == 0, done
    assert "the old state is back and the API server answers" in done.out
    assert sandbox.manifest.read_bytes() == before
