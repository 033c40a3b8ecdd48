"""Logs on nodes of several clusters, told apart by the CA that is on them, and servers that write no log."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from logkit import event, write

from kaudit_setup.cli import connect, main
from kaudit_setup.errors import NodeError
from kaudit_setup.fleet.logs import clusters
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.peers import Address
from kaudit_setup.report.times import localized

SAMPLES = Path(__file__).parents[2] / "data/samples"
Make = Callable[..., None]


class Named(LocalNode):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._name = root.name

    @property
    def name(self) -> str:
        return self._name


class Unreachable(Named):
    def sh(self, *_: object, **__: object) -> Any:
        raise NodeError(f"{self.name}: no route to host")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a node: its name, the text of its CA, who made the Pod by it, whether auditing is on."""
    made: list[Candidate] = []

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield made

    def one(
        name: str, ca: str = "", user: str = "", *, on: bool = True, claimed: str = "", lost: bool = False
    ) -> None:
        root = tmp_path / name
        ref = {"resource": "pods", "namespace": "default", "name": "samename"}
        who = {"username": user, "groups": []}
        did = [event(50, auditID=name, verb="create", objectRef=ref, user=who)] if user else []
        write(root / "var/log/kubernetes/audit/audit.log", event(1), *did, event(100))
        if ca:
            body = base64.b64encode(ca.encode()).decode()
            pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
            (root / "etc/kubernetes/pki").mkdir(parents=True)
            (root / "etc/kubernetes/pki/ca.crt").write_text(pem)
            audited = ".audited-by-kubeadm" if on else ""
            (root / "etc/kubernetes/manifests").mkdir()
            sample = (SAMPLES / f"kube-apiserver-1.36.2{audited}.yaml").read_text()
            (root / "etc/kubernetes/manifests/kube-apiserver.yaml").write_text(sample)
        made.append(Candidate((Unreachable if lost else Named)(root), claimed))

    monkeypatch.setattr(connect, "nodes", opened)
    return one


LOG = ["--host", "x", "--log", "/var/log/kubernetes/audit"]


def answers(capfd: pytest.CaptureFixture[str], *args: str) -> list[dict[str, Any]]:
    main([*args, "-o", "json"])
    items: list[dict[str, Any]] = json.loads(capfd.readouterr().out)["items"]
    return items


def text(capfd: pytest.CaptureFixture[str], *args: str) -> str:
    main([*args])
    return capfd.readouterr().out


def test_nodes_of_two_clusters_have_two_answers(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice", claimed="prod")
    make("cp2", "A", claimed="prod")
    make("cp3", "B", "mallory", claimed="test")
    found = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert [(one["cluster"], one["root"]["user"]) for one in found] == [("prod", "alice"), ("test", "mallory")]
    assert [[cover["node"] for cover in one["coverage"]] for one in found] == [["cp1", "cp2"], ["cp3"]]
    table = text(capfd, "events", "--name", "samename", *LOG)
    assert [line.split()[0] for line in table.splitlines()] == ["CLUSTER", "prod", "test"]
    (top,) = answers(capfd, "top", "--by", "cluster", *LOG)
    assert {row["cluster"]: row["events"] for row in top["rows"]} == {"prod": 5, "test": 3}


def test_the_ca_decides_and_names_where_the_inventory_does_not(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice")
    make("cp2", "B", "mallory")
    names = [one["cluster"] for one in answers(capfd, "who", "created", "pod/samename", *LOG)]
    assert all(name.startswith("cluster ") for name in names)
    assert len(set(names)) == 2


def test_one_claim_for_two_clusters_does_not_mix_them(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice", claimed="prod")
    make("cp2", "B", "mallory", claimed="prod")
    found = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert [one["root"]["user"] for one in found] == ["alice", "mallory"]
    assert len({one["cluster"] for one in found}) == 2


def test_nodes_of_one_cluster_are_as_ever(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice")
    make("cp2", "A")
    (found,) = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert (found["root"]["user"], found["confidence"], "cluster" in found) == ("alice", "certain", False)


def test_where_logs_are_gathered_there_is_no_ca(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("logs1", "", "alice")
    make("logs2", "")
    assert len(answers(capfd, "who", "created", "pod/samename", *LOG)) == 1
    make("cp1", "A", claimed="prod")
    assert len(answers(capfd, "who", "created", "pod/samename", *LOG)) == 1
    make("cp2", "B", claimed="test")
    assert main(["who", "created", "pod/samename", *LOG]) == 2
    assert "logs1 has no cluster CA, so which of 2 clusters its log is of cannot be told" in capfd.readouterr().err


def test_the_inventory_says_where_gathered_logs_belong(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", claimed="prod")
    make("logs", "", "alice", claimed="prod")
    make("cp2", "B", claimed="test")
    found = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert [(one["cluster"], one["root"] is not None) for one in found] == [("prod", True), ("test", False)]


def test_a_cluster_that_cannot_be_reached_does_not_end_the_others(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    make("cp1", "A", "alice", claimed="prod")
    make("cp2", "B", claimed="test")
    make("cp3", "", claimed="away", lost=True)
    found = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert [one["cluster"] for one in found] == ["prod", "test", "away"]
    assert any("The log of cp3 is missing from this answer" in note for note in found[2]["notes"])


GIST = "requests through cp2 after 2026-11-23T16:01:40.000000Z are not in this log (audit logging is off there)"


def test_a_server_that_is_not_auditing_is_said(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice")
    make("cp2", "A", on=False)
    said = text(capfd, "who", "changed", "pod/samename", *LOG).splitlines()
    assert said[0].startswith("No successful change of pod default/samename")
    assert localized(GIST) in said[0]
    (created,) = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert (created["confidence"], any(GIST[1:] in note for note in created["notes"])) == ("certain", True)
    said = text(capfd, "who", "touched", "pod/samename", *LOG).splitlines()
    assert localized(GIST) in said[0]
    assert said[1] == "Confidence: inferred."


def test_a_server_that_was_not_asked_is_said(
    make: Make, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make("cp1", "A", "alice")
    real = clusters.observe
    seen = ClusterSeen(None, servers=(Address("192.0.2.1", 6443), Address("192.0.2.9", 6443)))
    monkeypatch.setattr(clusters, "observe", lambda node, **how: announced(real(node, **how), seen))
    monkeypatch.setattr(clusters, "cluster_of", lambda observed: observed.cluster)
    said = text(capfd, "who", "deleted", "pod/samename", *LOG).splitlines()[0]
    assert "requests through 192.0.2.9:6443 are not in this log (an API server of this cluster that was not" in said


def announced(observed: Observed, seen: ClusterSeen) -> Observed:
    return replace(observed, cluster=seen)


def test_a_node_whose_log_could_not_be_read_is_said(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "A", "alice")
    make("cp2", "", lost=True)
    said: Sequence[str] = text(capfd, "who", "read", "pod/samename", *LOG).splitlines()
    assert "requests through cp2 are not in this log (its log could not be read)" in said[0]


DROPS_PODS = """apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  resources: [{group: "", resources: [pods]}]
- level: Metadata
"""


def with_policy(root: Path, policy: str) -> None:
    manifest = (root / "etc/kubernetes/manifests/kube-apiserver.yaml").read_text()
    path = root / manifest.partition("--audit-policy-file=")[2].split()[0].lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(policy)


@pytest.mark.parametrize("asked", [["deleted", "pod/samename"], ["deleted", "pods", "-A"]])
def test_what_the_policy_on_a_node_drops_is_said_first(
    make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    make("cp1", "A", "alice")
    with_policy(tmp_path / "cp1", DROPS_PODS)
    said = text(capfd, "who", *asked, *LOG).splitlines()[0]
    assert said.startswith("No ")
    assert said.endswith("; the policy of cp1, as it is now, does not log this: rule 1 (line 4) has level None.")
    # what the log holds stays what it is, under whatever policy it was written
    (created,) = answers(capfd, "who", "created", "pod/samename", *LOG)
    assert (created["root"]["user"], created["confidence"]) == ("alice", "certain")
    # nor is it said of what the policy logs
    assert "policy" not in text(capfd, "who", "deleted", "secret/samename", *LOG).splitlines()[0]


@pytest.mark.parametrize(
    ("here", "said"), [(-180, "seconds ahead of the one here"), (200, "seconds behind the one here"), (0, "")]
)
def test_a_node_whose_clock_is_apart_is_said(
    here: int, said: str, make: Make, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "time", lambda: time.time() + here)
    make("cp1", "A", "alice")
    for question in (["who", "created", "pod/samename"], ["who", "deleted", "pods"]):
        (found,) = answers(capfd, *question, *LOG)
        about = [note for note in found["notes"] if "the clock of cp1" in note]
        assert len(about) == bool(said)
        assert all(said in note for note in about)
