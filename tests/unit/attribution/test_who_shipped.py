"""Logs that a shipper wrote anew (other order, spaces, fields of its own): the same answers, and a word about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attributionkit import Answer, EventLog, Question, Request, Search, Verb, ask
from whokit import events, parse_object, truths

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.literals import plainly, says
from kaudit_setup.auditlog.raw_lines import REWRITTEN
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

SCENARIO = "drain-1.20.2"
FOLDER = "var/log/kubernetes/audit"
Shape = Callable[[dict[str, Any]], str]


def own(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


SHAPES: dict[str, Shape] = {
    "sorted": lambda event: json.dumps(event, separators=(",", ":"), sort_keys=True),
    "spaced": json.dumps,
    "wrapped": lambda event: own({"@timestamp": 1700000000.5, "stream": "stdout", **event, "host": {"name": "cp1"}}),
    "turned round": lambda event: json.dumps(dict(reversed(list(event.items())))),
}


def written(root: Path, shape: Shape, scenario: str = SCENARIO) -> Path:
    path = root / FOLDER / "audit.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{shape(event)}\n" for event in events(scenario, "Metadata")), encoding="utf-8")
    return path


def answers(log: EventLog, scenario: str = SCENARIO) -> list[Answer]:
    found = []
    for truth in truths(scenario):
        kind, name = parse_object(truth["object"])
        found.append(ask(log, Question(Verb(truth["verb"]), kind, truth["ns"], name)))
    return found


def essence(found: list[Answer]) -> list[object]:
    """What must not depend on the spelling: who, how surely, by which requests, for what reasons."""
    return [
        (
            answer.confidence,
            answer.root and answer.root.key,
            [(link.object, link.request and link.request.key, link.confidence, link.why) for link in answer.links],
            answer.notes,
        )
        for answer in found
    ]


@pytest.fixture(scope="module")
def as_logged(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    path = written(tmp_path_factory.mktemp("own"), own)
    found = answers(EventLog(LocalLogs(find_logs([str(path)]).files)))
    assert not any(REWRITTEN in note for answer in found for each in answer.coverage for note in each.notes)
    return essence(found)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answers_are_the_same(shape: str, as_logged: list[object], tmp_path: Path) -> None:
    path = written(tmp_path, SHAPES[shape])
    found = answers(EventLog(LocalLogs(find_logs([str(path)]).files)))
    assert essence(found) == as_logged
    for answer in found:
        (cover,) = answer.coverage
        assert REWRITTEN in cover.notes
        assert cover.first.startswith("2026-11-23T")
        assert not cover.damaged


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answers_are_the_same_from_a_node(shape: str, as_logged: list[object], tmp_path: Path) -> None:
    written(tmp_path, SHAPES[shape])
    logs = RemoteLogs([LocalNode(tmp_path)], script("lib") + script("logs"))
    found = answers(EventLog(logs))
    assert essence(found) == as_logged
    (cover,) = found[0].coverage
    assert REWRITTEN in cover.notes
    assert cover.first.startswith("2026-11-23T")


@pytest.mark.parametrize("scenario", ["controllers-1.20.2", "drain-1.20.2"])
def test_the_answers_are_the_same_where_a_search_costs_little(scenario: str, tmp_path: Path) -> None:
    """Then nothing is looked for ahead of time, and what is not needed never."""
    logs = LocalLogs(find_logs([str(written(tmp_path, own, scenario))]).files)

    class Packed:
        def servers(self, cluster: str) -> None:
            return None

    one_by_one, ahead = (essence(answers(EventLog(logs, stored=one), scenario)) for one in (Packed(), None))
    assert one_by_one == ahead


def test_a_name_in_every_namespace_costs_only_the_lines_of_one(tmp_path: Path) -> None:
    whole = events(SCENARIO, "Metadata")
    made = next(e for e in whole if e["verb"] == "create" and e["objectRef"].get("name") == "svc1")
    elsewhere = [json.loads(own({**made, "auditID": f"{n:036}"}).replace("drain", f"other-{n}")) for n in range(9)]
    log = tmp_path / "audit.log"
    log.write_text("".join(f"{own(event)}\n" for event in [*elsewhere, *whole, *elsewhere]), encoding="utf-8")
    kind, name = parse_object("svc/svc1")
    read: list[bytes] = []

    class Watched(EventLog):
        def events(self, search: Search) -> Iterator[tuple[Event, Request]]:
            for event, request in super().events(search):
                read.append(request.namespace.encode())
                yield event, request

    found = ask(Watched(LocalLogs(find_logs([str(log)]).files)), Question(Verb.created, kind, "drain", name))
    assert found.answer is not None
    assert found.answer.user == "alice"
    assert set(read) == {b"drain"}
    missed = ask(EventLog(LocalLogs(find_logs([str(log)]).files)), Question(Verb.created, kind, "drian", name))
    assert any("but one of that name is in namespace drain, other-0" in note for note in missed.notes)


def test_one_file_of_each_kind(tmp_path: Path) -> None:
    """Somebody put a shipper in between while the log was rotated."""
    lines = events(SCENARIO, "Metadata")
    half = len(lines) // 2
    for name, part, shape in (
        ("audit-2026-11-23T19-20-00.000.log", lines[:half], own),
        ("audit.log", lines[half:], SHAPES["sorted"]),
    ):
        (tmp_path / FOLDER).mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / name).write_text("".join(f"{shape(event)}\n" for event in part), encoding="utf-8")
    for logs in (
        LocalLogs(find_logs([str(tmp_path / FOLDER)]).files),
        RemoteLogs([LocalNode(tmp_path)], script("lib") + script("logs")),
    ):
        for truth, found in zip(truths(SCENARIO), answers(EventLog(logs)), strict=True):
            assert found.root is not None, truth
            assert found.root.user == truth["root"]


def test_an_event_inside_a_field_is_read_and_a_damaged_one_counted(tmp_path: Path) -> None:
    kind, name = parse_object("svc/svc1")
    for wrap in (
        lambda event: json.dumps({"log": own(event), "stream": "stdout"}),
        lambda event: json.dumps({"message": event}),
    ):
        log = EventLog(LocalLogs(find_logs([str(written(tmp_path, wrap))]).files))
        found = ask(log, Question(Verb.created, kind, "drain", name))
        assert found.answer is not None
        assert found.answer.user == "alice"
    cut = written(tmp_path, lambda event: json.dumps({"log": own(event)[:-30], "stream": "stdout"}))
    log = EventLog(LocalLogs(find_logs([str(cut)]).files))
    assert ask(log, Question(Verb.created, kind, "drain", name)).answer is None
    assert sum(one.damaged for one in log.coverage()) > 0


@pytest.mark.parametrize(
    ("literal", "line", "held"),
    [
        (b'"namespace":"a","name":"b"', b'{"name": "b", "namespace": "a"}', True),
        (b'"namespace":"a","name":"b"', b'{"name": "b", "namespace": "c"}', False),
        (b'"namespace":"a","name":"b-', b'{"name": "b-x", "namespace": "a"}', True),
        (b'"resource":"pods","namespace":"a","api', b'{"namespace":"a","resource":"pods"}', True),
        (b'web-5d9c7b8f6d-bbcdf"', b'{"name": "web-5d9c7b8f6d-bbcdf"}', True),
        (b'"username":"a\\u003cb"', b'{"username": "a<b"}', True),
        ('"username":"é"'.encode(), b'{"username": "\\u00e9"}', True),
    ],
)
def test_what_a_literal_says_in_any_spelling(literal: bytes, line: bytes, held: bool) -> None:
    plain = plainly(literal)
    assert says(line, [plain]) is held


def test_damage_does_not_make_a_log_a_shippers(tmp_path: Path) -> None:
    path = written(tmp_path, own)
    whole = path.read_bytes()
    path.write_bytes(b'ion":"x"}\n' + whole + b"\0\0\0\n")
    here = EventLog(LocalLogs(find_logs([str(tmp_path)]).files))
    there = EventLog(RemoteLogs([LocalNode(tmp_path)], script("lib") + script("logs"), []))
    kind, name = parse_object("svc/svc1")
    for log in (here, there):
        found = ask(log, Question(Verb.created, kind, "drain", name))
        assert found.answer is not None
        (cover,) = found.coverage
        assert REWRITTEN not in cover.notes
