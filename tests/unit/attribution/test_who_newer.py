"""What is different in newer releases (1.36.2): the given real log with the bodies that its creates had, and requests
of which no log is at hand, in the order in which the source of 1.36.2 makes them.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from eventkit import ADMIN, CONTROLLER, Asker, event, write
from whokit import DATA, Lines, answer, in_lines

CREATED = {
    # (controller, how many creates of it came before) -> the Pod, and its owner's kind, group and name
    "replicaset-controller": [
        *(("web-7887448d46", five, "ReplicaSet", "apps") for five in ("7hl49", "gwxjj", "mj58g", "mtt74")),
        *(("web-74d4766659", five, "ReplicaSet", "apps") for five in ("2xl27", "cphv5")),
    ],
    "job-controller": [
        ("once", "88tx7", "Job", "batch"),
        ("tick-29924178", "kbrbx", "Job", "batch"),
        ("tick-29924179", "sn4jb", "Job", "batch"),
    ],
    "daemon-set-controller": [("agent", "q7wn5", "DaemonSet", "apps")],
}
OWNERS = {"replicasets": ("Deployment", "web", "apps"), "jobs": ("CronJob", "tick", "batch")}


def reference(kind: str, name: str, group: str) -> list[dict[str, Any]]:
    return [{"apiVersion": f"{group}/v1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]


def raised(level: str) -> Lines:
    """The given log with the creates of controllers at `level`: bodies as the controllers send and the server answers
    them (pkg/controller/controller_utils.go:GetPodFromTemplate, AS/pkg/audit/request.go:LogResponseObject).
    """
    with gzip.open(DATA / "logs" / "scenario-1.36.2-metadata" / "audit.log.gz") as stream:
        found = [json.loads(line) for line in stream]
    waiting = {controller: iter(pods) for controller, pods in CREATED.items()}
    for one in found:
        ref, user = one.get("objectRef") or {}, one["user"].get("username", "")
        if one["verb"] != "create" or one["stage"] != "ResponseComplete" or not user.startswith(CONTROLLER):
            continue
        meta: dict[str, Any] = {"namespace": ref.get("namespace")}
        name = ref.get("name", "")
        if ref.get("resource") == "pods" and not name:
            owner, five, kind, group = next(waiting[user.removeprefix(CONTROLLER)])
            meta |= {"generateName": f"{owner}-", "ownerReferences": reference(kind, owner, group)}
            name = f"{owner}-{five}"
        elif ref.get("resource") in OWNERS:
            meta |= {"name": name, "ownerReferences": reference(*OWNERS[ref["resource"]])}
        else:
            continue
        one["level"] = level
        one["requestObject"] = {"kind": "X", "metadata": meta}
        if level == "RequestResponse":
            one["responseObject"] = {"kind": "X", "metadata": {**meta, "name": name, "uid": f"uid-{name}"}}
    return in_lines(found)


@pytest.mark.parametrize("level", ["Request", "RequestResponse"])
@pytest.mark.parametrize(
    ("pod", "root"),
    [
        ("web-7887448d46-7hl49", "alice"),
        ("web-74d4766659-2xl27", "dave"),
        ("web-74d4766659-cphv5", "dave"),
        ("once-88tx7", "carol"),
        ("tick-29924178-kbrbx", "carol"),
        ("tick-29924179-sn4jb", "carol"),
        ("agent-q7wn5", "dave"),
    ],
)
def test_with_the_bodies_of_creates(level: str, pod: str, root: str) -> None:
    found = answer(raised(level), "created", f"pod/{pod}", "shop")
    assert found.root is not None
    assert found.root.user == root
    # bob scaled between alice's create and the ReplicaSet's: the Pod may be his
    shared = pod.startswith("web-7887448d46")
    # the Deployment's own changes have no body here, so that dave's may have been a label only
    assert found.confidence == ("inferred" if shared or pod.startswith("web-") else "certain")
    assert not shared or any("bob" in note for note in found.notes)


SCHEDULER = "system:kube-scheduler"


def preemption(message: str = "") -> list[dict[str, Any]]:
    """1.36 reports on the Pod that preempts and marks the victims before it deletes them."""
    late = {"ns": "late"}
    found = [
        event("09:00:00.000000", "alice", "create", "pods", "low", code=201, **late),
        event("09:00:00.100000", "carol", "create", "pods", "low2", code=201, **late),
        event("10:00:00.000000", "heidi", "create", "pods", "high", code=201, **late),
        event("10:00:00.010000", SCHEDULER, "patch", "pods", "high", sub="status", **late),
        event("10:00:00.020000", SCHEDULER, "patch", "pods", "low", sub="status", **late),
        event("10:00:00.021000", SCHEDULER, "patch", "pods", "low2", sub="status", **late),
        event("10:00:00.030000", SCHEDULER, "delete", "pods", "low", **late),
        event("10:00:00.031000", SCHEDULER, "delete", "pods", "low2", **late),
        event("10:00:31.000000", SCHEDULER, "create", "pods", "high", sub="binding", code=201, **late),
    ]
    if message:
        body = {"kind": "Event", "note": message, "regarding": {"kind": "Pod", "name": "low", "namespace": "late"}}
        said = event("10:00:00.040000", SCHEDULER, "create", "events", "low.18a", group="events.k8s.io", **late)
        found.append({**said, "level": "Request", "requestObject": body})
        found[3] |= {"level": "RequestResponse", "requestObject": {"status": {}}}
        found[3]["responseObject"] = {"kind": "Pod", "metadata": {"name": "high", "uid": "1234-5678"}}
    return found


@pytest.mark.parametrize(
    ("message", "confidence"), [("", "inferred"), ("Preempted by pod 1234-5678 on node n1", "certain")]
)
def test_a_preempted_pod_leads_to_whom_the_room_was_for(who: Asker, message: str, confidence: str) -> None:
    write(who.path, *preemption(message))
    found = who.json("deleted", "pod/low", "-n", "late")
    assert found["root"]["user"] == "heidi"
    assert found["confidence"] == confidence
    assert found["answer"]["user"] == SCHEDULER
    assert found["chain"][1]["object"]["name"] == "high"


def test_two_that_preempt_at_once_are_not_told_apart(who: Asker) -> None:
    other = [
        event("10:00:00.000000", "ivan", "create", "pods", "tall", ns="late", code=201),
        event("10:00:00.015000", SCHEDULER, "patch", "pods", "tall", ns="late", sub="status"),
    ]
    write(who.path, *sorted([*preemption(), *other], key=lambda one: one["stageTimestamp"]))
    found = who.json("deleted", "pod/low", "-n", "late")
    assert found["root"] is None
    assert any("higher priority" in note for note in found["notes"])


def test_the_bookkeeping_of_the_job_controller_is_no_wish(who: Asker) -> None:
    """Since 1.26 it takes its finalizer off each Pod that ended, and reports on the Job; an index is in the name."""
    jobs, batch = f"{CONTROLLER}job-controller", {"group": "batch"}
    write(
        who.path,
        event("09:00:00.000000", "carol", "create", "jobs", "render", code=201, **batch),
        event("09:00:00.100000", jobs, "create", "pods", code=201),
        event("09:00:00.110000", SCHEDULER, "create", "pods", "render-0-bbcdf", sub="binding", code=201),
        event("09:10:00.000000", jobs, "patch", "pods", "render-0-bbcdf"),
        event("09:10:00.100000", jobs, "update", "jobs", "render", sub="status", **batch),
        event("09:10:00.200000", jobs, "create", "pods", code=201),
        event("09:10:00.210000", SCHEDULER, "create", "pods", "render-1-xxcdf", sub="binding", code=201),
        event("09:20:00.000000", "bob", "patch", "jobs", "render", **batch),
        event("09:20:00.100000", jobs, "create", "pods", code=201),
        event("09:20:00.110000", SCHEDULER, "create", "pods", "render-2-zzcdf", sub="binding", code=201),
    )
    assert who.json("created", "pod/render-0-bbcdf")["root"]["user"] == "carol"
    assert who.json("created", "pod/render-1-xxcdf")["root"]["user"] == "carol"
    assert who.json("changed", "pod/render-0-bbcdf")["answer"]["user"] == jobs
    found = who.json("created", "pod/render-2-zzcdf")
    assert found["root"]["user"] == "bob"
    assert any("carol" in note for note in found["notes"])


@pytest.mark.parametrize("controller", ["node-controller", "taint-eviction-controller"])
def test_a_taint_leads_to_whoever_set_it(who: Asker, controller: str) -> None:
    """The controller marks the Pod first (condition DisruptionTarget)."""
    evictor = f"{CONTROLLER}{controller}"
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("09:00:00.100000", SCHEDULER, "create", "pods", "x", sub="binding", code=201),
        event("09:00:01.000000", "system:node:n1", "patch", "pods", "x", sub="status"),
        event("10:00:00.000000", "trent", "patch", "nodes", "n1", ns=""),
        event("10:00:00.100000", evictor, "patch", "pods", "x", sub="status"),
        event("10:00:00.110000", evictor, "delete", "pods", "x"),
        event("10:00:31.000000", "system:node:n1", "delete", "pods", "x"),
    )
    found = who.json("deleted", "pod/x")
    assert found["root"]["user"] == "trent"
    assert found["confidence"] == "inferred"


def test_a_terminal_over_a_websocket_is_a_get_and_a_resize_is_a_change(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "eve", "get", "pods", "x", sub="exec", code=101),
        event("11:00:00.000000", "bob", "patch", "pods", "x", sub="resize"),
        event("12:00:00.000000", "carol", "patch", "pods", "x", sub="ephemeralcontainers"),
    )
    assert who.json("exec", "pod/x")["answer"]["user"] == "eve"
    assert who.json("read", "pod/x")["answer"] is None
    assert who.json("changed", "pod/x")["answer"]["user"] == "carol"
    assert who.json("changed", "pod/x", "--until", "2026-11-23T11:30:00Z")["answer"]["user"] == "bob"


def test_a_scale_by_two_autoscalers_is_told_by_their_reports(who: Asker) -> None:
    """Several workers serve autoscalers at once; each reports on its own right after it scaled."""
    scaler, hpa, apps = f"{CONTROLLER}horizontal-pod-autoscaler", {"group": "autoscaling"}, {"group": "apps"}
    deployer = f"{CONTROLLER}deployment-controller"
    write(
        who.path,
        event("08:00:00.000000", "alice", "create", "deployments", "web", code=201, **apps),
        event("08:00:00.100000", deployer, "create", "replicasets", "web-5d9c7b8f6d", code=201, **apps),
        event("09:00:00.000000", "carol", "create", "horizontalpodautoscalers", "first", code=201, **hpa),
        event("09:00:01.000000", "judy", "create", "horizontalpodautoscalers", "second", code=201, **hpa),
        event("09:30:00.000000", "dave", "patch", "horizontalpodautoscalers", "second", **hpa),
        event("09:59:59.000000", scaler, "update", "horizontalpodautoscalers", "first", sub="status", **hpa),
        event("10:00:00.000000", scaler, "update", "deployments", "web", sub="scale", **apps),
        event("10:00:00.010000", scaler, "update", "horizontalpodautoscalers", "second", sub="status", **hpa),
        event("10:00:00.020000", deployer, "update", "replicasets", "web-5d9c7b8f6d", **apps),
        event("10:00:00.030000", f"{CONTROLLER}replicaset-controller", "create", "pods", code=201),
        event("10:00:00.040000", SCHEDULER, "create", "pods", "web-5d9c7b8f6d-bbcdf", sub="binding", code=201),
        event("10:00:15.000000", scaler, "update", "horizontalpodautoscalers", "first", sub="status", **hpa),
        event("10:00:15.100000", scaler, "update", "horizontalpodautoscalers", "second", sub="status", **hpa),
    )  # fmt: skip
    found = who.json("created", "pod/web-5d9c7b8f6d-bbcdf")
    assert found["root"]["user"] == "dave"
    assert found["chain"][-1]["object"]["name"] == "second"
    assert found["confidence"] == "inferred"
    for user in ("judy", "alice"):
        assert any(user in note for note in found["notes"])


def test_an_autoscaler_that_the_log_does_not_know_is_not_its_target(who: Asker) -> None:
    scaler, apps = f"{CONTROLLER}horizontal-pod-autoscaler", {"group": "apps"}
    write(
        who.path,
        event("08:00:00.000000", "alice", "create", "statefulsets", "db", code=201, **apps),
        event("10:00:00.000000", scaler, "update", "statefulsets", "db", sub="scale", **apps),
        event("10:00:00.030000", f"{CONTROLLER}statefulset-controller", "create", "pods", "db-3", code=201),
    )
    found = who.json("created", "pod/db-3")
    assert found["root"] is None
    assert any("which autoscaler it acted for is not in the log" in note for note in found["notes"])
    assert any("alice" in note for note in found["notes"])


def test_groups_of_the_new_admin_are_kept(who: Asker) -> None:
    """Since 1.29 kubeadm's admin is in a group of its own, bound to cluster-admin."""
    groups = ["kubeadm:cluster-admins", "system:authenticated"]
    assert groups != ADMIN
    made = event("09:00:00.000000", "kubernetes-admin", "create", "pods", "x", code=201)
    write(who.path, {**made, "user": {"username": "kubernetes-admin", "groups": groups}})
    assert who.json("created", "pod/x")["answer"]["groups"] == groups
