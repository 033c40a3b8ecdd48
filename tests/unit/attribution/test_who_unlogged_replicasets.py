"""ReplicaSets whose own creates are not in the log: the policy dropped them, or the log begins later."""

from __future__ import annotations

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

REPLICASETS = f"{CONTROLLER}replicaset-controller"
OLD, NEW = "web-7d4f8c6b5d", "web-5c9d8b7f6c"
APPS = {"group": "apps", "ns": "shop"}


def bound(time: str, name: str) -> dict[str, object]:
    return event(
        f"{time}.000000", "system:kube-scheduler", "create", "pods", name, ns="shop", sub="binding", code=201
    )


MADE = event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS)
SCALED = event("09:10:00.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS)
CHANGED = event("09:20:00.000000", "carol", "patch", "deployments", "web", **APPS)
LATER = event("09:30:00.000000", "dave", "patch", "deployments", "web", **APPS)


@pytest.mark.parametrize(("name", "by"), [(OLD, "alice"), (NEW, "carol")])
def test_the_first_pod_tells_when_it_was_made(who: Asker, name: str, by: str) -> None:
    pods = [bound("09:00:01", f"{OLD}-aaaaa"), bound("09:10:01", f"{OLD}-bbbbb"), bound("09:20:01", f"{NEW}-ccccc")]
    write(who.path, *NOISE, MADE, pods[0], SCALED, pods[1], CHANGED, pods[2], LATER)
    found = who.json("created", f"rs/{name}", "-n", "shop")
    assert (found["root"]["user"], found["confidence"]) == (by, "inferred")
    assert "nothing else in this log" not in who.text("created", f"rs/{name}", "-n", "shop")


def test_so_does_its_first_pod_s_create(who: Asker) -> None:
    answer = {"metadata": {"name": f"{NEW}-ccccc", "generateName": f"{NEW}-", "namespace": "shop"}}
    pod = event("09:20:00.500000", REPLICASETS, "create", "pods", ns="shop", code=201, responseObject=answer)
    write(who.path, *NOISE, MADE, CHANGED, {**pod, "level": "RequestResponse"}, LATER)
    assert who.json("created", f"rs/{NEW}", "-n", "shop")["root"]["user"] == "carol"


def test_a_scale_never_makes_one(who: Asker) -> None:
    """The log begins after the ReplicaSet was made: its first Pod there is a later one."""
    write(who.path, *NOISE, SCALED, bound("09:10:01", f"{OLD}-bbbbb"))
    found = who.json("created", f"rs/{OLD}", "-n", "shop")
    assert (found["root"], found["confidence"]) == (None, "unknown")
    assert who.json("created", f"pod/{OLD}-bbbbb", "-n", "shop")["root"]["user"] == "bob"


def test_the_first_sentence_says_who_else_it_may_have_been(who: Asker) -> None:
    write(who.path, *NOISE, MADE, SCALED, CHANGED, LATER)
    first = who.text("created", f"rs/{NEW}", "-n", "shop").splitlines()[0]
    assert first.startswith("alice created deployment shop/web")
    assert "it may as well have come of what carol or dave did to deployment shop/web" in first
    assert "bob" not in first


DEPLOYMENTS = f"{CONTROLLER}deployment-controller"


def made(time: str, name: str) -> dict[str, object]:
    return event(f"{time}.0000", DEPLOYMENTS, "create", "replicasets", name, code=201, **APPS)


def test_a_second_one_without_a_change_is_nobody_s_known(who: Asker) -> None:
    """The policy drops somebody's requests: the change that the second followed is not in the log."""
    write(who.path, *NOISE, MADE, made("09:00:00", OLD), made("09:20:05", NEW), bound("09:20:06", f"{NEW}-ccccc"))
    for question in (f"rs/{NEW}", f"pod/{NEW}-ccccc"):
        found = who.json("created", question, "-n", "shop")
        assert found["root"] is None
        assert any("followed is not in this log" in note for note in found["notes"])
    assert who.json("created", f"rs/{OLD}", "-n", "shop")["root"]["user"] == "alice"


def test_neither_is_a_smaller_one(who: Asker) -> None:
    smaller = event("09:20:00.0000", DEPLOYMENTS, "update", "replicasets", OLD, **APPS)
    end = event("09:20:00.1000", REPLICASETS, "delete", "pods", f"{OLD}-aaaaa", ns="shop")
    write(who.path, *NOISE, MADE, made("09:00:00", OLD), bound("09:00:01", f"{OLD}-aaaaa"), smaller, end)
    found = who.json("deleted", f"pod/{OLD}-aaaaa", "-n", "shop")
    assert (found["answer"]["user"], found["root"]) == (REPLICASETS, None)


def test_one_that_came_late_is_doubted_in_the_first_sentence(who: Asker) -> None:
    write(who.path, *NOISE, MADE, made("09:00:40", OLD))
    text = who.text("created", f"rs/{OLD}", "-n", "shop")
    assert text.startswith("alice created deployment shop/web")
    assert "was made 40 seconds later, so that the change that it was made for may not be" in text.splitlines()[0]


def test_a_log_that_lacks_a_change_says_so_in_the_first_sentence(who: Asker) -> None:
    """The reports of the Deployment's controller show one change more than the log has (metadata.generation)."""

    def report(time: str, generation: int) -> dict[str, object]:
        body = {"metadata": {"name": "web", "namespace": "shop", "generation": generation}}
        one = event(f"{time}.0000", DEPLOYMENTS, "update", "deployments", "web", sub="status", **APPS)
        return {**one, "level": "Request", "requestObject": body}

    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}
    new = {**made("09:20:05", NEW), "level": "Request", "requestObject": {"metadata": {"ownerReferences": [owner]}}}
    before = [MADE, report("09:00:01", 1), CHANGED, report("09:20:01", 2)]
    write(who.path, *NOISE, *before, report("09:20:04", 3), new, report("09:20:06", 3))
    found = who.json("created", f"rs/{NEW}", "-n", "shop")
    assert found["confidence"] == "inferred"
    assert (
        "the log lacks a change of deployment shop/web"
        in who.text("created", f"rs/{NEW}", "-n", "shop").splitlines()[0]
    )
