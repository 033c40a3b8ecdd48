"""Which finding a refusal speaks of first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from changekit import planned

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.preflight import inspect
from kaudit_setup.node.observe import Process, RunSeen

SAMPLE = Path(__file__).resolve().parents[2] / "data/samples/kube-apiserver-1.36.2.yaml"


def test_a_change_that_waits_comes_before_what_it_may_have_caused(tmp_path: Path) -> None:
    """While a server restarts, its cluster cannot be asked: that is not what keeps the next change from coming."""
    manifests = tmp_path / "etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    shutil.copy(SAMPLE, manifests / "kube-apiserver.yaml")
    _, plan, state, _ = planned(tmp_path)
    run = RunSeen("r1", "", watchdog_alive=True, armed=True, about={"by": "ann@laptop", "deadline": 0})
    observed = replace(state.observed, servers=(Process(1, 1, ("kube-apiserver",)),), cluster=None, runs=(run,))
    found = inspect(NodeState.of(observed), plan, prove=True)
    blocking = [finding.name for finding in found if finding.blocks]
    assert blocking[0] == "pending"
    assert "peers-unknown" in blocking
