"""Which finding a refusal speaks of first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from changekit import planned
from folderkit import node_folder

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.preflight import inspect
from kaudit_setup.node.observe import Process, RunSeen


def test_a_change_that_waits_comes_before_what_it_may_have_caused(tmp_path: Path) -> None:
    """While a server restarts, its cluster cannot be asked: that is not what keeps the next change from coming."""
    node_folder(tmp_path)
    _, plan, state, _ = planned(tmp_path)
    run = RunSeen("r1", "", watchdog_alive=True, armed=True, about={"by": "ann@laptop", "deadline": 0})
    observed = replace(state.observed, servers=(Process(1, 1, ("kube-apiserver",)),), cluster=None, runs=(run,))
    found = inspect(NodeState.of(observed), plan, prove=True)
    blocking = [finding.name for finding in found if finding.blocks]
    assert blocking[0] == "pending"
    assert "peers-unknown" in blocking
