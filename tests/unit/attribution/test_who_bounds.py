"""More requests than are kept: the answer is the same, or says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eventkit import CONTROLLER, event
from whokit import Lines, answer, in_lines, keep_few

REPLICAS = f"{CONTROLLER}replicaset-controller"
POD = "web-5d9c7b8f6d-bbcdf"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_few(monkeypatch, 200)


def at(second: float) -> str:
    return f"{int(second) // 3600:02}:{int(second) // 60 % 60:02}:{second % 60:09.6f}"


def crowd(step: int = 60) -> Iterator[dict[str, Any]]:
    """A Pod without a name each minute of a day."""
    for second in range(0, 86_400, step):
        yield event(at(second), REPLICAS, "create", "pods", code=201)


def owner() -> list[dict[str, Any]]:
    return [
        event("00:00:00.000000", "alice", "create", "deployments", "web", code=201, group="apps"),
        event(
            "00:00:00.100000",
            f"{CONTROLLER}deployment-controller",
            "create",
            "replicasets",
            "web-5d9c7b8f6d",
            code=201,
            group="apps",
        ),
    ]


def met(second: float) -> dict[str, Any]:
    return event(at(second), "system:kube-scheduler", "create", "pods", POD, sub="binding", code=201)


@pytest.mark.parametrize("hour", [0, 2, 12, 23])
@pytest.mark.parametrize("behind", [False, True], ids=["in order", "in another server's log"])
def test_a_crowd_of_nameless_creates_hides_none_that_matters(hour: int, behind: bool) -> None:
    """Most are left out; those around the Pod's first mention are there, even if the log shows that at its end."""
    moment = hour * 3600 + 60.01
    found = [*owner(), *crowd()]
    # the log of another server is read after the first one's
    found = [*found, met(moment)] if behind else sorted([*found, met(moment)], key=lambda one: one["stageTimestamp"])
    told = answer(in_lines(found), "created", f"pod/{POD}", "default")
    assert told.answer is not None
    assert told.answer.time.endswith(f"{hour:02}:01:00.000000Z")
    assert told.root is not None
    assert told.root.user == "alice"
    assert any("too many to keep" in note for note in told.notes)


def test_what_is_left_out_is_not_taken_for_absent() -> None:
    """One person's body asks for such a name; that nobody else's does is not known any more."""
    asked = {"kind": "Pod", "metadata": {"generateName": "web-5d9c7b8f6d-"}}
    mine = event(at(80_000), "bob", "create", "pods", code=201, requestObject=asked)
    others = [{**one, "requestObject": {"kind": "Pod", "metadata": {"generateName": "x-"}}} for one in crowd()]
    read = event(at(86_399), "erin", "get", "pods", POD)
    found = sorted([mine, *others, read], key=lambda one: one["stageTimestamp"])
    told = answer(in_lines(found), "created", f"pod/{POD}", "default")
    assert told.answer is not None
    assert told.answer.user == "bob"
    assert told.confidence == "inferred"


def busy() -> Lines:
    """An object that is made and deleted each minute by someone else."""
    verbs = ("create", "delete")
    return in_lines(
        event(at(60 * n), f"user{n}", verbs[n % 2], "configmaps", "busy", code=201 if n % 2 == 0 else 200)
        for n in range(1440)
    )


def test_of_an_object_that_comes_and_goes_the_last_lives_are_kept() -> None:
    log = busy()
    deleted, created = answer(log, "deleted", "cm/busy", "default"), answer(log, "created", "cm/busy", "default")
    assert deleted.answer is not None
    assert created.answer is not None
    assert (deleted.answer.user, created.answer.user) == ("user1439", "user1438")
    timeline = answer(log, "touched", "cm/busy", "default")
    assert len(timeline.events) < 200
    assert timeline.events[-1].user == "user1439"
    for told in (deleted, created, timeline):
        assert any("too many to keep" in note and "--until" in note for note in told.notes)


def test_an_end_of_time_leaves_out_what_came_after() -> None:
    until = "2026-11-23T03:00:30Z"
    deleted = answer(busy(), "deleted", "cm/busy", "default", until)
    assert deleted.answer is not None
    assert deleted.answer.user == "user179"
    timeline = answer(busy(), "touched", "cm/busy", "default", until)
    assert timeline.events[-1].user == "user180"
