"""Pods that are made to match a controller's selector, or no longer: who did that, on small made-up logs."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write
from whokit import at_level

SETS, DEPLOYER = f"{CONTROLLER}replicaset-controller", f"{CONTROLLER}deployment-controller"
NODES, JOBS = f"{CONTROLLER}node-controller", f"{CONTROLLER}job-controller"
LEVELS = ("RequestResponse", "Request", "Metadata")
WEB = "web-7b7b7746b7"
OWNERS = {"Deployment": ("apps/v1", "web"), "ReplicaSet": ("apps/v1", WEB), "Job": ("batch/v1", "load")}
Event = dict[str, Any]


def owned(kind: str) -> Event:
    version, name = OWNERS[kind]
    return {
        "ownerReferences": [
            {"apiVersion": version, "kind": kind, "name": name, "uid": f"u-{name}", "controller": True}
        ]
    }


def bodies(found: Event, request: Event, answer: Event | None = None) -> Event:
    return {**found, "requestObject": request, "responseObject": answer or request}


def made(time: str, user: str, kind: str, resource: str, owner: str = "") -> Event:
    version, name = OWNERS[kind]
    meta = {"name": name, **(owned(owner) if owner else {})}
    body = {"kind": kind, "apiVersion": version, "metadata": meta, "spec": {"replicas": 2}}
    told = {**body, "metadata": {**meta, "uid": f"u-{name}", "generation": 1}}
    group = version.partition("/")[0]
    return bodies(event(f"10:00:{time}", user, "create", resource, name, code=201, group=group), body, told)


def pod(time: str, name: str, kind: str = "ReplicaSet", user: str = SETS) -> list[Event]:
    """A controller's Pod, and how it meets the scheduler."""
    prefix = f"{OWNERS[kind][1]}-"
    asked = {"kind": "Pod", "metadata": {"generateName": prefix, **owned(kind)}}
    told = {"kind": "Pod", "metadata": {"name": name, "generateName": prefix, "uid": f"u-{name}", **owned(kind)}}
    create = bodies(event(f"10:00:{time}", user, "create", "pods", code=201), asked, told)
    return [create, bound(f"{time[:-3]}500", name)]


def bound(time: str, name: str, node: str = "cp1") -> Event:
    found = event(f"10:00:{time}", "system:kube-scheduler", "create", "pods", name, code=201, sub="binding")
    return bodies(found, {"kind": "Binding", "target": {"kind": "Node", "name": node}}, {"kind": "Status"})


def patched(time: str, user: str, name: str, meta: Event, left: Event | None = None) -> Event:
    """A patch of a Pod's metadata, after which it is whose `left` says."""
    told = {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}", **(meta if left is None else left)}}
    return bodies(event(f"10:00:{time}", user, "patch", "pods", name), {"metadata": meta}, told)


def deleted(time: str, user: str, name: str, **meta: Any) -> Event:
    told = {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}", **meta}}
    return bodies(event(f"10:00:{time}", user, "delete", "pods", name), {"kind": "DeleteOptions"}, told)


RELEASE = {"ownerReferences": [{"$patch": "delete", "uid": f"u-{WEB}"}]}
BEGUN = [
    made("00.000000", "alice", "Deployment", "deployments"),
    made("00.020000", DEPLOYER, "ReplicaSet", "replicasets", "Deployment"),
    *pod("00.040000", f"{WEB}-bbbb2"),
    *pod("00.060000", f"{WEB}-cccc2"),
]
QUARANTINED = [
    patched("04.000000", "trent", f"{WEB}-bbbb2", {"labels": {"app": "off"}}, owned("ReplicaSet")),
    patched("04.020000", SETS, f"{WEB}-bbbb2", RELEASE, {"labels": {"app": "off"}}),
    *pod("04.030000", f"{WEB}-dddd2"),
]
BACK = [
    patched("30.000000", "oscar", f"{WEB}-bbbb2", {"labels": {"app": "web"}}),
    patched("30.020000", SETS, f"{WEB}-bbbb2", owned("ReplicaSet")),
    deleted("30.030000", SETS, f"{WEB}-dddd2", **owned("ReplicaSet")),
]


def said(found: Event) -> str:
    return " ".join([*found["notes"], *(link["why"] for link in found["chain"])])


def asked(who: Asker, level: str, events: list[Event], *question: str) -> tuple[Event, str | None, str]:
    write(who.path, *(at_level(one, level) for one in events))
    found = who.json(*question)
    return found, found["root"] and found["root"]["user"], found["confidence"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_pod_too_many_is_of_whoever_put_another_one_back(who: Asker, level: str) -> None:
    events = [*BEGUN, *QUARANTINED, *BACK]
    found, root, confidence = asked(who, level, events, "deleted", f"pod/{WEB}-dddd2")
    assert (root, confidence) == ("oscar", "inferred" if level == "Metadata" else "certain")
    assert found["chain"][-1]["object"]["name"] == f"{WEB}-bbbb2"
    assert "adopted it and had one Pod too many" in said(found)


@pytest.mark.parametrize("level", LEVELS)
def test_whoever_takes_a_pod_away_made_another_one_necessary(who: Asker, level: str) -> None:
    found, root, _ = asked(who, level, [*BEGUN, *QUARANTINED], "created", f"pod/{WEB}-dddd2")
    assert root == "alice"
    assert f"it took the place of pod default/{WEB}-bbbb2, which trent changed at" in said(found)


def test_what_a_controller_lets_go_is_not_what_it_takes_over(who: Asker) -> None:
    """At Metadata both are patches: that which is followed by a new Pod was not what made one too many."""
    events = [*BEGUN, *QUARANTINED, deleted("04.200000", SETS, f"{WEB}-cccc2", **owned("ReplicaSet"))]
    found, root, _ = asked(who, "Metadata", events, "deleted", f"pod/{WEB}-cccc2")
    assert root is None
    assert "nobody had just scaled it down" in said(found)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["bare", f"{WEB}-intru"])
def test_a_pod_that_matches_and_is_not_needed_is_its_makers(who: Asker, level: str, name: str) -> None:
    body = {"kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}}}
    create = bodies(event("10:00:20.000000", "mallory", "create", "pods", name, code=201), body)
    adopt = patched("20.030000", SETS, name, owned("ReplicaSet"))
    for gone in (name, f"{WEB}-cccc2"):
        events = [*BEGUN, create, adopt, deleted("20.050000", SETS, gone, **owned("ReplicaSet"))]
        _, root, confidence = asked(who, level, events, "deleted", f"pod/{gone}")
        assert (root, confidence) == ("mallory", "inferred" if level == "Metadata" else "certain")


def test_a_replicaset_that_is_new_is_behind_what_it_takes_over(who: Asker) -> None:
    body = {"kind": "Pod", "metadata": {"name": "bare", "labels": {"app": "web"}}}
    events = [
        bodies(event("09:00:00.000000", "carol", "create", "pods", "bare", code=201), body),
        made("10.000000", "bob", "ReplicaSet", "replicasets"),
        patched("10.020000", SETS, "bare", owned("ReplicaSet")),
        deleted("10.040000", SETS, "bare", **owned("ReplicaSet")),
    ]
    _, root, confidence = asked(who, "RequestResponse", events, "deleted", "pod/bare")
    assert (root, confidence) == ("bob", "inferred")


@pytest.mark.parametrize("level", LEVELS)
def test_whoever_tainted_a_node_made_new_pods_necessary(who: Asker, level: str) -> None:
    taint = {"spec": {"taints": [{"effect": "NoExecute", "key": "k"}]}}
    events = [
        *BEGUN,
        bodies(event("10:00:30.000000", "trent", "patch", "nodes", "cp1", ns=""), taint),
        deleted("30.100000", NODES, f"{WEB}-bbbb2", **owned("ReplicaSet")),
        *pod("30.130000", f"{WEB}-dddd2"),
    ]
    found, root, _ = asked(who, level, events, "created", f"pod/{WEB}-dddd2")
    assert root == "alice"
    assert f"which {NODES} deleted at 2026-11-23T10:00:30.100000Z, after trent changed node cp1" in said(found)


@pytest.mark.parametrize("level", LEVELS)
def test_whoever_deleted_a_pod_of_a_job_made_the_next_necessary(who: Asker, level: str) -> None:
    events = [
        made("00.000000", "rita", "Job", "jobs"),
        *pod("00.040000", "load-bbbb2", "Job", JOBS),
        deleted("10.000000", "sam", "load-bbbb2", **owned("Job")),
        *pod("10.030000", "load-cccc2", "Job", JOBS),
    ]
    found, root, _ = asked(who, level, events, "created", "pod/load-cccc2")
    assert root == "rita"
    assert "it took the place of pod default/load-bbbb2, which sam deleted at" in said(found)
