"""Logs of which lines are missing: nobody is surely behind what a request that is not there may have done."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write

DEPLOYMENTS, SETS = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
STATEFULSETS = f"{CONTROLLER}statefulset-controller"
SCHEDULER = "system:kube-scheduler"
APPS = {"group": "apps"}
WEB = "web-7d4b9c6f58"
Event = dict[str, Any]


def owned(kind: str, name: str) -> Event:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"u-{name}", "controller": True}
    return {"ownerReferences": [owner]}


def sized(time: str, user: str, verb: str, resource: str, name: str, replicas: int, sub: str = "") -> Event:
    """A request on something that has a size, with its body."""
    meta = owned("Deployment", "web") if resource == "replicasets" else {}
    body = {"metadata": {"name": name, "uid": f"u-{name}", **meta}, "spec": {"replicas": replicas}}
    code = 201 if verb == "create" else 200
    return event(time, user, verb, resource, name, code=code, sub=sub, requestObject=body, **APPS)


def pod(time: str, name: str) -> list[Event]:
    """A Pod of the ReplicaSet, its create with a body, and its binding."""
    body = {"metadata": {"generateName": f"{WEB}-", **owned("ReplicaSet", WEB)}}
    answer = {"metadata": {**body["metadata"], "name": name, "uid": f"u-{name}"}}
    made = event(time, SETS, "create", "pods", code=201, requestObject=body, responseObject=answer)
    return [made, event(time, SCHEDULER, "create", "pods", name, code=201, sub="binding")]


def test_an_object_that_was_deleted_since_is_not_the_one_that_is_there_now(who: Asker) -> None:
    write(
        who.path,
        event("10:00:00.000000", "alice", "create", "configmaps", "twice", code=201),
        event("10:05:00.000000", "bob", "delete", "configmaps", "twice"),
        event("10:06:00.000000", "carol", "delete", "configmaps", "twice", code=404),
    )
    found = who.json("created", "configmap/twice")
    assert found["answer"]["user"] == "alice"
    gone = (
        "bob deleted it at 2026-11-23T10:05:00.000000Z; if there is a configmap default/twice now, a request that is"
        " not in this log created it again"
    )
    assert found["notes"] == [gone]
    assert who.json("created", "configmap/twice", "--until", "2026-11-23T10:03:00Z")["answer"]["user"] == "alice"


def test_a_generated_name_that_the_log_never_mentions_is_not_certainly_of_the_only_such_request(who: Asker) -> None:
    asked = {"requestObject": {"metadata": {"generateName": "wh-"}}}
    write(
        who.path,
        event("10:00:00.000000", "alice", "create", "configmaps", code=201, **asked),
        event("11:00:00.000000", "erin", "get", "configmaps", "other"),
    )
    found = who.json("created", "configmap/wh-x2x9z")
    assert (found["answer"]["user"], found["confidence"]) == ("alice", "inferred")


@pytest.mark.parametrize(("makers", "confidence"), [(("alice",), "inferred"), (("alice", "alice"), "certain")])
def test_two_objects_and_one_request_for_such_a_name(who: Asker, makers: tuple[str, ...], confidence: str) -> None:
    """One of the two was made by somebody whose request the log lacks."""
    asked = {"requestObject": {"metadata": {"generateName": "wh-"}}}
    write(
        who.path,
        *(
            event(f"10:00:0{n}.000000", who, "create", "configmaps", code=201, **asked)
            for n, who in enumerate(makers)
        ),
        event("10:00:05.000000", "erin", "patch", "configmaps", "wh-x2x9z"),
        event("10:00:06.000000", "erin", "patch", "configmaps", "wh-bbbb2"),
    )
    for name in ("wh-x2x9z", "wh-bbbb2"):
        found = who.json("created", f"configmap/{name}")
        assert (found["answer"]["user"], found["confidence"]) == ("alice", confidence)


def test_a_statefulsets_pod_that_was_deleted_without_a_known_reason_is_not_surely_its_makers(who: Asker) -> None:
    """That a Pod had failed is a guess: a new template, which the log lacks, looks the same."""
    made = {"metadata": {"name": "db-0", **owned("StatefulSet", "db")}}
    write(
        who.path,
        sized("10:00:00.000000", "alice", "create", "statefulsets", "db", 1),
        event("10:00:00.100000", STATEFULSETS, "create", "pods", "db-0", code=201, requestObject=made),
        event("11:00:00.000000", STATEFULSETS, "delete", "pods", "db-0"),
        event("11:00:01.000000", "system:node:n1", "delete", "pods", "db-0"),
        event("11:00:01.100000", STATEFULSETS, "create", "pods", "db-0", code=201, requestObject=made),
    )
    assert who.json("created", "pod/db-0")["confidence"] == "inferred"
    assert who.json("created", "pod/db-0", "--until", "2026-11-23T10:30:00Z")["confidence"] == "certain"


@pytest.mark.parametrize("deleter", ["", "bob"])
def test_why_a_statefulset_made_a_pod_again_is_unknown_if_only_its_kubelet_ended_the_last_one(
    who: Asker, deleter: str
) -> None:
    made = {"metadata": {"name": "db-0", **owned("StatefulSet", "db")}}
    write(
        who.path,
        sized("10:00:00.000000", "alice", "create", "statefulsets", "db", 1),
        event("10:00:00.100000", STATEFULSETS, "create", "pods", "db-0", code=201, requestObject=made),
        *([event("11:00:00.000000", deleter, "delete", "pods", "db-0")] if deleter else []),
        event("11:00:01.000000", "system:node:n1", "delete", "pods", "db-0"),
        event("11:00:01.100000", STATEFULSETS, "create", "pods", "db-0", code=201, requestObject=made),
    )
    found = who.json("created", "pod/db-0")
    assert (found["root"]["user"], found["confidence"]) == ("alice", "certain" if deleter else "inferred")
    assert any("before this one is not in this log" in note for note in found["notes"]) is not bool(deleter)


@pytest.mark.parametrize(("asked", "confidence"), [(3, "inferred"), (1, "certain")])
def test_who_wanted_more_pods_did_not_surely_want_fewer(who: Asker, asked: int, confidence: str) -> None:
    """The scale that its ReplicaSet followed, to 1, is missing where bob's last one was to 3."""
    write(
        who.path,
        sized("10:00:00.000000", "alice", "create", "deployments", "web", 2),
        sized("10:00:00.100000", DEPLOYMENTS, "create", "replicasets", WEB, 2),
        *pod("10:00:00.200000", f"{WEB}-bbbb2"),
        sized("10:10:00.000000", "bob", "patch", "deployments", "web", asked, "scale"),
        sized("10:10:00.100000", DEPLOYMENTS, "update", "replicasets", WEB, 1),
        event("10:10:00.200000", SETS, "delete", "pods", f"{WEB}-bbbb2"),
    )
    found = who.json("deleted", f"pod/{WEB}-bbbb2")
    assert (found["root"]["user"], found["confidence"]) == ("bob", confidence)
    assert any("bob scaled deployment default/web to 3" in note for note in found["notes"]) is (asked == 3)


def test_a_pod_made_right_after_a_change_that_nothing_followed_may_be_of_that(who: Asker) -> None:
    write(
        who.path,
        sized("10:00:00.000000", "alice", "create", "deployments", "web", 1),
        sized("10:00:00.100000", DEPLOYMENTS, "create", "replicasets", WEB, 1),
        *pod("10:00:00.200000", f"{WEB}-bbbb2"),
        sized("10:00:01.000000", DEPLOYMENTS, "update", "replicasets", "web-5d4f8c7b9d", 1),
        event("10:10:00.000000", "bob", "patch", "deployments", "web", **APPS),
        *pod("10:10:00.200000", f"{WEB}-cccc2"),
    )
    found = who.json("created", f"pod/{WEB}-cccc2")
    assert found["confidence"] == "inferred"
    assert any(
        "bob changed deployment default/web at" in note and "may be a result" in note for note in found["notes"]
    )


def test_a_replicaset_that_was_to_have_no_pod_was_changed_again_before_it_made_one(who: Asker) -> None:
    write(
        who.path,
        sized("10:00:00.000000", "alice", "create", "deployments", "web", 1),
        sized("10:00:00.100000", DEPLOYMENTS, "create", "replicasets", WEB, 1),
        *pod("10:00:00.200000", f"{WEB}-bbbb2"),
        sized("10:10:00.000000", DEPLOYMENTS, "update", "replicasets", WEB, 0),
        *pod("10:30:00.000000", f"{WEB}-cccc2"),
    )
    found = who.json("created", f"pod/{WEB}-cccc2")
    assert found["confidence"] != "certain"
    assert any("the change by which it was to have Pods again is not in this log" in note for note in found["notes"])
    assert who.json("created", f"pod/{WEB}-bbbb2")["confidence"] == "certain"


@pytest.mark.parametrize(("generation", "confidence"), [(2, "certain"), (3, "inferred")])
def test_a_generation_shows_that_the_last_known_change_was_not_the_last(
    who: Asker, generation: int, confidence: str
) -> None:
    def shown(number: int, **more: Any) -> Event:
        return {"metadata": {"name": "web", "uid": "u-web", "generation": number}, **more}

    patch = {"requestObject": {"spec": {"paused": True}}, "responseObject": shown(2)}
    report = {"requestObject": shown(generation, status={})}
    write(
        who.path,
        event("10:00:00.000000", "alice", "create", "deployments", "web", code=201, responseObject=shown(1), **APPS),
        event("10:10:00.000000", "bob", "patch", "deployments", "web", **patch, **APPS),
        event("10:20:00.000000", DEPLOYMENTS, "update", "deployments", "web", sub="status", **report, **APPS),
    )
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", confidence)
    assert ("a change that is not in this log" in found["chain"][0]["why"]) is (generation == 3)
