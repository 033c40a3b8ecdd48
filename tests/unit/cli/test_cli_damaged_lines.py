"""Lines that are damaged, odd or hostile: every command reads the same of them, and says what it could not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import items, only
from logkit import answer, event, ids, write

from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode


def test_beta_events_and_odd_bytes_are_events(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1, apiVersion="audit.k8s.io/v1beta1"))
    broken = json.dumps(event(2)).encode().replace(b"kubectl", b"kube\xffctl")
    path.write_bytes(path.read_bytes() + broken + b"\r\n" + b'{"not": "an event"}\n' + b"\0" * 50 + b"\n")
    assert main(["events", "-o", "json", "--log", str(path)]) == 0
    out, err = capfd.readouterr()
    assert [e["auditID"] for e in items(out)] == ["id-1", "id-2"]
    assert "2 damaged" in err
    assert f"{path}:3 not an audit event" in err


def nested(path: Path, *depths: int) -> Path:
    """A log in which mallory patches the Pod with bodies of these depths, between two events of others."""
    patch = event(2, user={"username": "mallory"}, verb="patch", level="Request", requestObject={"metadata": "X"})
    write(path, event(1, verb="create"), *[patch | {"auditID": f"deep-{depth}"} for depth in depths], event(3))
    lines = path.read_bytes().splitlines()
    for at, depth in enumerate(depths, 1):
        lines[at] = lines[at].replace(b'"X"', b"[" * depth + b'"[{\\""' + b"]" * depth)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_body_nested_without_end_hides_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = nested(tmp_path / "audit.log", 9_000, 20_000)
    size = path.stat().st_size
    got = answer(capfd, "top", "--by", "user", "--log", path, "-o", "json")
    assert {r["user"]: r["events"] for r in got["rows"]} == {"alice": 2, "mallory": 2}
    assert got["total"]["bytes"] == size
    assert got["coverage"][0]["damaged"] == 2
    for args in ([], ["--user", "mallory"]):
        assert main(["events", "-o", "json", *args, "--log", str(path)]) == 0
        out, err = capfd.readouterr()
        assert {"deep-9000", "deep-20000"} <= {e["auditID"] for e in items(out)}
        assert f"2 damaged lines: {path}:2 nested more than" in err
    (node,) = answer(capfd, "stats", "--log", path, "-o", "json")
    assert (node["events"], [d["line"] for d in node["damagedLines"]]) == (4, [2, 3])
    replayed = answer(capfd, "estimate", "metadata", "--log", path, "-o", "json")
    bodies = sum(len('"requestObject":{"metadata":}, ') - 1 + 2 * depth + 6 for depth in (9_000, 20_000))
    assert replayed["policies"][0]["bytes"] == size - bodies + 2 * (len("Metadata") - len("Request"))


def test_who_reads_a_body_of_any_depth(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # a line may be just shallow enough where it is read first, and its body too deep a few calls further down
    for depths in (range(900, 1000), (20_000,)):
        path = nested(tmp_path / "audit.log", *depths)
        got = answer(capfd, "who", "changed", "pod/p", "-n", "ns", "--log", path, "-o", "json")
        assert (got["answer"]["user"], got["answer"]["auditID"]) == ("mallory", f"deep-{depths[-1]}")
        assert not any("could not be read" in note for note in got["notes"])


def test_a_body_may_have_a_user_with_a_name(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # as the users of Rancher's own log have; the first line tells whether the others are looked at
    body = {"spec": {"user": {"name": "x"}}}
    bodies = [event(number, verb="patch", requestObject=body) for number in (1, 2)]
    path = write(tmp_path / "audit.log", *bodies, event(3, verb="get"))
    path.write_bytes(path.read_bytes().replace(b'": {"name": "x"', b'":{"name":"x"'))
    got = answer(capfd, "top", "--by", "verb", "--log", path, "-o", "json")
    assert {row["verb"]: row["events"] for row in got["rows"]} == {"patch": 2, "get": 1}
    assert got["coverage"][0]["damaged"] == 0


NULLS: list[dict[str, Any]] = [
    {"user": {"username": "bob", "groups": None}},
    {"user": {"username": "bob", "uid": None}, "impersonatedUser": None, "sourceIPs": None, "annotations": None},
    {
        "user": {"username": "bob"},
        "objectRef": {"resource": "pods", "namespace": "ns", "name": "p", "apiGroup": None},
    },
    {"user": {"username": "bob"}, "responseStatus": {"metadata": {}, "code": None}, "userAgent": None},
]


@pytest.mark.parametrize("fields", NULLS, ids=" ".join)
def test_null_is_as_good_as_absent(capfd: pytest.CaptureFixture[str], tmp_path: Path, fields: dict[str, Any]) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2, verb="patch", **fields))
    for args in ([], ["--user", "bob"], ["--name", "p"], ["--verb", "patch"]):
        assert "id-2" in ids(capfd, "--log", path, *args)
    dimensions = "user,resource,group,code,ip,agent,decision"
    got = answer(capfd, "top", "--by", dimensions, "--user", "bob", "--log", path, "-o", "json")
    assert (got["total"]["events"], got["coverage"][0]["damaged"]) == (1, 0)
    assert answer(capfd, "estimate", "metadata", "--log", path, "-o", "json")["policies"][0]["events"] == 2
    main(["who", "touched", "--user", "bob", "--log", str(path)])
    assert "could not be read" not in capfd.readouterr().out


def test_half_a_character_hides_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    r"""A patch is logged as it came, and kube-apiserver takes "\ud800" for U+FFFD."""
    patch = event(2, verb="patch", requestObject={"data": {"a": "HALF"}})
    log = write(tmp_path / "audit.log", event(1), patch)
    for half in (r"\ud800", r"\udfff", r"\\\ud800", r"\ud800\ud800\udc00"):
        log.write_text(json.dumps(event(1)) + "\n" + json.dumps(patch).replace("HALF", half) + "\n")
        assert main(["events", "--log", str(log), "-o", "json", "--name", "p"]) == 0
        out, err = capfd.readouterr()
        assert ([e["auditID"] for e in items(out)], err) == (["id-1", "id-2"], "")
        found = answer(capfd, "who", "changed", "pod/p", "-n", "ns", "--log", log, "-o", "json")
        assert found["answer"]["auditID"] == "id-2"


def test_a_field_of_another_type_is_as_good_as_absent(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    odd = event(2, user={"username": "bob"}, responseStatus={"code": "200"})
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    path = write(folder / "audit.log", event(1), odd, event(3))
    for where in (["--log", str(path)], ["--host", "cp1", "--log", "/var/log/kubernetes/audit/audit.log"]):
        found = answer(capfd, "events", "-o", "json", *where)
        assert [(e["auditID"], e["code"]) for e in found if e["auditID"].startswith("id")] == [
            ("id-1", 200),
            ("id-2", 0),
            ("id-3", 200),
        ]
        assert [e["user"] for e in answer(capfd, "events", "-o", "json", *where, "--user", "bob")] == ["bob"]
        raw = answer(capfd, "events", "-o", "raw", *where, "--user", "bob")
        assert json.loads(raw) == odd, "the line as it stands needs no reading"


def test_all_questions_agree_on_what_is_no_event(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {name: value}
        for name in event()
        for value in (5, None, "x", [], [5], {}, {"username": 5, "resource": 5, "code": "x"})
    ]
    lines = [event(n, **fields) for n, fields in enumerate(odd)]
    log = write(
        tmp_path / "audit.log", *lines, *[{k: v for k, v in event().items() if k != gone} for gone in event()]
    )
    written = [json.loads(line) for line in log.read_text().splitlines()]
    damaged = sum(not isinstance(one.get("stage"), str) or "auditID" not in one for one in written)
    assert damaged == 8
    shown = answer(capfd, "stats", "--log", log, "-o", "json")[0]
    assert shown["damaged"] == damaged
    for args in (["top", "--by", "level"], ["top", "--by", "user,code,ip,resource"], ["estimate", "metadata"]):
        assert answer(capfd, *args, "--log", log, "-o", "json")["coverage"][0]["damaged"] == damaged, args
    assert main(["events", "--log", str(log), "-o", "json"]) == 0
    assert f" {damaged} damaged" in capfd.readouterr().err
    main(["who", "touched", "pod/p", "-n", "ns", "--log", str(log), "-o", "json"])
    notes = only(capfd.readouterr().out)["notes"]
    assert any(f"{damaged} lines that mention it" in note for note in notes), notes


@pytest.mark.parametrize("command", [["top", "--by", "verb"], ["estimate", "metadata"]])
def test_what_is_wrong_with_a_log_is_said_beside_json_too(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    later = {"stageTimestamp": "2926-11-23T16:00:00.000000Z"}
    write(tmp_path / "cp1/audit.log", event(1), event(2, **later))
    broken = write(tmp_path / "cp2/audit.log", event(1))
    broken.write_bytes(broken.read_bytes() + b"garbage\n")
    said = []
    for output in ("text", "json"):
        assert main([*command, "--log", str(tmp_path), "-o", output]) == 0
        out, err = capfd.readouterr()
        said.append(err)
    assert only(out)["coverage"][1]["damaged"] == 1
    assert said[0] == said[1]
    for part in ("note: 2 nodes: ", "cp1: its clock or this machine's is wrong", "cp2: 1 damaged line: "):
        assert part in said[1]


@pytest.mark.parametrize("array", [True, False])
def test_a_list_of_events_in_one_line_needs_no_newline(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, array: bool
) -> None:
    path = tmp_path / "audit.json"
    found = [event(1), event(2)]
    path.write_text(json.dumps(found if array else {"kind": "EventList", "items": found}), encoding="utf-8")
    assert main(["events", "-o", "json", "--log", str(path)]) == 0
    assert [e["auditID"] for e in items(capfd.readouterr().out)] == ["id-1", "id-2"]


@pytest.mark.parametrize("whole", [[event(1)], event(1)])
def test_a_log_of_one_line_that_is_cut_short_is_not_empty(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, whole: Any
) -> None:
    path = tmp_path / "audit.log"
    path.write_text(json.dumps(whole, separators=(",", ":"))[:-20], encoding="utf-8")
    assert main(["top", "--by", "user", "--log", str(path)]) == 1
    assert "could not be read as audit events" in capfd.readouterr().err
    assert main(["who", "created", "pod/x", "--log", str(path)]) == 1
    assert "could not be read as audit events" in capfd.readouterr().out.splitlines()[0]


def test_a_last_line_that_is_cut_short_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2))
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["who", "deleted", "pod/x", "--log", str(path)]) == 1
    assert "the server died while it wrote" in capfd.readouterr().out
