"""Whose change a controller followed, where several come into question: each on a small made-up log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from madeup import CONTROLLER, Asker, event, write

APPS = {"group": "apps"}
DEPLOYER, SETS = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
STATEFUL, DAEMONS = f"{CONTROLLER}statefulset-controller", f"{CONTROLLER}daemon-set-controller"
FLUX = "system:serviceaccount:flux-system:kustomize-controller"
KINDS = {
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
}
Event = dict[str, Any]


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    return Asker(tmp_path, capsys)


def at(hour: int, seconds: float) -> str:
    """A time so many seconds after an hour."""
    minutes, rest = divmod(seconds, 60)
    return f"{hour:02}:{int(minutes):02}:{rest:09.6f}"


def bodies(found: Event, request: Any, response: Any = None) -> Event:
    """The event at level Request, or RequestResponse if the answer is given, too."""
    more = {"level": "Request", "requestObject": request}
    return {**found, **more, **({"level": "RequestResponse", "responseObject": response} if response else {})}


def owned_by(resource: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": KINDS[resource], "name": name, "uid": f"u-{name}", "controller": True}]


def thing(resource: str, name: str, generation: int, image: str = "a", replicas: int = 3, **meta: Any) -> Event:
    """An owner of Pods, as an answer holds it."""
    return {
        "kind": KINDS[resource],
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "uid": f"u-{name}", "generation": generation, **meta},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}},
    }


def whole(resource: str, name: str, **meta: Any) -> Event:
    """The body of a PUT or a server-side apply, which says everything."""
    return {"kind": KINDS[resource], "apiVersion": "apps/v1", "metadata": {"name": name, **meta}, "spec": {"x": 1}}


def made(time: str, user: str, resource: str, name: str, *, answer: bool = True, **more: Any) -> Event:
    body = thing(resource, name, 1, **more)
    request = {**body, "metadata": {"name": name, **more}}
    created = event(time, user, "create", resource, name, code=201, **APPS)
    return bodies(created, request, body if answer else None)


def pod(
    time: str, owner: str, resource: str, name: str, *, code: int = 201, answer: bool = True, **meta: Any
) -> Event:
    """A Pod made by the controller of `owner`; StatefulSets name theirs, the server names those of the others."""
    user = {"replicasets": SETS, "statefulsets": STATEFUL, "daemonsets": DAEMONS}[resource]
    ordinal = resource == "statefulsets"
    common = {"ownerReferences": owned_by(resource, owner), **meta}
    asked: Event = {
        "kind": "Pod",
        "metadata": {"name" if ordinal else "generateName": name if ordinal else f"{owner}-"},
    }
    asked["metadata"] |= common
    told: Event = {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}-{time}", **common}}
    if code >= 400:
        told = {"kind": "Status", "status": "Failure", "code": code}
    found = event(time, user, "create", "pods", name if ordinal else "", code=code)
    return bodies(found, asked, told if answer else None)


def report(time: str, user: str, resource: str, name: str, generation: int, *, answer: bool = True) -> Event:
    body = {**thing(resource, name, generation), "status": {"observedGeneration": generation}}
    return bodies(event(time, user, "update", resource, name, sub="status", **APPS), body, body if answer else None)


def applied(
    time: str, user: str, resource: str, name: str, answer: Event | None = None, verb: str = "patch"
) -> Event:
    found = event(time, user, verb, resource, name, query="?fieldManager=flux&force=true", **APPS)
    return bodies(found, whole(resource, name), answer)


def root(found: dict[str, Any]) -> str | None:
    return found["root"] and str(found["root"]["user"])


def said(found: dict[str, Any]) -> str:
    return " ".join([*found["notes"], *(link["why"] for link in found["chain"])])


@pytest.mark.parametrize("verb", ["patch", "update"])
def test_a_write_that_left_the_generation_is_no_cause(who: Asker, verb: str) -> None:
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db"),
        pod("10:00:00.050000", "db", "statefulsets", "db-0"),
        applied("10:00:30.000000", FLUX, "statefulsets", "db", thing("statefulsets", "db", 1), verb),
        pod("10:00:45.000000", "db", "statefulsets", "db-1"),
    )
    found = who.json("created", "pod/db-1")
    assert (root(found), found["confidence"]) == ("alice", "certain")


def rollout(answer: Event) -> list[Event]:
    """bob changes an image; in the middle of the rollout somebody's apply is answered with `answer`."""
    new, owner = "web-6f5b8d9c47", {"ownerReferences": owned_by("deployments", "web")}
    wider = event("10:00:40.000000", DEPLOYER, "update", "replicasets", new, **APPS)
    second = thing("replicasets", new, 2, replicas=2, **owner)
    return [
        made("09:00:00.000000", "alice", "deployments", "web"),
        bodies(
            event("10:00:00.000000", "bob", "patch", "deployments", "web", **APPS),
            {"spec": {"template": {}}},
            thing("deployments", "web", 2, "b"),
        ),
        made("10:00:00.030000", DEPLOYER, "replicasets", new, replicas=1, **owner),
        pod("10:00:00.060000", new, "replicasets", f"{new}-bbbb2"),
        applied("10:00:30.000000", FLUX, "deployments", "web", answer),
        bodies(wider, second, second),
        pod("10:00:40.030000", new, "replicasets", f"{new}-cccc2"),
    ]


@pytest.mark.parametrize(
    "answer",
    [thing("deployments", "web", 2, "b"), thing("deployments", "web", 3, "b", annotations={"a": "b"})],
    ids=["nothing", "annotations"],
)
def test_an_apply_in_the_middle_of_a_rollout_is_no_cause(who: Asker, answer: Event) -> None:
    write(who.path, *rollout(answer))
    found = who.json("created", "pod/web-6f5b8d9c47-cccc2")
    assert (root(found), found["confidence"]) == ("bob", "certain")


def test_a_write_that_left_all_as_it_was_is_no_change(who: Asker) -> None:
    write(who.path, *rollout(thing("deployments", "web", 2, "b")))
    found = who.json("changed", "deploy/web")
    assert found["answer"]["user"] == "bob"
    assert f"1 requests left all as it was, the last by {FLUX}" in said(found)
    write(who.path, *rollout(thing("deployments", "web", 2, "b", labels={"a": "b"})))
    assert who.json("changed", "deploy/web")["answer"]["user"] == FLUX


@pytest.mark.parametrize("verb", ["patch", "update"])
def test_without_an_answer_a_whole_object_may_have_changed_nothing(who: Asker, verb: str) -> None:
    begun = [
        made("10:00:00.000000", "alice", "statefulsets", "db", answer=False),
        pod("10:00:00.050000", "db", "statefulsets", "db-0", answer=False),
        report("10:00:00.100000", STATEFUL, "statefulsets", "db", 1, answer=False),
        applied("10:00:30.000000", "bob", "statefulsets", "db", verb=verb),
        pod("10:00:30.050000", "db", "statefulsets", "db-1", answer=False),
    ]
    write(who.path, *begun)
    found = who.json("created", "pod/db-1")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "whether that changed anything is not in the log" in said(found)
    # the controller's next report tells
    for generation, user in ((1, "alice"), (2, "bob")):
        write(who.path, *begun, report("10:00:30.060000", STATEFUL, "statefulsets", "db", generation, answer=False))
        found = who.json("created", "pod/db-1")
        assert (root(found), found["confidence"]) == (user, "certain")
        assert "lacks a change" not in said(found)


def test_a_put_that_carries_the_generation_before_is_counted(who: Asker) -> None:
    """Its sender knew generation 1: it made 2 of it, and the log lacks nothing."""
    put = event("10:01:00.000000", "bob", "update", "statefulsets", "db", **APPS)
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db", answer=False),
        report("10:00:00.100000", STATEFUL, "statefulsets", "db", 1, answer=False),
        bodies(put, thing("statefulsets", "db", 1)),
        report("10:01:00.040000", STATEFUL, "statefulsets", "db", 2, answer=False),
        pod("10:01:00.050000", "db", "statefulsets", "db-3", answer=False),
    )
    found = who.json("created", "pod/db-3")
    assert (root(found), found["confidence"]) == ("bob", "certain")


def test_a_generation_that_jumps_shows_that_a_change_is_missing(who: Asker) -> None:
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db"),
        applied("10:01:00.000000", "bob", "statefulsets", "db", thing("statefulsets", "db", 3, "b")),
        pod("10:01:00.050000", "db", "statefulsets", "db-3"),
    )
    found = who.json("created", "pod/db-3")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "the log lacks a change" in said(found)


def test_a_scale_to_the_same_size_is_no_cause(who: Asker) -> None:
    scale = event("10:00:10.000000", "bob", "patch", "statefulsets", "db", sub="scale", **APPS)
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db", replicas=3),
        bodies(
            scale, {"spec": {"replicas": 3}}, {"kind": "Scale", "metadata": {"name": "db"}, "spec": {"replicas": 3}}
        ),
        pod("10:00:20.000000", "db", "statefulsets", "db-2"),
    )
    found = who.json("created", "pod/db-2")
    assert (root(found), found["confidence"]) == ("alice", "certain")
