"""One name, several objects: each on a small made-up log of which a part is another server's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write

APPS = {"group": "apps"}
GARBAGE = f"{CONTROLLER}generic-garbage-collector"
OPTIONS = {"requestObject": {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}}


def body(uid: str) -> dict[str, Any]:
    """A Deployment as the server answers with it."""
    return {"responseObject": {"kind": "Deployment", "metadata": {"name": "web", "uid": uid}}}


def status(uid: str) -> dict[str, Any]:
    """What the server answers to a deletion that is over at once."""
    return {"responseObject": {"kind": "Status", "status": "Success", "details": {"name": "web", "uid": uid}}}


def deployment(time: str, user: str, verb: str, **more: Any) -> dict[str, Any]:
    return event(time, user, verb, "deployments", "web", code=201 if verb == "create" else 200, **APPS, **more)


def test_another_uid_is_another_object(who: Asker) -> None:
    """Who made the second one met another server: neither is the first one's maker its maker, nor its end its end."""
    write(
        who.path,
        deployment("09:00:00.000000", "alice", "create", **body("one")),
        deployment("09:10:00.000000", "bob", "delete", **status("one")),
        deployment("09:11:00.000000", "carol", "patch", **body("two")),
        deployment("10:00:00.000000", "dave", "delete", **status("two")),
    )
    found = who.json("created", "deploy/web")
    assert found["answer"] is None
    assert found["confidence"] == "unknown"
    assert any("alice created another object of this name" in note for note in found["notes"])
    assert not any("already existed" in note or "No successful" in note for note in found["notes"])
    found = who.json("deleted", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("dave", "certain")
    assert found["notes"] == []
    first = who.json("created", "deploy/web", "--until", "2026-11-23T09:05:00Z")
    assert (first["answer"]["user"], first["confidence"]) == ("alice", "certain")


def test_the_end_of_one_is_no_end_of_the_other(who: Asker) -> None:
    write(
        who.path,
        deployment("09:00:00.000000", "alice", "create", **body("one")),
        deployment("09:10:00.000000", "bob", "delete", **status("one")),
        deployment("10:00:00.000000", "carol", "patch", **body("two")),
    )
    found = who.json("deleted", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")
    assert any("with another UID, existed after that" in note for note in found["notes"])


@pytest.mark.parametrize(("options", "dry"), [({}, True), (OPTIONS, False)])
def test_what_is_used_long_after_its_end_may_be_another(who: Asker, options: dict[str, Any], dry: bool) -> None:
    """Without UIDs that deletion may also have been a dry run, if its body was not logged, or have taken long."""
    first = [
        deployment("09:00:00.000000", "alice", "create"),
        deployment("09:10:00.000000", "bob", "delete", **options),
        deployment("10:00:00.000000", "carol", "patch"),
    ]
    write(who.path, *first)
    said = "bob deleted it at 2026-11-23T09:10:00.000000Z, but carol still found it at"
    created = who.json("created", "deploy/web")
    if dry:
        assert (created["answer"]["user"], created["confidence"]) == ("alice", "inferred")
        assert said in created["chain"][0]["why"]
        assert "dry run" in created["chain"][0]["why"]
    else:
        # the server removes a Deployment at once: what carol met was made by a request that the log lacks
        assert created["answer"] is None
        assert any("alice created another object of this name" in note for note in created["notes"])
    # what is no dry run set it going, whatever was met later
    deleted = who.json("deleted", "deploy/web")
    assert (deleted["answer"]["user"], deleted["confidence"]) == ("bob", "inferred" if dry else "certain")
    assert said in " ".join([deleted["chain"][0]["why"], *deleted["notes"]])
    write(who.path, *first, deployment("20:00:00.000000", "dave", "delete", **options))
    found = who.json("deleted", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("dave", "inferred")
    assert not any("already terminating" in note for note in found["notes"])


def test_a_deletion_that_takes_long_is_one(who: Asker) -> None:
    """In the foreground, with a finalizer that somebody takes away; what Kubernetes does meanwhile is no new life."""
    unhooked = {"requestObject": {"metadata": {"finalizers": None}}}
    write(
        who.path,
        deployment("09:00:00.000000", "alice", "create"),
        deployment("09:10:00.000000", "bob", "delete", **OPTIONS),
        deployment("09:11:00.000000", "erin", "get"),
        deployment("09:20:00.000000", f"{CONTROLLER}deployment-controller", "update", sub="status"),
        deployment("09:30:00.000000", GARBAGE, "patch"),
        deployment("09:40:00.000000", "carol", "list", query="?fieldSelector=metadata.name%3Dweb"),
        deployment("10:00:00.000000", "carol", "patch", **unhooked),
    )
    gone = (
        "bob deleted it at 2026-11-23T09:10:00.000000Z; if there is a deployment default/web now, a request that is"
        " not in this log created it again"
    )
    for verb, user, notes in (("created", "alice", [gone]), ("deleted", "bob", [])):
        found = who.json(verb, "deploy/web")
        assert (found["answer"]["user"], found["confidence"], found["notes"]) == (user, "certain", notes)


def test_a_pod_that_goes_slowly_was_set_going_before_its_kubelet_ended_it(who: Asker) -> None:
    slowly = [
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "bob", "delete", "pods", "x"),
        event("10:20:00.000000", "carol", "get", "pods", "x", sub="log"),
        event("10:30:00.000000", "system:node:n1", "delete", "pods", "x"),
    ]
    write(who.path, *slowly)
    found = who.json("deleted", "pod/x")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")
    # what is met after that is another Pod
    write(who.path, *slowly, event("12:00:00.000000", "dave", "get", "pods", "x", sub="log"))
    found = who.json("created", "pod/x")
    assert (found["answer"]["user"], found["confidence"]) == ("alice", "inferred")


def test_a_uid_that_a_create_carries_is_replaced(who: Asker) -> None:
    """`kubectl create -f` of what was saved with its UID: the server gives it a new one."""
    saved = {"requestObject": {"kind": "Deployment", "metadata": {"name": "web", "uid": "of-old"}}}
    changed = {"requestObject": {"kind": "Deployment", "metadata": {"name": "web", "uid": "of-now"}}}
    write(
        who.path,
        deployment("09:00:00.000000", "alice", "create", **saved),
        deployment("09:10:00.000000", "bob", "update", **changed),
    )
    assert who.json("created", "deploy/web")["confidence"] == "certain"


def test_a_straggler_is_no_third_object(who: Asker, tmp_path: Path) -> None:
    """The clock of one server is behind: the last deletion of one object seems to follow the making of the next."""
    write(
        tmp_path / "cp1" / "audit.log",
        deployment("09:00:00.000000", "alice", "create", **body("one")),
        deployment("09:10:00.000000", "bob", "create", **body("two")),
        deployment("09:10:03.000000", "carol", "patch", **body("two")),
    )
    write(tmp_path / "cp2" / "audit.log", deployment("09:10:01.000000", "dave", "delete", **status("one")))
    found = who.json("created", "deploy/web", log=tmp_path)
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")
