"""Servers of one cluster whose clocks differ by seconds: what a controller followed seems to have come after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

DEPLOYMENTS, REPLICASETS = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
OLD, NEW = "web-7d4f8c6b5d", "web-5c9d8b7f6c"
APPS = {"group": "apps", "ns": "shop"}


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    """Carol's new template came to cp3, whose clock is right; the Deployment controller asks cp2, 1.2 s behind."""
    write(
        tmp_path / "logs/cp1/audit.log",
        *NOISE,
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
        event("09:01:00.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS),
    )
    write(
        tmp_path / "logs/cp2/audit.log",
        *NOISE,
        event("08:59:58.900000", DEPLOYMENTS, "create", "replicasets", OLD, code=201, **APPS),
        event("09:00:58.900000", DEPLOYMENTS, "update", "replicasets", OLD, **APPS),
        event("09:04:58.900000", DEPLOYMENTS, "create", "replicasets", NEW, code=201, **APPS),
        event("09:04:59.500000", DEPLOYMENTS, "update", "replicasets", OLD, **APPS),
        event("09:04:59.300000", "system:kube-scheduler", "create", "pods", f"{NEW}-x7k2m", ns="shop", sub="binding"),
    )
    write(
        tmp_path / "logs/cp3/audit.log",
        *NOISE,
        event("09:00:00.200000", REPLICASETS, "create", "pods", ns="shop", code=201),
        event("09:05:00.000000", "carol", "patch", "deployments", "web", **APPS),
        event("09:05:00.300000", REPLICASETS, "create", "pods", ns="shop", code=201),
        event("09:05:00.900000", REPLICASETS, "delete", "pods", f"{OLD}-q4w5z", ns="shop"),
    )
    asker = Asker(tmp_path, capsys)
    asker.path = tmp_path / "logs"
    return asker


@pytest.mark.parametrize(
    "question",
    [("created", f"rs/{NEW}"), ("created", f"pod/{NEW}-x7k2m"), ("deleted", f"pod/{OLD}-q4w5z")],
)
def test_what_a_controller_followed_may_seem_to_come_after_it(who: Asker, question: tuple[str, str]) -> None:
    found = who.json(*question, "-n", "shop")
    assert found["root"]["user"] == "carol"
    assert found["confidence"] == "inferred"
    assert any("the clocks of the nodes differ" in note for note in found["notes"])


def test_a_create_without_a_name_may_seem_to_come_after_its_pod(who: Asker) -> None:
    found = who.json("created", f"pod/{NEW}-x7k2m", "-n", "shop")
    assert found["answer"]["time"] == "2026-11-23T09:05:00.300000Z"


def test_a_change_right_before_is_believed_whatever_came_after(who: Asker) -> None:
    found = who.json("created", f"rs/{OLD}", "-n", "shop")
    assert found["root"]["user"] == "alice"


def test_on_one_server_nothing_follows_what_comes_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Asker(tmp_path, capsys)
    write(
        alone.path,
        *NOISE,
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
        event("09:04:59.000000", DEPLOYMENTS, "create", "replicasets", NEW, code=201, **APPS),
        event("09:05:00.000000", "carol", "patch", "deployments", "web", **APPS),
    )
    assert alone.json("created", f"rs/{NEW}", "-n", "shop")["root"]["user"] == "alice"


def body(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """What an object's own body says that is made for the `kind` called `name`."""
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"{kind}-1", "controller": True}
    return {"metadata": {"ownerReferences": [owner]}, "spec": spec}


def named(name: str, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "kind": "Pod", "metadata": {**made["metadata"], "name": name, "uid": name}}


@pytest.mark.parametrize(("scaled", "confidence"), [("09:04:59.900000", "certain"), ("09:01:00.000000", "inferred")])
def test_a_scale_long_before_does_not_surely_end_a_pod(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scaled: str, confidence: str
) -> None:
    """Its controller follows a scale at once: a minute later it was something else, or a rollout."""
    asker = Asker(tmp_path, capsys)
    pod = f"{OLD}-q4w5z"
    events = [
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
        event("09:00:00.100000", DEPLOYMENTS, "create", "replicasets", OLD, code=201, **APPS)
        | {"requestObject": body("Deployment", "web", replicas=1)},
        event("09:00:00.200000", REPLICASETS, "create", "pods", ns="shop", code=201)
        | {"requestObject": body("ReplicaSet", OLD), "responseObject": named(pod, body("ReplicaSet", OLD))},
        event(scaled, "bob", "patch", "deployments", "web", sub="scale", **APPS)
        | {"requestObject": {"spec": {"replicas": 0}}},
        event("09:05:00.000000", DEPLOYMENTS, "update", "replicasets", OLD, **APPS)
        | {"requestObject": body("Deployment", "web", replicas=0)},
        event("09:05:00.100000", REPLICASETS, "delete", "pods", pod, ns="shop"),
    ]
    write(asker.path, *NOISE, *({**one, "level": "RequestResponse"} for one in events))
    found = asker.json("deleted", f"pod/{pod}", "-n", "shop")
    assert (found["root"]["user"], found["confidence"]) == ("bob", confidence)


@pytest.mark.parametrize(("bound", "apart"), [("09:57:00.000000", "180.1"), ("10:00:00.200000", "")])
def test_an_object_that_was_met_before_it_was_made_shows_clocks_that_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bound: str, apart: str
) -> None:
    asker = Asker(tmp_path, capsys)
    asker.path = tmp_path / "logs"
    name = f"{NEW}-x7k2m"
    answer = {"responseObject": {"metadata": {"name": name, "generateName": f"{NEW}-", "uid": "u1"}}}
    write(
        asker.path / "cp1/audit.log",
        *NOISE,
        event("10:00:00.100000", "alice", "create", "pods", ns="shop", code=201, **answer),
    )
    write(
        asker.path / "cp2/audit.log",
        *NOISE,
        event(bound, "system:kube-scheduler", "create", "pods", name, ns="shop", code=201, sub="binding"),
    )
    notes = " ".join(asker.json("created", f"pod/{name}", "-n", "shop")["notes"])
    assert (f"the clocks of cp2 and cp1 are at least {apart} s apart" in notes) is bool(apart)
    assert ("apart" in notes) is bool(apart)


def test_an_owner_that_was_made_after_what_it_owns_shows_clocks_that_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The body names the owner, so that the chain is certain; the times are not."""
    asker = Asker(tmp_path, capsys)
    asker.path = tmp_path / "logs"
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d1", "controller": True}
    made = {"requestObject": {"metadata": {"name": NEW, "ownerReferences": [owner]}}}
    write(
        asker.path / "cp1/audit.log",
        *NOISE,
        event("10:00:03.000000", "alice", "create", "deployments", "web", code=201, **APPS),
    )
    write(
        asker.path / "cp2/audit.log",
        *NOISE,
        event("10:00:00.000000", DEPLOYMENTS, "create", "replicasets", NEW, code=201, **APPS, **made),
    )
    found = asker.json("created", f"rs/{NEW}", "-n", "shop")
    assert found["root"]["user"] == "alice"
    assert any("the clocks of" in note for note in found["notes"])
