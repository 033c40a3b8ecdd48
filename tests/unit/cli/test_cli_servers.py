"""API servers that wrote no log, or only for a part of the time: the answer says so in its first sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from logkit import event, write

from kaudit_setup.cli import main
from kaudit_setup.report.times import localized

HOUR = 3600


def every(minutes: int, begin: int, end: int, node: str) -> list[dict[str, Any]]:
    """Something of a server's own, every so many minutes from one second to another."""
    return [
        event(n, auditID=f"{node}-{n}", user={"username": "system:apiserver"}, objectRef={"resource": "nodes"})
        for n in range(begin, end, minutes * 60)
    ]


def did(n: int, verb: str, user: str = "alice", **more: Any) -> dict[str, Any]:
    return event(n, auditID=f"{user}-{n}", verb=verb, user={"username": user, "groups": []}, **more)


def log(path: Path, *events: dict[str, Any]) -> None:
    write(path / "audit.log", *sorted(events, key=lambda one: one["requestReceivedTimestamp"]))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three servers, of which cp3 stopped writing after an hour; alice deleted and changed by cp1 then."""
    for name in ("cp1", "cp2"):
        log(tmp_path / name, *every(5, 0, 5 * HOUR, name), *([did(1800, "delete")] if name == "cp1" else []))
    log(tmp_path / "cp3", *every(5, 0, HOUR, "cp3"))
    return tmp_path


def who(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[str, dict[str, Any]]:
    """The first sentence, and the answer for programs."""
    main(["who", *map(str, args)])
    text = capfd.readouterr().out
    main(["who", *map(str, args), "-o", "json"])
    return text.splitlines()[0], json.loads(capfd.readouterr().out)["items"][0]


GIST = "requests through cp3 after 2026-11-23T16:55:00.000000Z are not in this log (its log ends then)"


def test_nobody_is_only_as_good_as_the_log_that_ends_first(three: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said, found = who(capfd, "changed", "pod/p", "-n", "ns", "--log", three)
    assert said.startswith("No successful change of pod ns/p found in this log (covers 2026-11-23 16:00:00 UTC")
    assert "to 2026-11-23 16:55:00 UTC)" in said
    assert localized(GIST) in said
    assert (found["confidence"], GIST in found["notes"][0]) == ("unknown", True)


def test_what_the_evidence_shows_stays_certain(three: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said, found = who(capfd, "deleted", "pod/p", "-n", "ns", "--log", three)
    assert (found["root"]["user"], found["confidence"]) == ("alice", "certain")
    assert GIST not in said
    assert any(GIST[1:] in note for note in found["notes"])


@pytest.mark.parametrize(("verb", "asked"), [("patch", "changed"), ("get", "read"), ("get", "touched")])
def test_the_last_time_may_have_been_a_later_one(
    three: Path, capfd: pytest.CaptureFixture[str], verb: str, asked: str
) -> None:
    log(three / "cp2", *every(5, 0, 5 * HOUR, "cp2"), did(1700, verb, "bob"))
    said, found = who(capfd, asked, "pod/p", "-n", "ns", "--log", three, "--until", "2026-11-23T20:00:00Z")
    assert (found["root"]["user"] in {"alice", "bob"}, found["confidence"]) == (True, "inferred")
    assert localized(GIST) in said
    # what was asked for lies before that
    said, found = who(capfd, asked, "pod/p", "-n", "ns", "--log", three, "--until", "2026-11-23T16:50:00Z")
    assert (found["confidence"], GIST in said) == ("certain", False)


@pytest.mark.parametrize("args", [["--user", "alice"], ["pods", "-A"]])
def test_lists_say_that_there_may_be_more(three: Path, capfd: pytest.CaptureFixture[str], args: list[str]) -> None:
    said, found = who(capfd, "deleted", *args, "--log", three)
    assert localized(GIST) in said
    assert found["confidence"] == "inferred"
    said, found = who(capfd, "created", *args, "--log", three)
    assert localized(GIST) in said
    assert found["confidence"] == "unknown"


def test_a_log_that_begins_late_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log(tmp_path / "cp1", *every(5, 0, 5 * HOUR, "cp1"))
    log(tmp_path / "cp2", *every(5, 3 * HOUR, 5 * HOUR, "cp2"))
    said, _ = who(capfd, "created", "pod/p", "-n", "ns", "--log", tmp_path)
    assert "requests through cp2 before 2026-11-23 19:00:00 UTC are not in this log (its log begins then)" in said
    assert "(covers 2026-11-23 19:00:00 UTC to" in said
    assert "cp2" not in who(capfd, "created", "pod/p", "--log", tmp_path, "--since", "2026-11-23T19:30:00Z")[0]


def test_logs_without_a_time_in_common(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log(tmp_path / "cp1", *every(5, 0, HOUR, "cp1"))
    log(tmp_path / "cp2", *every(5, 3 * HOUR, 5 * HOUR, "cp2"))
    said, _ = who(capfd, "created", "pod/p", "-n", "ns", "--log", tmp_path)
    assert "its servers' logs have no time in common" in said


def test_a_log_that_goes_on_with_another_is_of_one_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log(tmp_path / "2026-11", *every(5, 0, 2 * HOUR, "a"))
    log(tmp_path / "2026-12", *every(5, 2 * HOUR, 4 * HOUR, "b"))
    said, _ = who(capfd, "created", "pod/p", "-n", "ns", "--log", tmp_path)
    assert "requests through" not in said


@pytest.mark.parametrize("end", [5 * HOUR - 600, 5 * HOUR])
def test_servers_that_end_about_the_same_time_are_not_spoken_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], end: int
) -> None:
    log(tmp_path / "cp1", *every(5, 0, 5 * HOUR, "cp1"))
    log(tmp_path / "cp2", *every(5, 0, end, "cp2"))
    assert "requests through" not in who(capfd, "created", "pod/p", "--log", tmp_path)[0]


def test_a_log_of_long_pauses_may_just_pause(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log(tmp_path / "cp1", *every(120, 0, 7 * HOUR, "cp1"))
    log(tmp_path / "cp2", *every(120, 0, 4 * HOUR, "cp2"))
    assert "requests through" not in who(capfd, "created", "pod/p", "--log", tmp_path)[0]


def test_a_server_without_any_event(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log(tmp_path / "cp1", *every(5, 0, HOUR, "cp1"))
    log(tmp_path / "cp2")
    said, _ = who(capfd, "created", "pod/p", "--log", tmp_path / "cp1", "--log", tmp_path / "cp2/audit.log")
    assert "requests through cp2 are not in this log (its log holds no events)" in said


def of_kubelet(n: int, node: str) -> dict[str, Any]:
    """A kubelet's report on the static Pod of its node's API server."""
    ref = {"resource": "pods", "namespace": "kube-system", "name": f"kube-apiserver-{node}", "subresource": "status"}
    user = {"username": f"system:node:{node}", "groups": ["system:nodes"]}
    return event(n, auditID=f"{node}-{n}", verb="patch", user=user, userAgent="kubelet/v1.36.2", objectRef=ref)


@pytest.mark.parametrize("asked", ["changed", "touched", "created", "exec"])
def test_a_server_whose_log_is_not_there_at_all(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], asked: str
) -> None:
    reports = [of_kubelet(n, node) for n, node in enumerate(("cp1", "cp2", "cp3"))]
    for node in ("cp1", "cp2"):
        log(tmp_path / node, *every(5, 0, HOUR, node), *reports, did(1800, "patch"))
    said, found = who(capfd, asked, "pod/p", "-n", "ns", "--log", tmp_path)
    assert "requests through cp3 are not in this log (its log is missing: an API server ran there too, and" in said
    assert found["confidence"] in {"inferred", "unknown"}


def test_no_event_is_only_as_good_as_the_log_that_ends_first(three: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--user", "nobody", "--log", str(three)]) == 0
    assert localized(GIST) in capfd.readouterr().err
