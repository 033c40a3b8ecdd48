"""A node is not restarted while another one of its cluster is stopped, however that was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleetkit import hosts, nodes

ASIDE = "kube-apiserver.yaml.aside"


def test_a_peer_that_was_stopped_in_good_order_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with nodes(tmp_path, "cp1 cp2") as fleet:
        fleet.capture = capsys
        cp1, cp2 = fleet.boxes
        # as somebody stops a static Pod: the server takes its address out of the endpoints
        aside = cp2.root / ASIDE
        cp2.manifest.rename(aside)
        cp1.wait(lambda: str(cp2.api_port) not in endpoints(cp1.folder), "the end of cp2's announcement")
        before, starts = cp1.manifest.read_bytes(), cp1.starts()

        refused = fleet.run("enable", "--policy", "metadata", "--yes", *hosts("cp1"))
        assert refused.code == 1
        assert "cp2 does not (is it stopped?)" in refused.err
        assert "kubectl delete node NAME; --force peer-stopped" in refused.err
        assert (cp1.manifest.read_bytes(), cp1.starts()) == (before, starts)

        shown = fleet.run("enable", "--policy", "metadata", "--dry-run", *hosts("cp1"))
        assert "REFUSED peer-stopped" in shown.out

        done = fleet.run("enable", "--policy", "metadata", "--yes", "--force", "peer-stopped", *hosts("cp1"))
        assert done.code == 0, done.err
        # nothing to restart, nothing to refuse
        again = fleet.run("enable", "--policy", "metadata", "--yes", *hosts("cp1"))
        assert again.code == 0, again.err

        aside.rename(cp2.manifest)
        cp1.wait(lambda: str(cp2.api_port) in endpoints(cp1.folder), "cp2's announcement")
        off = fleet.run("disable", "--yes", *hosts("cp1"))
        assert off.code == 0, off.err


def endpoints(folder: Path) -> str:
    """What etcd holds, as far as it is about API servers."""
    objects = json.loads((folder / "etcd.json").read_text())["objects"]
    return json.dumps(objects["/endpoints/default/kubernetes"]["subsets"])
