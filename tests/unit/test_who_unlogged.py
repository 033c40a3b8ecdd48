"""Who is behind it where the log lacks a part of the chain: changes of ReplicaSets, nodes of Pods, whole names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from madeup import CONTROLLER, NOISE, Asker, event, write

STATEFULSETS, DAEMONSETS = f"{CONTROLLER}statefulset-controller", f"{CONTROLLER}daemon-set-controller"
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


def set_of(found: Event, generation: int, replicas: int = 3) -> Event:
    meta = {"name": "db", "uid": "u-db", "generation": generation}
    status = {"observedGeneration": generation}
    return with_bodies(
        found, {"kind": "StatefulSet", "metadata": meta, "spec": {"replicas": replicas}, "status": status}
    )


def scale_of(time: str, user: str, replicas: int) -> Event:
    answer = {"kind": "Scale", "metadata": {"name": "db"}, "spec": {"replicas": replicas}}
    found = event(time, user, "patch", "statefulsets", "db", sub="scale", **APPS)
    return with_bodies(found, answer, {"spec": {"replicas": replicas}})


def report(time: str, generation: int) -> Event:
    found = event(time, STATEFULSETS, "update", "statefulsets", "db", sub="status", **APPS)
    return set_of(found, generation)


def test_a_generation_beyond_the_last_known_change_shows_one_that_is_not_logged(who: Asker) -> None:
    """Each server writes its own log: somebody's restart met the other one."""
    meta = {"name": "db-2", "ownerReferences": owner("StatefulSet", "db")}
    pod = with_bodies(
        event("10:00:10.000000", STATEFULSETS, "create", "pods", "db-2", code=201), {"kind": "Pod", "metadata": meta}
    )
    begun = [report("09:00:00.000000", 3), scale_of("10:00:00.000000", "ivan", 3), report("10:00:00.010000", 4)]
    write(who.path, *begun, report("10:00:06.000000", 4), pod)
    assert who.json("created", "pod/db-2")["confidence"] == "certain"
    write(who.path, *begun, report("10:00:06.000000", 5), pod)
    found = who.json("created", "pod/db-2")
    assert (root(found), found["confidence"]) == ("ivan", "inferred")
    assert "the log lacks a change of statefulset default/db" in said(found)


def test_a_scale_to_the_same_size_counts_if_somebody_else_asked_for_another(who: Asker) -> None:
    """ivan scales to three, somebody whom another log has to one, irma to three again."""
    meta = {"name": "db-2", "ownerReferences": owner("StatefulSet", "db")}
    pod = with_bodies(
        event("10:00:10.000000", STATEFULSETS, "create", "pods", "db-2", code=201), {"kind": "Pod", "metadata": meta}
    )
    write(
        who.path,
        report("08:00:00.000000", 1),
        scale_of("09:00:00.000000", "ivan", 3),
        report("09:00:00.010000", 2),
        report("09:30:00.000000", 3),
        scale_of("10:00:00.000000", "irma", 3),
        report("10:00:00.010000", 4),
        pod,
    )
    assert root(who.json("created", "pod/db-2")) == "irma"


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
