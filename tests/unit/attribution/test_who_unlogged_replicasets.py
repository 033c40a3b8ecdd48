"""ReplicaSets whose own creates are not in the log: the policy dropped them, or the log begins later."""

from __future__ import annotations

from pathlib import Path

import pytest
from madeup import CONTROLLER, NOISE, Asker, event, write

REPLICASETS = f"{CONTROLLER}replicaset-controller"
OLD, NEW = "web-7d4f8c6b5d", "web-5c9d8b7f6c"
APPS = {"group": "apps", "ns": "shop"}


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    return Asker(tmp_path, capsys)


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
