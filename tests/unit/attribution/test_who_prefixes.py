"""Who asked for a name with this prefix: when the only such request proves something, and when it does not."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write

REPLICAS = f"{CONTROLLER}replicaset-controller"


def nameless(time: str, user: str, prefix: str = "", **more: Any) -> dict[str, Any]:
    """A create whose name the server makes up; `prefix` as its body asks for it, if that was logged."""
    asked = {"kind": "Pod", "metadata": {"generateName": prefix}} if prefix else None
    return event(time, user, "create", "pods", code=201, query="?fieldManager=x", requestObject=asked, **more)


def bound(time: str, name: str) -> dict[str, Any]:
    return event(time, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201)


def test_a_body_elsewhere_does_not_prove_who_made_a_generated_name(who: Asker) -> None:
    """People are logged with bodies, controllers without: any of their requests may be the one."""
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "replicasets", "web", code=201, group="apps"),
        nameless("09:00:00.050000", REPLICAS),
        bound("09:00:00.060000", "web-bbbb2"),
        nameless("09:00:05.000000", "bob", "web-"),
        bound("09:00:05.010000", "web-cccc2"),
        nameless("09:00:10.000000", REPLICAS),
        bound("09:00:10.010000", "web-dddd2"),
        nameless("09:30:00.000000", "carol", "web-"),
        bound("09:30:00.010000", "web-ffff2"),
    )
    for pod, root in (("web-bbbb2", "alice"), ("web-cccc2", "bob"), ("web-dddd2", "alice")):
        found = who.json("created", f"pod/{pod}")
        assert (found["root"]["user"], found["confidence"]) == (root, "inferred"), pod
    notes = who.json("created", "pod/web-cccc2")["notes"]
    assert any("whose body is not in the log, may have made pod default/web-cccc2 as well" in note for note in notes)
    # what came half an hour before met the scheduler before
    found = who.json("created", "pod/web-ffff2")
    assert (found["root"]["user"], found["confidence"]) == ("carol", "certain")


@pytest.mark.parametrize(("second", "confidence"), [("bob", "certain"), ("mallory", "inferred")])
def test_two_requests_for_one_prefix_are_certain_if_one_made_both(who: Asker, second: str, confidence: str) -> None:
    write(
        who.path,
        nameless("09:00:00.000000", "bob", "job-"),
        nameless("09:00:00.500000", second, "job-", as_user="" if second == "bob" else "bob"),
        event("09:10:00.000000", "erin", "get", "pods", "job-bbbb2"),
    )
    found = who.json("created", "pod/job-bbbb2")
    assert found["confidence"] == confidence
    assert any("2 such requests came within two seconds" in note for note in found["notes"])


def test_more_pods_than_requests_for_their_prefix_prove_nothing(who: Asker) -> None:
    """Another API server's log is missing: nobody says that the only request made the Pod that came later."""
    first = [nameless("09:00:00.000000", "bob", "task-"), bound("09:00:00.010000", "task-cccc2")]
    write(who.path, *first)
    assert who.json("created", "pod/task-cccc2")["confidence"] == "certain"
    write(who.path, *first, bound("09:00:00.400000", "task-dddd2"))
    found = who.json("created", "pod/task-dddd2")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "inferred")
    assert "made by a request that is not in this log" in who.text("created", "pod/task-dddd2").splitlines()[0]
    write(who.path, *first, nameless("09:00:00.300000", "bob", "task-"), bound("09:00:00.400000", "task-dddd2"))
    assert who.json("created", "pod/task-dddd2")["confidence"] == "certain"


def test_without_bodies_too_many_pods_for_their_requests_are_said(who: Asker) -> None:
    write(
        who.path,
        nameless("09:00:00.000000", "bob"),
        bound("09:00:00.010000", "task-cccc2"),
        bound("09:00:00.400000", "task-dddd2"),
    )
    said = who.text("created", "pod/task-dddd2").splitlines()[0]
    assert "bob created it" in said
    assert "made by a request that is not in this log" in said
