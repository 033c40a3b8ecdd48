"""Doubt that must be said where somebody is named: two creates of one name, two people at once, no time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from documentkit import only
from eventkit import CONTROLLER, Asker, event, write

from kaudit_setup.cli import main

REPLICAS = f"{CONTROLLER}replicaset-controller"
SETS = f"{CONTROLLER}statefulset-controller"
SCHEDULER = "system:kube-scheduler"
LATE = f"{datetime.now(UTC).year + 2}-01-01T00:00:00.000000Z"
Event = dict[str, Any]


def made(time: str, user: str, name: str = "x", **more: Any) -> Event:
    return event(time, user, "create", "pods", name, code=201, **more)


def two_logs(tmp_path: Path, between: tuple[Event, ...] = (), **more: Any) -> Path:
    """alice creates a Pod in one log, bob later one of the same name in another; with what came `between`."""
    write(tmp_path / "logs" / "one" / "audit.log", made("10:00:00.000000", "alice", **more), *between)
    write(tmp_path / "logs" / "two" / "audit.log", made("11:00:00.000000", "bob", **more))
    return tmp_path / "logs"


def first_sentence(who: Asker, *args: str) -> str:
    main(["who", *args])
    return who.capsys.readouterr().out.partition("\n")[0]


def test_a_name_that_two_logs_create_without_a_deletion_may_be_of_two_clusters(who: Asker, tmp_path: Path) -> None:
    logs = two_logs(tmp_path)
    found = who.json("created", "pod/x", log=logs)
    assert (found["root"]["user"], found["confidence"]) == ("bob", "inferred")
    said = "\n".join(found["notes"])
    assert "an earlier pod" not in said
    assert "alice created pod default/x too, at 2026-11-23T10:00:00.000000Z in the log of one" in said
    first = first_sentence(who, "created", "pod/x", "--log", str(logs))
    assert "bob created it" in first
    for part in ("alice created pod default/x too", "no deletion in between", "--cluster NAME=PATH"):
        assert part in first


def test_a_create_in_the_same_log_between_them_does_not_hide_the_other_log(who: Asker, tmp_path: Path) -> None:
    logs = two_logs(tmp_path)
    write(logs / "two" / "audit.log", made("10:30:00.000000", "bob"), made("11:00:00.000000", "bob"))
    assert "alice created pod default/x too" in first_sentence(who, "created", "pod/x", "--log", str(logs))


@pytest.mark.parametrize(
    "between",
    [
        event("10:30:00.000000", "carol", "delete", "pods", "x"),
        event("10:30:00.000000", "carol", "create", "pods", "x", sub="eviction", code=201),
        event("10:30:00.000000", "carol", "deletecollection", "pods"),
        event("10:30:00.000000", "carol", "delete", "namespaces", "default"),
        event("10:30:00.000000", "system:node:n1", "delete", "pods", "x"),
    ],
    ids=lambda one: f"{one['user']['username']} {one['verb']} {one['objectRef']['resource']}",
)
def test_a_deletion_in_between_explains_the_second_create(who: Asker, tmp_path: Path, between: Event) -> None:
    found = who.json("created", "pod/x", log=two_logs(tmp_path, (between,)))
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")
    said = "\n".join(found["notes"])
    assert "an earlier pod default/x was created by alice" in said
    assert "no deletion" not in said


@pytest.mark.parametrize(
    "ending",
    [
        event("10:30:00.000000", "carol", "delete", "pods", "x", code=403),
        event("10:30:00.000000", "carol", "delete", "pods", "y"),
        event("10:30:00.000000", "carol", "deletecollection", "pods", ns="other"),
        event("09:30:00.000000", "carol", "delete", "pods", "x"),
        event("12:30:00.000000", "carol", "deletecollection", "pods"),
    ],
    ids=["refused", "of another", "elsewhere", "before both", "after both"],
)
def test_a_deletion_that_did_not_end_the_first_explains_nothing(who: Asker, tmp_path: Path, ending: Event) -> None:
    found = who.json("created", "pod/x", log=two_logs(tmp_path, (ending,)))
    assert found["confidence"] == "inferred"
    assert any("of another cluster" in note for note in found["notes"])


def test_within_one_log_the_deletion_is_what_is_missing(who: Asker) -> None:
    """A policy may leave out deletions, so that the later create stays the answer."""
    write(who.path, made("10:00:00.000000", "alice"), made("11:00:00.000000", "bob"))
    found = who.json("created", "pod/x")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")
    [note] = [note for note in found["notes"] if "alice" in note]
    assert note.startswith("an earlier pod default/x was created by alice")
    assert note.endswith("no deletion between that and the last creation is in this log")


def test_logs_that_are_said_to_be_of_one_cluster_are(who: Asker, tmp_path: Path) -> None:
    logs = two_logs(tmp_path)
    main(["who", "created", "pod/x", "--cluster", f"prod={logs}", "-o", "json"])
    found = only(who.capsys.readouterr().out)
    assert found["confidence"] == "certain"
    assert any("an earlier pod default/x was created by alice" in note for note in found["notes"])


def test_one_owner_makes_it_one_cluster(who: Asker, tmp_path: Path) -> None:
    """No two clusters share a UID: the StatefulSet's Pod was deleted by a kubelet, which the policy leaves out."""
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-db", "controller": True}
    body = {"metadata": {"name": "db-0", "ownerReferences": [owner]}}
    for time, server in (("10:00:00.000000", "one"), ("11:00:00.000000", "two")):
        write(tmp_path / "logs" / server / "audit.log", made(time, SETS, "db-0", requestObject=body, level="Request"))
    found = who.json("created", "pod/db-0", log=tmp_path / "logs")
    assert not any("another cluster" in note for note in found["notes"])


@pytest.mark.parametrize(("verb", "asked"), [("delete", "deleted"), ("patch", "changed")])
def test_what_was_done_to_one_of_two_may_be_meant_of_the_other(
    who: Asker, tmp_path: Path, verb: str, asked: str
) -> None:
    logs = two_logs(tmp_path)
    done = event("11:30:00.000000", "carol", verb, "pods", "x")
    write(logs / "two" / "audit.log", made("11:00:00.000000", "bob"), done)
    found = who.json(asked, "pod/x", log=logs)
    assert (found["root"]["user"], found["confidence"]) == ("carol", "inferred")
    first = first_sentence(who, asked, "pod/x", "--log", str(logs))
    assert "alice created pod default/x too" in first
    write(
        logs / "one" / "audit.log",
        made("10:00:00.000000", "alice"),
        event("10:10:00.000000", "al", "delete", "pods", "x"),
    )
    assert "another cluster" not in first_sentence(who, asked, "pod/x", "--log", str(logs))


def nameless(time: str, user: str, resource: str = "pods", group: str = "") -> Event:
    return event(time, user, "create", resource, code=201, group=group)


@pytest.mark.parametrize("body", [None, {"metadata": {"generateName": "gen-"}}], ids=["Metadata", "Request"])
def test_two_people_at_the_same_moment_are_both_named(who: Asker, body: Event | None) -> None:
    more = {"requestObject": body, "level": "Request"} if body else {}
    first, second = (
        {**nameless("10:00:00.000000", "alice"), **more},
        {**nameless("10:00:01.500000", "bob"), **more},
    )
    read = event("10:05:00.000000", "erin", "get", "pods", "gen-bbbb2")
    write(who.path, first, second, read)
    found = who.json("created", "pod/gen-bbbb2")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "inferred")
    [note] = [note for note in found["notes"] if "2 such requests came within two seconds" in note]
    assert "by alice and bob" in note
    said = first_sentence(who, "created", "pod/gen-bbbb2", "--log", str(who.path))
    assert "bob created it" in said
    assert "pod default/gen-bbbb2 may as well have been made by alice" in said


def test_two_requests_of_one_person_leave_no_doubt_who(who: Asker) -> None:
    write(
        who.path,
        nameless("10:00:00.000000", "bob"),
        nameless("10:00:01.500000", "bob"),
        event("10:05:00.000000", "erin", "get", "pods", "gen-bbbb2"),
    )
    assert "may as well" not in first_sentence(who, "created", "pod/gen-bbbb2", "--log", str(who.path))


def test_whose_body_is_not_logged_is_named_in_the_first_sentence(who: Asker) -> None:
    """bob's body asks for the prefix, carol's is not in the log: it may have asked for it too."""
    body = {"metadata": {"generateName": "gen-"}}
    write(
        who.path,
        nameless("10:00:00.000000", "carol"),
        {**nameless("10:20:00.000000", "bob"), "requestObject": body, "level": "Request"},
        event("10:25:00.000000", "erin", "get", "pods", "gen-bbbb2"),
    )
    said = first_sentence(who, "created", "pod/gen-bbbb2", "--log", str(who.path))
    assert "may as well have been made by carol" in said


NO_TIMES = [
    "2026-13-23T10:00:00.000000Z",
    "0000-11-23T10:00:00.000000Z",
    "2026-11-31T10:00:00.000000Z",
    "2026-11-23T25:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z",
    LATE,
    "1970-01-01T00:00:00.000000Z",
    "soon",
    "",
]


def untimed(moment: str, event: Event) -> Event:
    return {**event, "requestReceivedTimestamp": moment, "stageTimestamp": moment}


@pytest.mark.parametrize("moment", NO_TIMES)
def test_what_has_no_time_is_neither_earlier_nor_later(who: Asker, moment: str) -> None:
    write(who.path, untimed(moment, made("10:00:00.000000", "alice")), made("11:00:00.000000", "bob"))
    found = who.json("created", "pod/x")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "inferred")
    assert "1 event with an unreadable time counts neither as earlier nor as later" in found["notes"][0]
    assert "alice created pod default/x" in found["notes"][0]
    assert not any("an earlier pod" in note or "a later pod" in note for note in found["notes"])
    said = first_sentence(who, "created", "pod/x", "--log", str(who.path))
    assert "alice created pod default/x too, at a time that cannot be read" in said


@pytest.mark.parametrize("moment", NO_TIMES)
def test_a_deletion_without_a_time_ends_nothing(who: Asker, moment: str) -> None:
    gone = untimed(moment, event("10:00:00.000000", "mallory", "delete", "pods", "x"))
    write(who.path, gone, made("11:00:00.000000", "bob"), event("11:30:00.000000", "carol", "delete", "pods", "x"))
    created, deleted = who.json("created", "pod/x"), who.json("deleted", "pod/x")
    # the create is as certain as it was: nothing that asks for it lacks its time
    assert (created["root"]["user"], created["confidence"]) == ("bob", "certain")
    assert any("unreadable time" in note for note in created["notes"])
    assert (deleted["root"]["user"], deleted["confidence"]) == ("carol", "inferred")


def test_the_only_one_who_did_it_is_said_without_a_time(who: Asker) -> None:
    write(who.path, untimed(NO_TIMES[0], made("10:00:00.000000", "alice")))
    found = who.json("created", "pod/x")
    assert (found["answer"], found["confidence"]) == (None, "unknown")
    assert "alice created pod default/x at '2026-13-23" in found["notes"][0]


@pytest.mark.parametrize("moment", NO_TIMES)
def test_a_list_counts_what_has_no_time_apart(who: Asker, moment: str) -> None:
    lost = {**made("10:00:00.000000", "alice"), "requestReceivedTimestamp": moment}
    write(who.path, lost, made("11:00:00.000000", "bob", "y"))
    main(["who", "created", "pods", "-A", "--log", str(who.path)])
    out = who.capsys.readouterr().out
    assert out.startswith("1 creation of pods in all namespaces by bob.")
    assert "1 event with an unreadable time" in out


def test_the_end_of_a_request_that_cannot_be_true_is_not_believed(who: Asker) -> None:
    """Else nothing would come after such a deletion, and who still found the object would show nothing."""
    answers = []
    for end in ("2026-11-23T10:00:00.000000Z", "9999-01-01T00:00:00.000000Z"):
        gone = event("10:00:00.000000", "carol", "delete", "configmaps", "c", stageTimestamp=end)
        write(who.path, gone, event("10:30:00.000000", "dave", "update", "configmaps", "c"))
        found = who.json("deleted", "cm/c")
        answers.append((found["root"] and found["root"]["user"], found["confidence"]))
    assert answers[0] == answers[1]
    assert answers[0][1] != "certain"
