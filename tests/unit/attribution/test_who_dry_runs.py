"""`kubectl delete --dry-run=server` at level Metadata, where nothing shows it but that life went on."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

KUBELET = "system:node:n1"
NODES = f"{CONTROLLER}node-controller"
DEPLOYMENTS = f"{CONTROLLER}deployment-controller"
NAMESPACES = f"{CONTROLLER}namespace-controller"
GARBAGE = f"{CONTROLLER}generic-garbage-collector"
Event = dict[str, Any]
LOGGED = {"level": "Request", "requestObject": {"kind": "DeleteOptions"}}


def on(resource: str, name: str, time: str, user: str, verb: str, **more: Any) -> Event:
    code = 201 if verb == "create" else 200
    return event(f"{time}.000000", user, verb, resource, name, **{"code": code, **more})


def pod(time: str, user: str, verb: str, name: str = "p", **more: Any) -> Event:
    return on("pods", name, time, user, verb, **more)


def space(time: str, user: str, verb: str, **more: Any) -> Event:
    """A request on a namespace: kube-apiserver writes its name as its namespace, too."""
    made = on("namespaces", "shop", time, user, verb, ns="" if verb == "create" else "shop", **more)
    return {**made, "requestURI": "/api/v1/namespaces" + ("" if verb == "create" else "/shop")}


def told(found: dict[str, Any]) -> tuple[str | None, str]:
    return (found["root"] or {}).get("user"), found["confidence"]


SPACE = [space("08:00:00", "alice", "create"), space("09:00:00", "leo", "delete")]
INSIDE = on("configmaps", "after", "09:00:03", "una", "create", ns="shop")


def test_what_is_made_in_a_namespace_shows_that_it_is_not_going(who: Asker) -> None:
    before = on("configmaps", "c", "08:30:00", "alice", "create", ns="shop")
    write(who.path, *NOISE, before, *SPACE, INSIDE)
    found = who.json("deleted", "ns/shop")
    assert (found["answer"], *told(found)) == (None, None, "unknown")
    assert found["notes"][0] == (
        "Nobody in this log deleted namespace shop, as it seems: leo asked to delete it at"
        " 2026-11-23T09:00:00.000000Z, possibly as a dry run (its options are not in the log), because una"
        " created configmap shop/after in it at 2026-11-23T09:00:03.000000Z."
    )
    assert told(who.json("deleted", "cm/c", "-n", "shop")) == (None, "unknown")


@pytest.mark.parametrize(
    "more",
    [
        [],
        [{**INSIDE, "responseStatus": {"metadata": {}, "code": 403}}],
        [space("09:00:05", NAMESPACES, "update", sub="finalize"), {**INSIDE, "verb": "update"}],
        [space("09:10:00", "bob", "create"), on("configmaps", "c", "09:20:00", "una", "create", ns="shop")],
        [on("localsubjectaccessreviews", "", "09:00:03", "una", "create", ns="shop", group="authorization.k8s.io")],
    ],
)
def test_a_namespace_is_deleted_if_nothing_speaks_against_it(who: Asker, more: list[Event]) -> None:
    write(who.path, *SPACE, *more)
    assert told(who.json("deleted", "ns/shop")) == ("leo", "certain")


def test_options_in_the_log_are_believed(who: Asker) -> None:
    write(who.path, SPACE[0], {**SPACE[1], **LOGGED}, INSIDE)
    assert told(who.json("deleted", "ns/shop")) == ("leo", "certain")


def test_the_real_deletion_of_a_namespace_is_the_one_after_which_nothing_was_made(who: Asker) -> None:
    write(who.path, *SPACE, INSIDE, space("10:00:00", "erin", "delete"))
    found = who.json("deleted", "ns/shop")
    assert found["answer"]["user"] == "erin"
    assert any("leo asked to delete it" in note and "possibly as a dry run" in note for note in found["notes"])


BORN = [pod("08:00:00", "alice", "create"), pod("08:00:01", KUBELET, "patch", sub="status")]
ASKED = pod("09:00:00", "leo", "delete")
MET = pod("09:00:08", "mia", "patch")


def other(time: str) -> Event:
    return pod(time, KUBELET, "delete", "other")


def test_a_pod_that_a_controller_deletes_after_its_grace_was_not_going(who: Asker) -> None:
    evicted = [pod("09:02:00", NODES, "delete"), pod("09:03:00", KUBELET, "delete")]
    write(who.path, *BORN, ASKED, MET, *evicted)
    found = who.json("deleted", "pod/p")
    assert found["answer"]["user"] == NODES
    assert any("leo asked to delete it" in note and "possibly as a dry run" in note for note in found["notes"])
    # a moment later it was going already
    write(who.path, *BORN, ASKED, pod("09:00:10", NODES, "delete"), pod("09:00:31", KUBELET, "delete"))
    assert told(who.json("deleted", "pod/p")) == ("leo", "certain")
    # on a node that is lost, nobody takes it away
    write(who.path, *BORN, ASKED, evicted[0])
    assert told(who.json("deleted", "pod/p")) == ("leo", "certain")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([MET, other("09:10:00")], (None, "unknown")),
        ([MET, other("09:00:40")], ("leo", "inferred")),
        ([MET], ("leo", "certain")),
        ([MET, pod("09:00:30", KUBELET, "delete"), other("09:10:00")], ("leo", "certain")),
        # removed at once, with no grace
        ([other("09:10:00")], ("leo", "certain")),
        # another node's kubelet
        ([MET, pod("09:10:00", "system:node:n2", "delete", "other")], ("leo", "certain")),
        # it is made again: it was gone
        ([MET, other("09:10:00"), pod("09:20:00", "alice", "create")], ("leo", "certain")),
    ],
)
def test_a_kubelet_that_takes_others_away_had_not_to_take_this(
    who: Asker, after: list[Event], expected: tuple[str | None, str]
) -> None:
    write(who.path, *BORN, ASKED, *after)
    assert told(who.json("deleted", "pod/p")) == expected


def test_what_comes_after_the_time_asked_for_tells_as_well(who: Asker) -> None:
    write(who.path, *BORN, ASKED, MET, pod("09:00:30", KUBELET, "delete"), other("09:10:00"))
    assert told(who.json("deleted", "pod/p", "--until", "2026-11-23T09:00:10Z")) == ("leo", "certain")


def web(time: str, user: str, verb: str, **more: Any) -> Event:
    return on("deployments", "web", time, user, verb, group="apps", **more)


def test_what_is_changed_and_reported_on_after_its_deletion_lives(who: Asker) -> None:
    first = [web("08:00:00", "alice", "create"), web("09:00:00", "leo", "delete")]
    changed, report = (
        web("09:00:02", "mia", "patch", sub="scale"),
        web("09:00:03", DEPLOYMENTS, "update", sub="status"),
    )
    write(who.path, *NOISE, *first, changed, report)
    found = who.json("deleted", "deploy/web")
    assert (found["answer"], found["confidence"]) == (None, "unknown")
    assert "made again" not in found["notes"][0]
    # in the foreground it lingers, and is reported on, until the garbage collector lets it go
    for rest in ([report], [changed, report, web("09:00:30", GARBAGE, "patch")]):
        write(who.path, *first, *rest)
        assert told(who.json("deleted", "deploy/web")) == ("leo", "certain")
    write(who.path, *first, changed, report, web("10:00:00", "erin", "delete"))
    assert who.json("deleted", "deploy/web")["answer"]["user"] == "erin"


def test_a_node_that_its_kubelet_still_finds_lives(who: Asker) -> None:
    asked = on("nodes", "n1", "09:00:00", "leo", "delete", ns="")
    write(who.path, *NOISE, asked, on("nodes", "n1", "09:00:40", KUBELET, "get", ns=""))
    assert told(who.json("deleted", "node/n1")) == (None, "unknown")
    gone = on("nodes", "n1", "09:00:40", KUBELET, "get", ns="", code=404)
    write(who.path, *NOISE, asked, on("nodes", "n1", "09:00:01", KUBELET, "get", ns=""), gone)
    assert told(who.json("deleted", "node/n1")) == ("leo", "certain")


def test_a_pod_that_is_met_after_its_grace_is_not_surely_deleted(who: Asker) -> None:
    """kubectl says in the body only that it asks for a dry run: the log's end may come before the Pod's."""
    life = [
        pod("09:00:00", "ann", "create"),
        pod("09:00:10", "bob", "delete"),
        pod("09:00:20", KUBELET, "patch", sub="status"),
    ]
    write(who.path, *NOISE, *life)
    assert who.json("deleted", "pod/p")["confidence"] == "certain"
    write(who.path, *NOISE, *life, pod("09:02:00", KUBELET, "patch", sub="status"))
    found = who.json("deleted", "pod/p")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "inferred")
