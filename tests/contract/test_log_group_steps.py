"""`--log-group` killed at any step: the log and its folder have their old rights afterwards."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from changekit import MANIFEST, POLICY, STATE, apply, planned, shims, tree, until

from kaudit_setup.change.plan_enable import Wanted
from kaudit_setup.change.prepare import prepare_enable
from kaudit_setup.errors import KauditError
from kaudit_setup.sandbox import Sandbox

LOGS = "var/log/kubernetes/audit"
GROUP = "4"


def rights(folder: Path) -> list[tuple[int, int, int]]:
    return [(s.st_mode & 0o777, s.st_uid, s.st_gid) for s in (folder.stat(), (folder / "audit.log").stat())]


@pytest.mark.parametrize("at", range(12, 68, 5))
def test_killed_at_any_step_the_old_rights_come_back(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    logs = folder / LOGS
    logs.mkdir(parents=True, mode=0o700)
    (logs / "audit.log").write_bytes(b"{}\n")
    (logs / "audit.log").chmod(0o600)
    files, old = tree(folder), rights(logs)
    node, _, _, run = planned(folder)
    prepared = prepare_enable(node, Wanted(POLICY, log_group=GROUP), prove=False)
    assert len(prepared.plan.rights) == 2
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{shims(folder, tmp_path, at)}:{path}")
    with contextlib.suppress(KauditError):
        apply(node, prepared.plan, prepared.state, run, watchdog_s=1)
    monkeypatch.setenv("PATH", path)
    pending = folder / STATE / "run" / run.id
    if (pending / "watchdog.pid").exists():
        until((pending / "outcome").exists, "the watchdog's outcome")
    assert rights(logs) == old
    assert (folder / MANIFEST).read_bytes() == files[MANIFEST]


def test_a_living_server_writes_a_log_that_the_group_may_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kaudit_setup.cli import main

    with Sandbox.start() as box:
        reach = ["--host", box.host, "--ssh-config", str(box.ssh_config)]
        assert main(["enable", "--policy", "metadata", "--log-group", GROUP, "--yes", *reach]) == 0
        assert "proof: a marked request was found" in capsys.readouterr().out
        found = rights(box.root / LOGS)
        assert [mode for mode, _, _ in found] == [0o750, 0o640]
        if os.geteuid() == 0:
            assert {group for _, _, group in found} == {int(GROUP)}
        assert (box.root / LOGS / "audit.log").read_bytes()
        assert main(["disable", "--yes", *reach]) == 0
        assert [mode for mode, _, _ in rights(box.root / LOGS)] != [0o750, 0o640]
