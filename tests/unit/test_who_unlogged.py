"""Who is behind it where the log lacks a part of the chain: changes of ReplicaSets, nodes of Pods, whole names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from madeup import CONTROLLER, NOISE, Asker, event, write

DAEMONSETS = f"{CONTROLLER}daemon-set-controller"
NODES = f"{CONTROLLER}node-controller"
Event = dict[str, Any]
APPS: Event = {"group": "apps"}


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    return Asker(tmp_path, capsys)


def root(found: dict[str, Any]) -> str | None:
    return found["root"]["user"] if found["root"] else None


def said(found: dict[str, Any]) -> str:
    return " ".join([*found["notes"], *(link["why"] for link in found["chain"])])


def owner(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"u-{name}", "controller": True}]


def with_bodies(found: Event, answer: dict[str, Any], asked: dict[str, Any] | None = None) -> Event:
    return {**found, "level": "RequestResponse", "requestObject": asked or answer, "responseObject": answer}


GONE = event("10:00:01.000000", NODES, "delete", "pods", "tn")


def test_a_taint_is_a_candidate_where_the_log_does_not_tell_the_node(who: Asker) -> None:
    taint = event("10:00:00.000000", "nick", "patch", "nodes", "cp1", ns="")
    write(who.path, *NOISE, event("09:00:00.000000", "alice", "create", "pods", "tn", code=201), taint, GONE)
    found = who.json("deleted", "pod/tn")
    assert (root(found), found["confidence"]) == ("nick", "inferred")
    assert "which node pod default/tn was on is not in the log" in said(found)


def test_nobody_is_cleared_of_a_taint_where_the_log_does_not_tell_the_node(who: Asker) -> None:
    elsewhere = [event(f"09:5{n}:00.000000", f"nick{n}", "patch", "nodes", f"n{n}", ns="") for n in (5, 6)]
    write(who.path, *NOISE, event("09:00:00.000000", "alice", "create", "pods", "tn", code=201), GONE)
    found = who.json("deleted", "pod/tn")
    assert root(found) is None
    assert "which node pod default/tn was on is not in this log" in said(found)
    assert "nobody" not in said(found)
    write(who.path, *NOISE, *elsewhere, GONE)
    found = who.json("deleted", "pod/tn")
    assert root(found) is None
    assert "nick5 changed node n5 before that" in said(found)


def daemon(time: str, name: str, node: str) -> Event:
    """A DaemonSet's Pod, which its controller pins to a node."""
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    required = {"nodeSelectorTerms": [{"matchFields": fields}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    meta = {"name": name, "generateName": "agn-", "ownerReferences": owner("DaemonSet", "agn")}
    body = {"kind": "Pod", "metadata": meta, "spec": {"affinity": affinity}}
    return with_bodies(event(time, DAEMONSETS, "create", "pods", code=201), body)


def test_a_daemonsets_pod_goes_with_its_node(who: Asker) -> None:
    """Long after, and never bound: its affinity tells which node it was for."""
    created = event("09:00:00.000000", "kate", "create", "daemonsets", "agn", code=201, **APPS)
    pods = [daemon("09:00:01.000000", "agn-bbbb2", "n1"), daemon("09:00:02.000000", "agn-cccc2", "n2")]
    ends = [event("10:00:30.000000", DAEMONSETS, "delete", "pods", f"agn-{five}") for five in ("bbbb2", "cccc2")]
    gone = event("10:00:00.000000", "wes", "delete", "nodes", "n2", ns="")
    write(who.path, created, *pods, gone, *ends)
    found = who.json("deleted", "pod/agn-cccc2")
    assert (root(found), found["confidence"]) == ("wes", "inferred")
    assert "wes deleted the node of pod default/agn-cccc2" in said(found)
    assert root(who.json("deleted", "pod/agn-bbbb2")) != "wes"
    # changed since, and so replaced on all nodes
    change = event("10:00:20.000000", "luke", "patch", "daemonsets", "agn", **APPS)
    write(who.path, created, *pods, gone, change, *ends)
    assert root(who.json("deleted", "pod/agn-cccc2")) == "luke"
