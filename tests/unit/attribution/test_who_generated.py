"""Who made what the server named, where the log has the name only later: on small made-up logs."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write
from whokit import at_level

JOBS, SETS = f"{CONTROLLER}job-controller", f"{CONTROLLER}replicaset-controller"
DEPLOYER, SCHEDULER, KUBELET = f"{CONTROLLER}deployment-controller", "system:kube-scheduler", "system:node:cp1"
LEVELS = ("RequestResponse", "Request", "Metadata")
WEB = "web-7b7b7746b7"
BATCH, APPS = {"group": "batch"}, {"group": "apps"}
Event = dict[str, Any]


def generated(time: str, user: str, resource: str, prefix: str, name: str, owner: Event | None = None) -> Event:
    """A create with `generateName`; the answer has the name."""
    meta = {"generateName": prefix, **({"ownerReferences": [owner]} if owner else {})}
    group = {"jobs": "batch", "pods": ""}[resource]
    found = event(time, user, "create", resource, code=201, group=group)
    body = {"metadata": meta}
    return {
        **found,
        "requestObject": body,
        "responseObject": {"metadata": {**meta, "name": name, "uid": f"u-{name}"}},
    }


def bound(time: str, name: str) -> Event:
    return event(time, SCHEDULER, "create", "pods", name, code=201, sub="binding")


def reported(time: str, name: str) -> Event:
    return event(time, KUBELET, "patch", "pods", name, sub="status")


def told(who: Asker, level: str, events: list[Event], target: str) -> tuple[str | None, Event]:
    write(who.path, *(at_level(one, level) for one in events))
    found = who.json("created", target)
    return found["root"] and found["root"]["user"], found


def job(name: str) -> Event:
    return {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": f"u-{name}", "controller": True}


TWO_JOBS = [
    generated("10:00:00.100000", "olga", "jobs", "gen-", "gen-hjrhf"),
    event("10:00:00.140000", JOBS, "update", "jobs", "gen-hjrhf", sub="status", **BATCH),
    generated("10:00:00.250000", "pete", "jobs", "gen-", "gen-fdkl9"),
    event("10:00:00.290000", JOBS, "update", "jobs", "gen-fdkl9", sub="status", **BATCH),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "maker"), [("gen-hjrhf", "olga"), ("gen-fdkl9", "pete")])
def test_what_the_log_names_already_was_not_asked_for_later(who: Asker, level: str, name: str, maker: str) -> None:
    """The link above a Pod says the same as the answer about its Job, long after that was made."""
    events = [
        *TWO_JOBS,
        generated("11:30:00.000000", SETS, "pods", "other-7b7b7746b7-", "other-7b7b7746b7-bbbb2"),
        generated("11:30:00.100000", JOBS, "pods", f"{name}-", f"{name}-p86jm", job(name)),
        generated("11:30:00.200000", SETS, "pods", "other-7b7b7746b7-", "other-7b7b7746b7-cccc2"),
        event("11:30:00.500000", SCHEDULER, "patch", "pods", f"{name}-p86jm", sub="status"),
    ]
    assert told(who, level, events, f"job/{name}")[0] == maker
    root, found = told(who, level, events, f"pod/{name}-p86jm")
    assert root == maker
    assert [link["object"]["resource"] for link in found["chain"]] == ["pods", "jobs"]


BURST = [
    event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
    event("09:00:00.010000", DEPLOYER, "create", "replicasets", WEB, code=201, **APPS),
    generated("10:00:00.000000", "ivan", "pods", f"{WEB}-", f"{WEB}-tttt2"),
    event("10:00:02.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS),
    event("10:00:02.020000", DEPLOYER, "update", "replicasets", WEB, **APPS),
    generated("10:00:02.040000", SETS, "pods", f"{WEB}-", f"{WEB}-bbbb2"),
    bound("10:00:02.050000", f"{WEB}-bbbb2"),
    generated("10:00:02.060000", SETS, "pods", f"{WEB}-", f"{WEB}-cccc2"),
    bound("10:00:02.070000", f"{WEB}-cccc2"),
    generated("10:00:02.400000", "oscar", "pods", f"{WEB}-", f"{WEB}-dddd2"),
    bound("10:00:02.420000", f"{WEB}-dddd2"),
    reported("10:00:05.400000", f"{WEB}-tttt2"),
]


@pytest.mark.parametrize("level", LEVELS)
def test_a_pod_that_was_never_bound_is_of_whoever_wrote_its_node(who: Asker, level: str) -> None:
    """However much its name is one of a ReplicaSet's: the others of that moment were all bound."""
    for name, maker in (("tttt2", "ivan"), ("dddd2", "oscar"), ("bbbb2", "bob")):
        assert told(who, level, BURST, f"pod/{WEB}-{name}")[0] == maker


def test_without_any_binding_in_the_log_nothing_is_known_of_the_scheduler(who: Asker) -> None:
    quiet = [one for one in BURST if one["objectRef"].get("subresource") != "binding"]
    _, found = told(who, "Metadata", quiet, f"pod/{WEB}-tttt2")
    assert "not bound" not in found["chain"][0]["why"]


def test_a_name_like_a_controllers_may_be_what_somebody_else_asked_for(who: Asker) -> None:
    events = [
        event("10:00:00.000000", "alice", "create", "deployments", "web", code=201, group="apps"),
        event("10:00:01.000000", DEPLOYER, "create", "replicasets", WEB, code=201, group="apps"),
        event("10:00:20.000000", SETS, "create", "pods", code=201),
        event("10:00:20.010000", "mallory", "create", "pods", code=201),
        bound("10:00:20.100000", f"{WEB}-x2x9z"),
        bound("10:00:20.120000", f"{WEB}-bbbbb"),
    ]
    _, found = told(who, "Metadata", events, f"pod/{WEB}-x2x9z")
    assert found["confidence"] == "inferred"
    assert any("a request without a name by mallory" in one and "may have made" in one for one in found["notes"])
