"""`events`, `top`, `estimate`, `stats`, `collect`: through the command line, on real logs and on hostile ones."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kaudit_setup.auditlog.sources import this_machine
from kaudit_setup.cli import connect, main
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.policy.evaluate import Compiled, evaluate
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes

DATA = Path(__file__).parents[2] / "data/logs"
SCENARIO = DATA / "scenario-1.36.2-metadata/audit.log.gz"
PROBES = DATA / "audit-1.20.2.jsonl.gz"


def logged(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]


def moment(n: int) -> str:
    """Some seconds after four o'clock."""
    return f"2026-11-23T{(16 + n // 3600) % 24:02}:{n // 60 % 60:02}:{n % 60:02}.000000Z"


def event(n: int = 1, **fields: Any) -> dict[str, Any]:
    at = moment(n)
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{n}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/ns/pods/p",
        "verb": "get",
        "user": {"username": "alice", "groups": ["dev"]},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl/v1.36.2 (linux/amd64)",
        "objectRef": {"resource": "pods", "namespace": "ns", "name": "p", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": at,
        "stageTimestamp": at,
        **fields,
    }


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n" for e in events))
    return path


def answer(capfd: pytest.CaptureFixture[str], *args: str | Path) -> Any:
    code = main([str(a) for a in args])
    out, err = capfd.readouterr()
    assert code == 0, err
    return json.loads(out) if "json" in args else out


def ids(capfd: pytest.CaptureFixture[str], *args: str | Path) -> list[str]:
    return [e["auditID"] for e in answer(capfd, "events", "-o", "json", *args)]


FILTERS = [
    (["--user", "alice"], lambda e: (e.get("impersonatedUser") or e["user"]).get("username") == "alice"),
    (
        ["--impersonator", "kubernetes-admin"],
        lambda e: "impersonatedUser" in e and e["user"]["username"] == "kubernetes-admin",
    ),
    (["--verb", "delete"], lambda e: e["verb"] == "delete"),
    (["--verb", "delete", "--verb", "patch"], lambda e: e["verb"] in {"delete", "patch"}),
    (["--resource", "deploy"], lambda e: e.get("objectRef", {}).get("resource") == "deployments"),
    (["--resource", "secrets"], lambda e: e.get("objectRef", {}).get("resource") == "secrets"),
    (
        ["--resource", "pods/binding"],
        lambda e: (
            (e.get("objectRef", {}).get("resource"), e.get("objectRef", {}).get("subresource")) == ("pods", "binding")
        ),
    ),
    (
        ["--resource", "deployments.apps"],
        lambda e: (
            (e.get("objectRef", {}).get("resource"), e.get("objectRef", {}).get("apiGroup"))
            == ("deployments", "apps")
        ),
    ),
    (["--namespace", "shop"], lambda e: e.get("objectRef", {}).get("namespace") == "shop"),
    (["--name", "my-suspicious-pod"], lambda e: e.get("objectRef", {}).get("name") == "my-suspicious-pod"),
    (["--code", "403"], lambda e: e.get("responseStatus", {}).get("code") == 403),
    (["--code", "4*"], lambda e: 400 <= e.get("responseStatus", {}).get("code", 0) < 500),
    (["--level", "Metadata", "--verb", "create"], lambda e: e["verb"] == "create"),
    (["--source-ip", "::1"], lambda e: "::1" in e.get("sourceIPs", [])),
    (["--user-agent", "kubectl"], lambda e: e.get("userAgent", "").startswith("kubectl/")),
    (["--decision", "forbid"], lambda e: e.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"),
    (
        ["--user", "!system:*"],
        lambda e: not (e.get("impersonatedUser") or e["user"]).get("username", "").startswith("system:"),
    ),
    (
        ["--since", "2026-11-23T16:18:00Z", "--until", "2026-11-23T16:18:10Z"],
        lambda e: "2026-11-23T16:18:00" <= e["requestReceivedTimestamp"] <= "2026-11-23T16:18:10",
    ),
]


@pytest.mark.parametrize(("args", "fits"), FILTERS, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_each_filter_finds_what_a_plain_reader_finds(
    capfd: pytest.CaptureFixture[str], args: list[str], fits: Any
) -> None:
    expected = {(e["auditID"], e["requestReceivedTimestamp"]) for e in logged(SCENARIO) if fits(e)}
    found = answer(capfd, "events", "-o", "json", "--log", SCENARIO, *args)
    assert expected
    assert {(e["auditID"], e["time"]) for e in found} == expected
    assert len(found) == len(expected), "the stages of a request are one event"


def test_stage_gives_lines_for_themselves(capfd: pytest.CaptureFixture[str]) -> None:
    stages = Counter(e["stage"] for e in logged(PROBES))
    assert len(stages) >= 3
    for stage, count in stages.items():
        assert len(ids(capfd, "--log", PROBES, "--stage", stage)) == count


def test_a_failed_login_is_an_event_though_it_has_no_user(capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "events", "-o", "json", "--log", PROBES, "--code", "401")
    assert found
    assert {e["user"] for e in found} == {""}


def test_jsonl_has_the_actor_event_and_its_source(capfd: pytest.CaptureFixture[str]) -> None:
    out = answer(capfd, "events", "-o", "jsonl", "--log", SCENARIO, "--user", "foobar", "--verb", "create")
    (one,) = [json.loads(text) for text in out.splitlines()]
    line = gzip.decompress(SCENARIO.read_bytes()).splitlines()[one["source"]["line"] - 1]
    assert json.loads(line)["auditID"] == one["auditID"]
    assert one["user"], one["impersonatedBy"] == ("foobar", "kubernetes-admin")
    assert one["object"] == {
        "group": "",
        "resource": "pods",
        "subresource": "",
        "namespace": "default",
        "name": "my-suspicious-pod",
    }
    assert set(one) >= {
        "user",
        "groups",
        "impersonatedBy",
        "sourceIPs",
        "userAgent",
        "time",
        "verb",
        "code",
        "decision",
        "reason",
        "auditID",
        "level",
        "stage",
        "source",
    }
    assert set(one["source"]) == {"node", "file", "line"}


def test_raw_gives_the_lines_as_they_are(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1, userAgent="a\u202eb\x1b[31m"), event(2, verb="list"))
    assert main(["events", "--log", str(path), "-o", "raw", "--verb", "get"]) == 0
    assert capfdbinary.readouterr().out == path.read_bytes().splitlines(keepends=True)[0]


def test_a_terminal_gets_no_control_characters(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "\x1b]8;;http://evil\x07x\x1b]8;;\x07[bold red]\u202e\u2066\r\nroot\x9b31m"
    path = write(
        tmp_path / "a\x1b[2Jb" / "audit.log",
        event(1, userAgent=evil, user={"username": evil}, objectRef={"resource": evil, "name": evil}),
    )
    for args in (["events"], ["top", "--by", "user,agent,name,node"], ["stats"]):
        out = answer(capfd, *args, "--log", path)
        assert not [c for c in out if not c.isprintable() and c != "\n"], args
    assert "[bold red]" in answer(capfd, "events", "--log", path)


def test_limit_and_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(ids(capfd, "--log", SCENARIO, "--limit", "3")) == 3
    assert ids(capfd, "--log", SCENARIO, "--user", "nobody-like-this") == []


@pytest.mark.parametrize("char", ["\x7f", "\x9b", "\u202e", "\u200b", "\u2028", "\udbff\udfff"])
def test_json_has_nothing_that_a_terminal_obeys(capfd: pytest.CaptureFixture[str], tmp_path: Path, char: str) -> None:
    char = char.encode("utf-16", "surrogatepass").decode("utf-16")
    log = write(tmp_path / "audit.log", event(1, userAgent=f"a{char}b"))
    for output in ("json", "jsonl"):
        text = answer(capfd, "events", "-o", output, "--log", log) if output == "jsonl" else ""
        if output == "json":
            assert main(["events", "-o", "json", "--log", str(log)]) == 0
            text = capfd.readouterr().out
            (shown,) = json.loads(text)
        else:
            shown = json.loads(text)
        assert shown["userAgent"] == f"a{char}b"
        assert text.replace("\n", "").isprintable()
        assert text.isascii()


def test_a_name_that_is_not_utf8_is_no_obstacle(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "\udcff\udcfe.log", event(1))
    (row,) = answer(capfd, "events", "-o", "json", "--log", tmp_path)
    assert row["source"]["file"] == str(path)
    for args in (["stats"], ["top", "--by", "node"], ["who", "read", "pod/p", "-n", "ns"]):
        answer(capfd, *args, "--log", tmp_path, "-o", "json")
        answer(capfd, *args, "--log", tmp_path)


def as_nobody(*args: str | Path) -> int:
    """The exit code of a command that a user without any rights runs."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        code = main([str(arg) for arg in args])
        sys.stdout.flush()
    finally:
        os._exit(code)


def test_what_may_not_be_read_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    answer(capfd, "stats", "--log", PROBES)  # imports what the child must not look for
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = write(folder / "cp1/audit-2026-11-23T16-00-00.000.log", event(1))
        closed.chmod(0)
        write(folder / "cp2/audit.log", event(2)).parent.chmod(0)
        assert as_nobody("stats", "--log", closed) == 2
        assert f"cannot read {closed}: Permission denied" in capfd.readouterr().err
        assert as_nobody("stats", "--log", folder / "cp2") == 2
        assert f"cannot read the folder {folder / 'cp2'}: Permission denied" in capfd.readouterr().err
        write(folder / "cp1/audit.log", event(2))
        assert as_nobody("stats", "--log", folder) == 0
        out, err = capfd.readouterr()
        assert f"{closed} cannot be read: Permission denied" in out
        assert "rotated away" not in out
        assert f"note: the folder {folder / 'cp2'} is left out: Permission denied" in err
        (folder / "cp2").chmod(0o755)


def test_what_is_left_out_of_a_folder_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "audit.log", event(1))
    os.mkfifo(tmp_path / "audit-2026-11-23T10-00-00.000.log")
    (tmp_path / "audit-2026-11-23T11-00-00.000.log").symlink_to(tmp_path / "gone")
    (tmp_path / "audit-2026-11-23T12-00-00.000.log.zst").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    assert main(["top", "--by", "level", "--log", str(tmp_path), "-o", "json"]) == 0
    said = [text for text in capfd.readouterr().err.splitlines() if "left out" in text]
    assert [text.partition("audit-2026-11-23T")[2][:2] for text in said] == ["10", "11", "12"]


def test_several_nodes_are_merged_by_time_and_copies_count_once(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "cp1/audit.log", event(1), event(3), event(5))
    write(tmp_path / "cp2/audit.log", event(2), event(3), event(4))
    found = answer(capfd, "events", "-o", "json", "--log", tmp_path)
    assert [e["auditID"] for e in found] == ["id-1", "id-2", "id-3", "id-4", "id-5"]
    assert {e["source"]["node"] for e in found} == {"cp1", "cp2"}


def test_clocks_that_differ_are_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "cp1/audit.log", event(1))
    ahead = "2099-01-01T00:00:00.000000Z"
    write(tmp_path / "cp2/audit.log", event(2, stageTimestamp=ahead), event(3), event(4))
    assert main(["events", "--log", str(tmp_path)]) == 0
    said = capfd.readouterr().err
    assert "2 nodes: the order between them" in said
    assert "cp2: its clock, or this one, is off" in said
    assert main(["stats", "--log", str(tmp_path)]) == 0


def test_one_audit_id_sent_again_and_again_hides_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1, auditID="same"), event(2, auditID="same", verb="delete"))
    assert len(ids(capfd, "--log", path)) == 2


def test_a_request_without_an_end_is_not_lost(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(
        tmp_path / "audit.log",
        event(1, stage="RequestReceived"),
        event(1, stage="ResponseStarted", verb="watch"),
        event(2, stage="RequestReceived"),
        event(2),
    )
    found = answer(capfd, "events", "-o", "json", "--log", path)
    assert sorted((e["auditID"], e["stage"]) for e in found) == [
        ("id-1", "ResponseStarted"),
        ("id-2", "ResponseComplete"),
    ]


def test_beta_events_and_odd_bytes_are_events(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1, apiVersion="audit.k8s.io/v1beta1"))
    broken = json.dumps(event(2)).encode().replace(b"kubectl", b"kube\xffctl")
    path.write_bytes(path.read_bytes() + broken + b"\r\n" + b'{"not": "an event"}\n' + b"\0" * 50 + b"\n")
    assert main(["events", "-o", "json", "--log", str(path)]) == 0
    out, err = capfd.readouterr()
    assert [e["auditID"] for e in json.loads(out)] == ["id-1", "id-2"]
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
        assert {"deep-9000", "deep-20000"} <= {e["auditID"] for e in json.loads(out)}
        assert f"2 damaged lines: {path}:2 nested more than" in err
    (node,) = answer(capfd, "stats", "--log", path, "-o", "json")["nodes"]
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
        assert ([e["auditID"] for e in json.loads(out)], err) == (["id-1", "id-2"], "")
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
    damaged = sum(not isinstance(one.get("stage"), str) for one in map(json.loads, log.read_text().splitlines()))
    assert damaged == 7
    shown = answer(capfd, "stats", "--log", log, "-o", "json")["nodes"][0]
    assert shown["damaged"] == damaged
    for args in (["top", "--by", "level"], ["top", "--by", "user,code,ip,resource"], ["estimate", "metadata"]):
        assert answer(capfd, *args, "--log", log, "-o", "json")["coverage"][0]["damaged"] == damaged, args
    assert main(["events", "--log", str(log), "-o", "json"]) == 0
    assert f" {damaged} damaged" in capfd.readouterr().err
    main(["who", "touched", "pod/p", "-n", "ns", "--log", str(log), "-o", "json"])
    notes = json.loads(capfd.readouterr().out)["notes"]
    assert any(f"{damaged} lines that mention it" in note for note in notes), notes


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--code", "!2*"], ["id-2", "id-3", "id-5"]),
        (["--code", "!2*", "--verb", "get"], ["id-2", "id-3", "id-5"]),
        (["--code", "4*"], ["id-2"]),
        (["--decision", "!allow"], ["id-2", "id-3", "id-5"]),
        (["--impersonator", "!alice"], ["id-1", "id-2", "id-3", "id-5", "id-6"]),
        (["--user", "alice"], ["id-1", "id-2", "id-3", "id-5", "id-6"]),
        (["--name", "!made"], ["id-1", "id-2", "id-3", "id-4", "id-5"]),
    ],
    ids=" ".join,
)
def test_a_request_fits_if_its_last_stage_does(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, args: list[str], left: list[str]
) -> None:
    """Long requests begin in a rotated file; what has not ended is judged by what is known of it."""
    allow = {"annotations": {"authorization.k8s.io/decision": "allow"}}
    asked: list[dict[str, Any]] = [allow, {"responseStatus": {"code": 403}}, {}, {**allow}, {}, {**allow}]
    asked[3]["impersonatedUser"] = {"username": "bob"}
    asked[5]["objectRef"] = {"resource": "pods", "namespace": "ns", "name": "made"}
    unsaid = {"stage": "RequestReceived", "responseStatus": None, "objectRef": {"resource": "pods"}}
    begun = [event(n, **unsaid) for n in range(1, 7)]
    later = [event(n, stageTimestamp=moment(900 - n), **asked[n - 1]) for n in (6, 4, 2, 1)]
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    for cut in (2, 6, 8):
        lines = [*begun, *later]
        write(folder / "audit-2026-11-23T16-00-05.000.log", *lines[:cut])
        write(folder / "audit.log", *lines[cut:])
        for where in (["--log", str(folder)], ["--host", "cp1", "--log", "/var/log/kubernetes/audit"]):
            found = answer(capfd, "events", "-o", "json", *where, *args)
            assert [e["auditID"] for e in found if e["auditID"].startswith("id")] == left, (cut, where)
    stages = answer(capfd, "events", "--log", folder, "--code", "!2*", "--stage", "RequestReceived", "-o", "json")
    assert len(stages) == 6, "with --stage each line stands for itself"


def test_rows_stand_in_the_order_of_the_time_they_show(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    watch = event(1, verb="watch", stageTimestamp=moment(500))
    log = write(tmp_path / "audit.log", event(2), event(4), event(3), watch, event(600))
    assert ids(capfd, "--log", log) == ["id-1", "id-2", "id-3", "id-4", "id-600"]
    assert ids(capfd, "--log", log, "--limit", "2") == ["id-1", "id-2"]
    raw = answer(capfd, "events", "-o", "raw", "--log", log)
    assert raw == log.read_text()


def test_logs_as_a_shell_spreads_them(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    paths = [write(tmp_path / f"cp{n}" / "audit.log", event(n)) for n in range(1, 4)]
    assert sorted(ids(capfd, "--log", *paths)) == ["id-1", "id-2", "id-3"]
    assert ids(capfd, "--log", *paths[:2], "--user", "alice", "--log", paths[2])


def test_standard_input(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCENARIO.read_bytes())))
    assert len(answer(capfd, "events", "-o", "json", "--log", "-", "--name", "my-suspicious-pod")) == 2


ASKED = (
    event(1),
    event(2, userAgent="curl/8.1", objectRef={"resource": "pods", "subresource": "exec", "name": "p"}),
    event(3, sourceIPs=["9.9.9.9", "10.0.0.7"], objectRef={"resource": "pods", "subresource": "log", "name": "p"}),
    event(4, sourceIPs=["10.0.0.7"], objectRef={"resource": "deployments", "apiGroup": "apps", "name": "d"}),
    event(5, sourceIPs=[], userAgent="", objectRef={"resource": "deployments", "apiGroup": "ex.io", "name": "d"}),
)


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--agent", "!kubectl"], [2, 5]),
        (["--agent", "!kubectl/*"], [2, 5]),
        (["--agent", "!curl/8.1"], [1, 3, 4, 5]),
        (["--resource", "!pods"], [4, 5]),
        (["--resource", "!po"], [4, 5]),
        (["--resource", "!pods/exec"], [1, 3, 4, 5]),
        (["--resource", "!pods/*"], [1, 4, 5]),
        (["--resource", "!deployments.apps"], [1, 2, 3, 5]),
        (["--resource", "pods", "--resource", "!pods/log"], [1, 2]),
        (["--source-ip", "!10.0.0.7"], [1, 2, 5]),
        (["--source-ip", "!9.*"], [1, 2, 4, 5]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) and isinstance(v[0], str) else "",
)
def test_what_is_excluded_is_excluded_however_it_is_spelled(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, args: list[str], left: list[int]
) -> None:
    path = write(tmp_path / "audit.log", *ASKED)
    assert ids(capfd, "--log", path, *args) == [f"id-{n}" for n in left]
    got = answer(capfd, "top", "--by", "name", "-o", "json", "--log", path, *args)
    assert got["total"]["events"] == len(left)


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--resource", "deployments.apps/scale"], [1]),
        (["--resource", "deploy.apps/scale"], [1]),
        (["--resource", "*.apps/*"], [1]),
        (["--resource", "!deployments.apps/scale"], [2, 3]),
        (["--source-ip", "2001:DB8:0:0::1"], [2]),
        (["--source-ip", "::ffff:10.0.0.7"], [1]),
        (["--impersonator", "*"], [3]),
        (["--impersonator", "!*"], [1, 2]),
        (["--namespace", "*"], [2]),
        (["--verb", "CREATE"], [2]),
        (["--until", "2026-11-23t16:00:01z"], [1]),
    ],
    ids=lambda v: " ".join(map(str, v)),
)
def test_a_value_is_taken_as_people_write_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, args: list[str], left: list[int]
) -> None:
    scale = {"resource": "deployments", "subresource": "scale", "apiGroup": "apps", "name": "d"}
    path = write(
        tmp_path / "audit.log",
        event(1, sourceIPs=["10.0.0.7"], objectRef=scale),
        event(2, sourceIPs=["2001:db8::1"], verb="create", objectRef={"resource": "pods", "namespace": "ns"}),
        event(3, sourceIPs=["9.9.9.9"], impersonatedUser={"username": "bob"}, objectRef={"resource": "nodes"}),
    )
    assert ids(capfd, "--log", path, *args) == [f"id-{n}" for n in left]


def test_nothing_found_says_where_it_was_looked_for(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "cp1" / "audit.log", event(1), event(2))
    assert main(["events", "--log", str(path), "--user", "nobody"]) == 0
    said = capfd.readouterr().err
    assert f"note: no event fits; what was read is of cp1 from {moment(1)} to {moment(2)}" in said


def poured(data: bytes, into: Path) -> None:
    """Somebody else writes `data` into a named pipe, once, in small pieces."""
    os.mkfifo(into)

    def pour() -> None:
        with into.open("wb", buffering=0) as out:
            for at in range(0, len(data), 1000):
                out.write(data[at : at + 1000])

    threading.Thread(target=pour, daemon=True).start()


ONCE = [
    ("events", "-o", "json"),
    ("events", "-o", "json", "--name", "my-suspicious-pod"),
    ("events", "-o", "jsonl", "--verb", "create", "--since", "2026-11-23T16:17:00Z"),
    ("top", "--by", "user", "-o", "json"),
    ("stats", "-o", "json"),
    ("estimate", "metadata", "-o", "json"),
    ("who", "created", "pod/my-suspicious-pod", "-o", "json"),
    ("who", "touched", "--user", "foobar", "-o", "json"),
]


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize("command", ONCE, ids=" ".join)
def test_a_pipe_is_as_good_as_a_file(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    packed: bool,
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    data = SCENARIO.read_bytes()
    data = data if packed else gzip.decompress(data)
    path = tmp_path / "cp1/audit.log"
    path.parent.mkdir()
    path.write_bytes(data)
    expected = answer(capfd, *command, "--log", path)
    path.unlink()
    poured(data, path)
    assert answer(capfd, *command, "--log", path) == expected
    assert list(spool.iterdir()) == [], "nothing is left behind"


def owned(path: Path) -> Path:
    """A Secret that the garbage collector deleted after alice had deleted its owner."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u1", "controller": True}
    body = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ns", "uid": "u2", "ownerReferences": [owner]}}
    secret = {"resource": "secrets", "namespace": "ns", "name": "s"}
    web = {"resource": "deployments", "apiGroup": "apps", "namespace": "ns", "name": "web"}
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    agent = f"kube-controller-manager/v1.30.0 (linux/amd64) kubernetes/7c48c2b/{collector}"
    return write(
        path,
        event(1, verb="create", objectRef=secret, level="Request", requestObject=body, user={"username": "operator"}),
        event(60, verb="delete", objectRef=web),
        event(61, verb="delete", objectRef=secret, user={"username": collector}, userAgent=agent),
    )


@pytest.mark.parametrize("how", ["substituted", "named"])
def test_who_looks_at_a_pipe_as_often_as_it_needs(tmp_path: Path, how: str) -> None:
    path = owned(tmp_path / "cp1/audit.log")
    question = ("who", "deleted", "secret/s", "-n", "ns", "-o", "json", "--log")
    data = path.read_bytes()
    path.unlink()
    reader, writer = os.pipe()
    if how == "named":
        poured(data, path)
    else:
        path = Path(f"/dev/fd/{reader}")
        os.write(writer, data)
    os.close(writer)
    # of its own, since what opened a named pipe again would wait for ever
    command = [sys.executable, "-m", "kaudit_setup", *question, str(path)]
    done = subprocess.run(command, pass_fds=[reader], capture_output=True, timeout=60, check=True)
    os.close(reader)
    got = json.loads(done.stdout)
    assert (got["answer"]["user"].rpartition(":")[2], got["root"]["user"]) == ("generic-garbage-collector", "alice")
    assert got["root"]["source"] == {"node": got["root"]["source"]["node"], "file": str(path), "line": 2}
    assert got["coverage"][0]["from"] == "2026-11-23T16:00:01.000000Z"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--code", "9999"],
        ["--level", "metadata"],
        ["--since", "yesterday"],
        ["--stage", "End"],
        ["--since", "1h", "--until", "2h"],
        ["--since", ""],
        ["--until", ""],
        ["--since", "99999999999999999999h"],
        ["--since", "9999999d"],
        ["--since", "0001-01-01T00:00:00+14:00"],
        ["--until", "9999-12-31T23:59:59-10:00"],
        ["--ip", "999.1.1.1"],
        ["--ip", "!10.0.0"],
        ["--log", ""],
    ],
)
def test_what_cannot_be_is_refused(capfd: pytest.CaptureFixture[str], wrong: list[str]) -> None:
    assert main(["events", "--log", str(SCENARIO), *wrong]) == 2
    assert "hint:" in capfd.readouterr().err


def run(question: str, log: str | Path, redirect: str) -> tuple[int, str]:
    """The exit code of a command in a shell, and what it says on standard error."""
    command = f"set -o pipefail; {sys.executable} -m kaudit_setup {question} --log {log} {redirect}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("question", ["events", "events -o raw", "top --by user", "stats", "who touched pod/p -n ns"])
def test_streams_that_are_full_closed_or_left(tmp_path: Path, question: str) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(10)])
    assert run(question, log, ">/dev/null <&-") == (0, "")
    assert run(question, log, "| true") in {(141, ""), (0, "")}, "true may end after all was written"
    code, err = run(question, log, ">/dev/full")
    assert (code, err.startswith("error: cannot write the answer: No space left on device")) == (1, True)
    code, err = run(question, log, ">&-")
    assert (code, err.startswith("error: standard output is closed")) == (1, True)
    code, err = run(question, "-", "<&-")
    assert (code, err.startswith("error: --log -: standard input is closed")) == (2, True)


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(3000)])
    for output in ("table", "json", "jsonl", "raw"):
        assert run(f"events -o {output}", log, "| head -c 1 >/dev/null") == (141, ""), output


def test_top_tells_how_much_is_not_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1), event(2), *[event(n, verb=f"v{n}") for n in range(3)])
    args = ["top", "--by", "verb", "--log", log, "--limit", "2"]
    got = answer(capfd, *args, "-o", "json")
    assert got["others"]["events"] == 2
    assert got["others"]["bytes"] == got["total"]["bytes"] - sum(row["bytes"] for row in got["rows"])
    assert "2 events" in answer(capfd, *args)


def test_top_counts_lines_and_bytes(capfd: pytest.CaptureFixture[str]) -> None:
    lines = gzip.decompress(SCENARIO.read_bytes()).splitlines(keepends=True)
    events, size = Counter(), Counter()
    for text in lines:
        e = json.loads(text)
        key = (
            (e.get("impersonatedUser") or e["user"]).get("username", ""),
            e["verb"],
            e.get("objectRef", {}).get("resource", ""),
        )
        if "subresource" in e.get("objectRef", {}):
            key = (*key[:2], f"{key[2]}/{e['objectRef']['subresource']}")
        events[key] += 1
        size[key] += len(text)
    got = answer(capfd, "top", "--by", "user,verb,resource", "--limit", "100000", "-o", "json", "--log", SCENARIO)
    rows = {(r["user"], r["verb"], r["resource"]): (r["events"], r["bytes"]) for r in got["rows"]}
    assert rows == {key: (events[key], size[key]) for key in events}
    assert got["total"]["events"] == len(lines)
    assert got["total"]["bytes"] == sum(map(len, lines))
    assert got["rows"][0]["bytes"] == max(size.values())
    assert got["rows"][0]["eventsPerHour"] == pytest.approx(
        got["rows"][0]["events"] / got["total"]["hours"], rel=0.01
    )


def test_top_filters_and_other_dimensions(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    got = answer(capfd, "top", "--by", "code", "-o", "json", "--log", SCENARIO, "--decision", "forbid")
    assert [r["code"] for r in got["rows"]] == ["403"]
    write(tmp_path / "cp1/audit.log", event(1), event(2))
    write(tmp_path / "cp2/audit.log", event(3))
    got = answer(capfd, "top", "--by", "node,source-ip,path,level", "-o", "json", "--log", tmp_path)
    assert [(r["node"], r["ip"], r["events"]) for r in got["rows"]] == [
        ("cp1", "10.0.0.1", 2),
        ("cp2", "10.0.0.1", 1),
    ]
    assert main(["top", "--by", "user,colour", "--log", str(tmp_path)]) == 2


def test_rates_of_a_window_are_those_of_its_own_time(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A busy minute at the end of a quiet hour; half of it is asked about, and then more than there is."""
    quiet, busy = range(0, 3600, 300), range(3601, 3661)
    log = write(tmp_path / "audit.log", *[event(n) for n in (*quiet, *busy)])
    half = ["--log", log, "--since", moment(3631), "--until", moment(3660), "-o", "json"]
    top = answer(capfd, "top", "--by", "level", *half)
    assert (top["total"]["events"], top["rows"][0]["eventsPerHour"]) == (30, round(30 / 29 * 3600, 1))
    replay = answer(capfd, "estimate", "metadata", "--log-maxage", "0", *half)
    assert replay["hours"] == round(29 / 3600, 3)
    rate = replay["logged"]["bytes"] / 29 * 3600
    assert replay["logged"]["hoursKept"] == round(11 * 100 * (1 << 20) / rate, 2)
    wide = ["--since", "2026-11-23T00:00:00Z", "--until", "2026-11-24T00:00:00Z"]
    assert answer(capfd, "top", "--by", "level", "--log", log, *wide, "-o", "json") == answer(
        capfd, "top", "--by", "level", "--log", log, "-o", "json"
    )


def test_workers_and_one_process_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.decompress(SCENARIO.read_bytes()) * 10
    (tmp_path / "audit.log").write_bytes(whole)
    script = (
        "import sys; from kaudit_setup.auditlog import reader, workers; reader.plan.__defaults__ = (1 << 20,)\n"
        "workers._SMALL = int(sys.argv[1])\nfrom kaudit_setup.cli import main\nmain(sys.argv[2:])"
    )
    outs = []
    for small in (0, 1 << 40):
        args = ["top", "--by", "verb,code", "-o", "json", "--log", str(tmp_path)]
        outs.append(
            subprocess.run([sys.executable, "-c", script, str(small), *args], capture_output=True, check=True).stdout
        )
        args = ["events", "--verb", "delete", "--stage", "ResponseComplete", "-o", "jsonl", "--log", str(tmp_path)]
        outs.append(
            subprocess.run([sys.executable, "-c", script, str(small), *args], capture_output=True, check=True).stdout
        )
    assert outs[:2] == outs[2:]
    lines = [json.loads(text)["source"]["line"] for text in outs[1].splitlines()]
    texts = whole.splitlines()
    assert len(lines) == 10 * sum(
        e["verb"] == "delete" and e["stage"] == "ResponseComplete" for e in logged(SCENARIO)
    )
    assert all(b'"delete"' in texts[n - 1] for n in lines)


def test_a_worker_that_dies_is_said(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(gzip.decompress(SCENARIO.read_bytes()))
    code = (
        "import os, sys; from kaudit_setup.auditlog import find, reader, workers\n"
        "def work(unit, tally):\n    os._exit(9)\n    yield 1\n"
        "logs = find.find_logs([sys.argv[1]]).files\n"
        "try:\n    list(workers.spread(reader.plan(logs, 100_000), work, 2))\nexcept Exception as e:\n    print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "a worker died" in done.stdout


POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:kube-controller-manager]
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: Metadata
  resources: [{group: "", resources: [secrets], resourceNames: [db-pass]}]
- level: None
  verbs: [watch]
- level: Request
  namespaces: [shop]
- level: Metadata
"""


def test_estimate_replays_each_event(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text(POLICY)

    def kept(e: dict[str, Any]) -> bool:
        if e["stage"] == "RequestReceived" or e["user"].get("username") == "system:kube-controller-manager":
            return False
        ref = e.get("objectRef")
        if ref is None:
            return not e["requestURI"].startswith(("/healthz", "/livez", "/readyz")) and e["verb"] != "watch"
        return e["verb"] != "watch"

    got = answer(capfd, "estimate", policy, "--log", SCENARIO, "-o", "json")
    (mine,) = got["policies"]
    events = logged(SCENARIO)
    assert got["logged"]["events"] == len(events)
    assert mine["events"] == sum(map(kept, events))
    assert 0 < mine["unknownEvents"] < mine["events"], "Request in shop is more than was logged"
    assert 0 < mine["share"] < 1
    assert any("can only show what was logged" in note for note in got["notes"])


def test_estimate_takes_bodies_off(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": "y" * 2000}}
    full = event(1, verb="create", level="RequestResponse", requestObject=body, responseObject=body)
    path = write(tmp_path / "audit.log", full, event(301))
    names = {}
    for level in ("None", "Metadata", "Request", "RequestResponse"):
        names[level] = tmp_path / f"{level}.yaml"
        names[level].write_text(f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}}}]\n")
    got = answer(
        capfd,
        "estimate",
        *names.values(),
        "--log",
        path,
        "-o",
        "json",
        "--log-maxsize",
        "1",
        "--log-maxbackup",
        "1",
        "--log-maxage",
        "0",
    )
    bare = event(1, verb="create", level="Metadata")
    request = event(1, verb="create", level="Request", requestObject=body)
    sizes = [p["bytes"] for p in got["policies"]]
    rest = len(json.dumps(event(301), separators=(",", ":"))) + 1

    def size(e: dict[str, Any], level: str) -> int:
        return len(json.dumps(e, separators=(",", ":"))) + 1 + rest + len(level) - len("Metadata")

    assert sizes == [0, size(bare, "Metadata"), size(request, "Request"), size(full, "RequestResponse")]
    assert [p["unknownEvents"] for p in got["policies"]] == [0, 0, 0, 1], (
        "the second event's response body is unknown"
    )
    assert [p["missingStages"] for p in got["policies"]] == [[], *[["RequestReceived"]] * 3]
    kept = [p["hoursKept"] for p in got["policies"]]
    assert kept[0] is None
    assert kept[1] == pytest.approx(2 * (1 << 20) / sizes[1] * got["hours"], rel=0.01)


def test_estimate_knows_that_a_name_in_the_body_comes_too_late(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"
        "  resources: [{group: '', resources: [pods], resourceNames: [p]}]\n- level: Metadata\n"
    )
    path = write(tmp_path / "audit.log", event(1, verb="create"), event(2, verb="delete"))
    assert answer(capfd, "estimate", policy, "--log", path, "-o", "json")["policies"][0]["events"] == 1


TELLING = """apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  verbs: [deletecollection]
- level: None
  resources: [{group: "", resources: [pods/log, "services/*"]}, {group: apps, resources: ["*/scale", deployments]}]
- level: Metadata
  resources: [{group: batch}]
- level: Request
  verbs: [create, made-up-7]
  resources: [{group: "*", resources: [secrets, widgets-3]}]
- level: None
  resources: [{group: made-up-2.io, resources: ["*"]}]
- level: Metadata
  verbs: [get, patch]
"""


def test_estimate_tells_apart_what_a_policy_does_and_nothing_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(TELLING)
    loaded = load(TELLING.encode()).policy
    assert loaded
    groups = ["", "apps", "batch", *(f"made-up-{n}.io" for n in range(5))]
    kinds = ["pods", "services", "deployments", "secrets", *(f"widgets-{n}" for n in range(5))]
    verbs = ["get", "create", "patch", "watch", "deletecollection", *(f"made-up-{n}" for n in range(8))]
    asked = list(product(groups, kinds, ["", "log", "scale", "status", "odd"], verbs))
    path = write(
        tmp_path / "audit.log",
        *[
            event(verb=v, objectRef={"apiGroup": g, "resource": r, "subresource": s, "namespace": "ns", "name": "n"})
            for g, r, s, v in asked
        ],
    )
    said = [evaluate(loaded, Attributes("alice", ("dev",), v, g, r, s, "ns", "n", True, "")) for g, r, s, v in asked]
    questions: list[object] = []
    plain = Compiled.__call__
    monkeypatch.setattr(Compiled, "__call__", lambda self, a: questions.append(a) or plain(self, a))
    (got,) = answer(capfd, "estimate", policy, "--log", path, "-o", "json")["policies"]
    assert got["events"] == sum(one.level != "None" for one in said)
    raised = zip(said, asked, strict=True)
    assert got["unknownEvents"] == sum(one.level == "Request" and verb != "get" for one, (*_, verb) in raised)
    strange = [event(verb=f"v{n}", objectRef={"apiGroup": f"g{n}", "resource": f"r{n}"}) for n in range(500)]
    write(path, *strange, *[one | {"objectRef": one["objectRef"] | {"subresource": "x"}} for one in strange])
    questions.clear()
    assert answer(capfd, "estimate", policy, "--log", path, "-o", "json")["logged"]["events"] == 1000
    assert len(questions) == 2, "what no policy names is one class, whatever a stranger calls it"


def test_estimate_asks_how_many_requests_lack_a_stage(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(20)])
    for received, missing in ((0, True), (1, True), (10, True), (19, False), (20, False)):
        early = [event(n, stage="RequestReceived", responseStatus=None) for n in range(received)]
        write(log, *[event(n) for n in range(20)], *early)
        got = answer(capfd, "estimate", "metadata", "--log", log, "-o", "json")["policies"][0]["missingStages"]
        assert got == ["RequestReceived"] * missing, received
        assert ("at least" in answer(capfd, "estimate", "metadata", "--log", log)) == missing


@pytest.mark.parametrize(("version", "size"), [("1.20", 100), ("1.35", 100), ("1.36", 0)])
def test_estimate_knows_what_a_size_of_nothing_means(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, version: str, size: int
) -> None:
    log = write(tmp_path / "audit.log", event(1), event(100))
    args = ["estimate", "metadata", "--log", log, "-o", "json", "--kube-version", version]
    got = answer(capfd, *args, "--log-maxsize", "0")
    assert got["rotation"]["maxsize"] == size
    if size:
        assert got == answer(capfd, *args, "--log-maxsize", "100")
    else:
        assert got["logged"]["hoursKept"] is None, "what is never rotated is never removed"


def test_estimate_refuses_what_kube_apiserver_refuses(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: metadata}]\n")
    assert main(["estimate", str(policy), "--log", str(SCENARIO)]) == 2
    err = capfd.readouterr().err
    assert "rules[0].level" in err
    (hint,) = [line for line in err.splitlines() if line.startswith("hint: ")]
    assert main(hint.removeprefix("hint: kaudit-setup ").split()) == 1, "policy validate says what is wrong"
    assert "rules[0].level" in "".join(capfd.readouterr())


@pytest.mark.parametrize("version", ["1.19", "9.9", "no"])
def test_estimate_speaks_for_the_versions_that_policy_speaks_for(
    capfd: pytest.CaptureFixture[str], version: str
) -> None:
    said = []
    for command in (["estimate", "metadata", "--log", str(SCENARIO)], ["policy", "validate", "metadata"]):
        assert main([*command, "--kube-version", version]) == 2
        said.append(capfd.readouterr())
    assert said[0] == said[1]
    assert version in said[0].err


def test_stats_describe_every_node(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "cp1/audit-2026-11-23T16-10-00.000.log", *[event(n) for n in range(100)])
    write(tmp_path / "cp1/audit.log", *[event(n) for n in range(2400, 2500)])
    path = write(tmp_path / "cp2/audit.log", event(1, level="Request"))
    path.write_bytes(path.read_bytes() + b"garbage\n" + b'{"kind":"Ev')
    nodes = {n["node"]: n for n in answer(capfd, "stats", "--log", tmp_path, "-o", "json")["nodes"]}
    one, two = nodes["cp1"], nodes["cp2"]
    assert (one["files"], one["events"], one["lines"], one["damaged"]) == (2, 200, 200, 0)
    assert [(g["from"][11:19], g["to"][11:19]) for g in one["gaps"]] == [("16:01:39", "16:40:00")]
    assert one["levels"] == {"Metadata": 200}
    assert one["rotation"]["rotated"] == 1
    sizes = sorted(len(json.dumps(event(n), separators=(",", ":"))) + 1 for n in [*range(100), *range(2400, 2500)])
    assert one["eventBytes"]["max"] == sizes[-1]
    assert sizes[100] <= one["eventBytes"]["p50"] <= sizes[100] * 65 / 64
    assert two["damaged"] == 2
    assert [(d["line"], d["what"][:3]) for d in two["damagedLines"]] == [(0, "an "), (2, "not")] or [
        (d["line"], d["what"][:3]) for d in two["damagedLines"]
    ] == [(2, "not"), (0, "an ")]
    text = answer(capfd, "stats", "--log", tmp_path)
    assert "audit.log:2" in text


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LocalNode]:
    made = []
    for n, name in enumerate(("cp1", "cp2")):
        folder = tmp_path / name / "var/log/kubernetes/audit"
        write(
            folder / "audit-2026-11-23T16-30-00.000.log",
            *[event(i * 2 + n, auditID=f"{name}-{i}") for i in range(50)],
        )
        write(folder / "audit.log", *[event(i * 2 + n, auditID=f"{name}-{i}") for i in range(50, 90)])
        made.append(LocalNode(tmp_path / name))

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(node) for node in made]

    monkeypatch.setattr(connect, "nodes", opened)
    return made


def test_hosts_are_searched_and_merged(capfd: pytest.CaptureFixture[str], nodes: list[LocalNode]) -> None:
    assert sorted(ids(capfd, "--host", "cp1", "--host", "cp2", "--since", "2026-11-23T16:02:30Z")) == sorted(
        [f"cp1-{i}" for i in range(75, 90)] + [f"cp2-{i}" for i in range(75, 90)]
    )
    got = answer(capfd, "top", "--by", "node", "--host", "cp1", "-o", "json")
    assert [r["events"] for r in got["rows"]] == [90, 90]


def test_a_long_request_is_found_on_the_nodes_as_it_is_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    asked = event(1800, auditID="exec", verb="create", stage="RequestReceived")
    ended = event(1800, auditID="exec", verb="create", stageTimestamp="2026-11-23T17:55:00.000000Z")
    write(folder / "audit-2026-11-23T16-45-00.000.log", asked, event(301))
    write(folder / "audit-2026-11-23T17-50-00.000.log", event(2701))
    write(folder / "audit.log", ended, event(2702))
    query = ("events", "-o", "json", "--verb", "create", "--until", "2026-11-23T16:40:00Z")
    here = answer(capfd, *query, "--log", folder)
    there = answer(capfd, *query, "--host", "cp1")
    assert [e["stage"] for e in here] == [e["stage"] for e in there] == ["ResponseComplete"]


def test_logs_of_several_folders_on_a_node_have_windows_of_their_own(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    late, early = "var/log/a", "var/log/b"
    write(tmp_path / f"cp1/{late}/audit-2026-11-23T23-00-00.000.log", event(3000))
    write(tmp_path / f"cp1/{early}/audit-2026-11-23T16-45-00.000.log", event(1))
    paths = ("--log", f"/{late}/audit-2026-11-23T23-00-00.000.log", "--log", f"/{early}")
    found = ids(capfd, "--host", "cp1", *paths, "--until", "2026-11-23T16:10:00Z")
    assert found == ["id-1"]


def test_collect_is_resumable_and_follows_rotation(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"

    def run() -> Any:
        return answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")

    first = run()
    assert (len(first["files"]), first["fetched"]) == (4, 4)
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}
    assert run()["fetched"] == 0, "a second run fetches nothing"
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    old = log.read_bytes()
    more = old + (json.dumps(event(500, pad="x" * 5000)) + "\n").encode()
    with log.open("ab") as out:
        out.write(more[len(old) :])
    again = run()
    assert (again["fetched"], len(again["files"])) == (1, 4)
    log.rename(log.with_name("audit-2026-11-23T16-50-00.000.log"))
    write(log, event(600))
    rotated = run()
    assert (rotated["fetched"], len(rotated["files"])) == (1, 5), "the rotated file is renamed here too"
    kept = {
        Path(f["file"]).name: (home / f["file"]).read_bytes()
        for f in rotated["files"]
        if f["node"] == str(nodes[0].name)
    }
    assert kept["audit-2026-11-23T16-50-00.000.log"] == more
    assert kept["audit.log"] == log.read_bytes()
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    victim = next(iter(sorted(home.rglob("audit.log"))))
    victim.write_bytes(b"tampered")
    assert run()["fetched"] == 1, "a copy that is not what the manifest says is fetched again"


def test_collect_goes_on_where_it_was_stopped(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    folder = home / "".join(c if c.isalnum() or c in "-._" else "_" for c in nodes[0].name)
    folder.mkdir(parents=True)
    (folder / f".{log.stat().st_ino}.part").write_bytes(log.read_bytes()[:1000])
    other = log.with_name("audit-2026-11-23T16-30-00.000.log")
    (folder / f".{other.stat().st_ino}.part").write_bytes(b"not what is there")
    got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    assert got["fetched"] == 4
    assert (folder / "audit.log").read_bytes() == log.read_bytes()
    assert (folder / other.name).read_bytes() == other.read_bytes()


@pytest.mark.parametrize("how", ["another file", "cut and shorter", "cut and longer"])
def test_collect_keeps_what_the_node_has_deleted(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "--log", "/var/log/kubernetes/audit/audit.log", "-d", home, "-o", "json")
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    write(log, *[event(n, auditID=f"old-{n}") for n in range(3)])
    (first,) = answer(capfd, *run)["files"]
    old = log.read_bytes()
    fetched = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    os.utime(home / first["file"], (fetched, fetched))
    if how == "another file":
        log.rename(tmp_path / "its inode stays in use")
    new = write(tmp_path / "new.log", *[event(1800 + n) for n in range(1 if how == "cut and shorter" else 9)])
    log.write_bytes(new.read_bytes())
    again = answer(capfd, *run)
    kept, current = again["files"]
    assert (current["file"], current["size"]) == (first["file"], log.stat().st_size)
    assert (home / current["file"]).read_bytes() == log.read_bytes()
    assert (home / kept["file"]).read_bytes() == old
    assert kept == first | {"file": kept["file"], "inode": 0}
    assert [kept["file"] in note for note in again["notes"]] == [True]
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}
    (node,) = answer(capfd, "stats", "--log", home, "-o", "json")["nodes"]
    assert (node["files"], node["events"], node["rotation"]["rotated"]) == (
        2,
        3 + len(new.read_text().splitlines()),
        1,
    )
    window = ("--since", "2026-11-23T16:00:02Z", "--until", "2026-11-23T16:10:00Z")
    assert ids(capfd, "--log", home, *window) == ["old-2"], "its name says when it ended"
    third = answer(capfd, *run)
    assert (third["fetched"], third["notes"], third["files"]) == (0, [], again["files"])


ROTATED = "audit-2026-11-23T10-{}.000.log.gz"


def packed(path: Path, *events: dict[str, Any]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(e) + "\n" for e in events).encode()))
    return path


def append(path: Path, data: bytes) -> bytes:
    path.write_bytes(path.read_bytes() + data)
    return path.read_bytes()


def agrees(home: Path) -> bool:
    """Whether SHA256SUMS says what the manifest says."""
    entries = json.loads((home / "manifest.json").read_text())
    return (home / "SHA256SUMS").read_text() == "".join(f"{e['sha256']}  {e['file']}\n" for e in entries)


@pytest.mark.parametrize("how", ["appended to", "changed", "cut", "emptied", "whole"])
@pytest.mark.parametrize("name", ["its own", "the same"])
def test_collect_keeps_what_the_node_has_deleted_though_it_was_altered_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str, name: str
) -> None:
    del nodes[1:]
    home, folder = tmp_path / "home", tmp_path / "cp1/srv"
    folder.mkdir()
    run = ("collect", "--host", "cp1", "--log", "/srv", "-d", home, "-o", "json")
    old = packed(folder / ROTATED.format("01-40"), event(1))
    (first,) = answer(capfd, *run)["files"]
    copy = home / first["file"]
    data = copy.read_bytes()
    altered = {"appended to": data + b"x", "changed": data[:-1] + b"x", "cut": data[:-1], "emptied": b""}
    copy.write_bytes(kept := altered.get(how, data))
    # the inode is used again
    new = old.rename(folder / ROTATED.format("02-30")) if name == "its own" else old
    packed(new, *[event(n) for n in range(600, 630)])
    got = answer(capfd, *run)
    assert len(got["files"]) == 2
    one = next(f for f in got["files"] if f["inode"] == 0)
    assert one == first | {"inode": 0, "file": one["file"]}, "what it was is still known"
    assert (home / one["file"]).read_bytes() == kept
    assert (one["file"] == first["file"]) == (name == "its own")
    said = [note for note in got["notes"] if f"{one['file']} was altered here after it had been collected" in note]
    assert len(said) == (how != "whole")
    assert agrees(home)
    third = answer(capfd, *run)
    assert (third["fetched"], third["notes"], third["files"]) == (0, [], got["files"])


def of_one_node(nodes: list[LocalNode], tmp_path: Path) -> tuple[Path, Path, tuple[str | Path, ...]]:
    """Where the logs of one node are collected, where the node has them, and the command that does it."""
    del nodes[1:]
    home = tmp_path / "home"
    return home, tmp_path / "cp1/srv", ("collect", "--host", "cp1", "--log", "/srv", "-d", home, "-o", "json")


@pytest.mark.parametrize("how", ["appended to", "changed", "cut", "emptied"])
@pytest.mark.parametrize("grown", [False, True])
def test_collect_says_that_a_copy_was_altered_and_keeps_it(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str, grown: bool
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", *[event(n) for n in range(5)])
    (first,) = answer(capfd, *run)["files"]
    copy = home / first["file"]
    data = copy.read_bytes()
    altered = {"appended to": data + b"x", "changed": b"x" + data[1:], "cut": data[:-1], "emptied": b""}[how]
    differs = "its SHA-256 is another" if how == "changed" else f"it has {len(altered)} bytes, not {len(data)}"
    if grown:
        append(log, json.dumps(event(600)).encode() + b"\n")
    kept = []
    for times in (1, 2):
        copy.write_bytes(altered)
        got = answer(capfd, *run)
        assert (got["fetched"], len(got["files"]), copy.read_bytes()) == (1, 1, log.read_bytes())
        (note,) = got["notes"]
        assert f"{first['file']} was altered here after it had been collected from {first['path']}" in note
        assert "it was fetched again" in note
        assert times > 1 or differs in note
        kept = sorted(home.rglob("*.altered*"))
        # what was only cut is all in the node's own
        assert len(kept) == (times if how in {"appended to", "changed"} else 0)
        assert all(path.read_bytes() == altered for path in kept)
        assert not kept or note.endswith(f"the altered copy is kept as {kept[-1].relative_to(home)}")
    assert agrees(home)
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    (node,) = answer(capfd, "stats", "--log", home, "-o", "json")["nodes"]
    assert node["files"] == 1, "no command takes it for a log"
    last = answer(capfd, *run)
    assert (last["fetched"], last["notes"], sorted(home.rglob("*.altered*"))) == (0, [], kept)


def test_collect_knows_what_an_altered_copy_was_though_the_node_has_compressed_it(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    altered = append(home / first["file"], b"x")
    whole = append(log, json.dumps(event(2)).encode() + b"\n")
    (folder / ROTATED.format("02-30")).write_bytes(gzip.compress(whole))
    log.rename(tmp_path / "its inode stays in use")
    write(log, event(600))
    got = answer(capfd, *run)
    assert [Path(f["file"]).name for f in got["files"]] == [ROTATED.format("02-30"), "audit.log"]
    (kept,) = home.rglob("*.altered")
    assert kept.read_bytes() == altered
    assert [kept.name in note for note in got["notes"]] == [True]
    assert agrees(home)


def test_collect_says_what_it_did_even_if_another_node_fails(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "--host", "cp2", "-d", home)
    answer(capfd, *run)
    append(next(home.glob("*cp1/audit.log")), b"x")
    for path in (tmp_path / "cp2/var/log/kubernetes/audit").iterdir():
        path.unlink()
    assert main([str(word) for word in run]) == 1
    said = capfd.readouterr().err
    assert "no audit log was found" in said
    assert "was altered here after it had been collected" in said


def test_collect_blames_nobody_for_a_run_that_was_stopped(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    first = answer(capfd, *run)["files"]
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    # the file was in its place, the manifest was not
    next(home.glob("*cp1/audit.log")).write_bytes(append(log, json.dumps(event(600)).encode() + b"\n"))
    got = answer(capfd, *run)
    assert (got["notes"], len(got["files"]), list(home.rglob("*.altered"))) == ([], len(first), [])


@pytest.mark.parametrize("same", ["inode", "name"])
def test_collect_says_that_what_the_node_has_deleted_is_missing_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, same: str
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    (home / first["file"]).unlink()
    if same == "inode":
        log = log.rename(folder / "audit-2026-11-23T10-00-00.000.log")
    else:
        log.rename(tmp_path / "its inode stays in use")
    write(log, event(600), event(601))
    got = answer(capfd, *run)
    assert [f"{first['file']} was collected before and is missing here" in note for note in got["notes"]] == [True]
    assert [f for f in got["files"] if f["inode"] == 0] == ([first | {"inode": 0}] if same == "inode" else [])
    again = answer(capfd, *run)
    assert (again["notes"], again["files"]) == ([], got["files"])


@pytest.mark.parametrize("how", ["deleted", "garbage", "another sum"])
def test_collect_mends_the_sums_though_there_is_nothing_to_fetch(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    answer(capfd, *run)
    sums = home / "SHA256SUMS"
    right = sums.read_bytes()
    sums.write_bytes(b"\xff\0" if how == "garbage" else b"0" * 64 + right[64:])
    if how == "deleted":
        sums.unlink()
    got = answer(capfd, *run)
    assert got["fetched"] == 0
    what = "was missing" if how == "deleted" else "did not say what manifest.json says"
    assert got["notes"] == [f"{sums} {what}; it was written anew"]
    assert sums.read_bytes() == right
    assert sums.stat().st_mode & 0o777 == 0o600
    written = sums.stat().st_mtime_ns
    assert answer(capfd, *run)["notes"] == []
    assert sums.stat().st_mtime_ns == written


@pytest.mark.parametrize("since", ["compressed", "deleted", "collected", "replaced"])
def test_collect_removes_what_no_run_can_go_on_with(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, since: str
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    log = folder / "audit-2026-11-23T16-30-00.000.log"
    begun = log.read_bytes()[:3000]
    if since == "collected":
        answer(capfd, *run)
    mine, other = (home / re.sub(r"[^\w.-]|^\.+", "_", node.name) for node in nodes)
    for there in (mine, other):
        there.mkdir(parents=True, exist_ok=True)
    part, foreign = mine / f".{log.stat().st_ino}.part", other / ".1.part"
    part.write_bytes(begun)
    foreign.write_bytes(begun)
    if since == "compressed":
        log.with_name(f"{log.name}.gz").write_bytes(gzip.compress(log.read_bytes()))
    if since in {"compressed", "deleted"}:
        log.rename(tmp_path / "its inode stays in use")
    if since == "replaced":
        log.write_bytes(b"another " * 1000)
    del nodes[1:]
    lost = folder.rename(folder.with_name("lost"))
    assert main([str(word) for word in run]) == 1
    assert part.exists(), "not before a run was successful"
    capfd.readouterr()
    lost.rename(folder)
    got = answer(capfd, *run)
    assert part.exists() == (since == "deleted"), "then it is all that there is of that log"
    assert foreign.exists(), "that node was not asked"
    assert [
        f"{part.name} is all that a stopped run had fetched of a log that is not listed any more" in note
        for note in got["notes"]
    ] == ([True] if since == "deleted" else [])


def test_collect_takes_no_log_for_another_of_its_size(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    old = write(folder / "audit-2026-11-23T10-01-40.000.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    text = old.read_bytes()
    # its inode is used again
    new = write(old.rename(folder / "audit-2026-11-23T10-02-30.000.log"), event(2))
    assert new.stat().st_size == len(text)
    got = answer(capfd, *run)
    assert (got["fetched"], got["notes"]) == (1, [])
    assert {f["file"]: (home / f["file"]).read_bytes() for f in got["files"]} == {
        first["file"]: text,
        first["file"].replace("01-40", "02-30"): new.read_bytes(),
    }


def test_collect_keeps_nothing_that_another_file_holds(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    log = write(folder / "audit.log", event(2000))
    answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    text = write(log, event(2000), event(2001)).read_bytes()
    (folder / "audit-2026-11-23T16-50-00.000.log.gz").write_bytes(gzip.compress(text))
    log.rename(tmp_path / "its inode stays in use")
    write(log, event(3000))
    got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    names = [Path(f["file"]).name for f in got["files"]]
    assert names == ["audit-2026-11-23T16-30-00.000.log", "audit-2026-11-23T16-50-00.000.log.gz", "audit.log"]
    assert got["notes"] == []
    assert {p.name for p in home.rglob("audit*")} == set(names)


def test_collect_follows_logs_that_are_numbered(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    folder = tmp_path / "cp1/srv"
    run = ("collect", "--host", "cp1", "--log", "/srv/audit.log*", "-d", home, "-o", "json")
    write(folder / "audit.log.1", event(1))
    write(folder / "audit.log", event(2))
    assert answer(capfd, *run)["fetched"] == 2
    (folder / "audit.log.1").rename(folder / "audit.log.2")
    (folder / "audit.log").rename(folder / "audit.log.1")
    write(folder / "audit.log", event(3))
    got = answer(capfd, *run)
    assert (got["fetched"], got["notes"]) == (1, [])
    assert {Path(f["file"]).name for f in got["files"]} == {"audit.log", "audit.log.1", "audit.log.2"}
    for one in got["files"]:
        assert (home / one["file"]).read_bytes() == (folder / Path(one["file"]).name).read_bytes()


def test_collect_knows_a_log_again_that_was_moved(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    run = ("collect", "--host", "cp1", "-d", tmp_path / "home", "-o", "json")
    write(tmp_path / "cp1/srv/a/audit.log", event(1))
    (first,) = answer(capfd, *run, "--log", "/srv/a/audit.log")["files"]
    (tmp_path / "cp1/srv/a").rename(tmp_path / "cp1/srv/b")
    write(tmp_path / "cp1/srv/b/audit.log", event(1), event(2))
    (again,) = answer(capfd, *run, "--log", "/srv/b/audit.log")["files"]
    assert (again["file"], again["path"]) == (first["file"], first["path"].replace("/srv/a/", "/srv/b/"))


def test_collect_gives_each_node_a_folder_of_its_own(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    class Called(LocalNode):
        name = ""

    roots = {"cp1:2222": tmp_path / "cp1", "cp1_2222": tmp_path / "cp2"}
    nodes[:] = [Called(root) for root in roots.values()]
    for node, name in zip(nodes, roots, strict=True):
        node.name = name
    home = tmp_path / "home"
    for fetched in (4, 0):
        got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
        assert got["fetched"] == fetched
        where = {(f["node"], f["file"].partition("/")[0]) for f in got["files"]}
        assert where == {("cp1:2222", "cp1_2222"), ("cp1_2222", "cp1_2222-2")}
        nodes.reverse()
    for one in got["files"]:
        there = roots[one["node"]] / "var/log/kubernetes/audit" / Path(one["file"]).name
        assert (home / one["file"]).read_bytes() == there.read_bytes()


def test_collect_needs_a_host_and_a_place(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["collect", "-d", str(tmp_path)]) == 2
    assert main(["collect", "--host", "cp1"]) == 2


def test_without_a_log_on_this_machine_the_mend_is_named(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(this_machine, "MANIFEST", tmp_path / "none")
    monkeypatch.setattr(this_machine, "DEFAULT", str(tmp_path / "audit/audit.log"))
    assert main(["stats"]) == 2
    assert "--log" in capfd.readouterr().err
    write(tmp_path / "audit/audit.log", event(1))
    assert answer(capfd, "stats", "-o", "json")["nodes"][0]["node"] == "this machine"


def test_memory_is_bounded_by_groups(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from kaudit_setup.auditlog.reports import top

    monkeypatch.setattr(top, "_MOST", 10)
    path = write(tmp_path / "audit.log", *[event(n, objectRef={"name": f"n{n}"}) for n in range(100)])
    got = answer(capfd, "top", "--by", "name", "--log", path, "-o", "json", "--limit", "1000")
    assert len(got["rows"]) <= 10
    assert sum(r["events"] for r in got["rows"]) + got["others"]["events"] == got["total"]["events"] == 100
    assert got["rare"] == got["others"], "all that has no row is rare"
    assert got["total"]["groups"] == len(got["rows"])
    args = ["top", "--by", "name", "--log", path]
    rare, kept = got["rare"]["events"], got["total"]["groups"]
    text = answer(capfd, *args)
    assert f", more than {kept} groups\n{rare} events (" in text
    assert "--limit" not in text, "it would show no more"
    assert f"\n{kept - 1} events (" in answer(capfd, *args, "--limit", "1")
    monkeypatch.undo()
    assert answer(capfd, *args, "-o", "json")["rare"] == {"events": 0, "bytes": 0}
    assert ", 100 groups\n" in answer(capfd, *args)


def test_a_short_log_covers_seconds(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(0), event(29))
    assert main(["top", "--by", "verb", "--log", str(path)]) == 0
    assert " in 29 s, " in capfd.readouterr().out


DAY = 24 * 3600


def twice(path: Path, later: int) -> Path:
    """A log of 29 minutes, an event a second, and the same again so many seconds later."""
    write(path.with_name("audit-2026-11-23T18-00-00.000.log"), *[event(n) for n in range(1741)])
    return write(path, *[event(0, **{k: in_days(n + later) for k in STAMPS}) for n in range(1741)])


STAMPS = ("requestReceivedTimestamp", "stageTimestamp")


def in_days(n: int) -> str:
    return f"2026-11-{23 + (16 * 3600 + n) // DAY}T{moment(n)[11:]}"


def test_time_in_gaps_is_not_covered(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "audit.log", 2 * DAY)
    log = ["--log", tmp_path]
    minutes, missing = round(58 / 60, 3), round(48 - 29 / 60, 3)
    (node,) = answer(capfd, "stats", *log, "-o", "json")["nodes"]
    assert (node["hours"], node["gapHours"], round(node["eventsPerHour"])) == (minutes, missing, 3602)
    text = answer(capfd, "stats", *log)
    assert "(48.5 h, 47.5 h of which are gaps)" in text
    assert ", 3602 events and " in text
    total = answer(capfd, "top", "--by", "verb", *log, "-o", "json")
    assert (total["total"]["hours"], total["total"]["gapHours"]) == (minutes, missing)
    assert round(total["rows"][0]["eventsPerHour"]) == 3602
    text = answer(capfd, "top", "--by", "verb", *log)
    assert " in 58 min, " in text
    assert "another 47.5 h lie in gaps" in text
    rare = ["estimate", "metadata", "--log-maxage", "0", *log]
    replay = answer(capfd, *rare, "-o", "json")
    assert (replay["hours"], replay["gapHours"]) == (minutes, missing)
    size = replay["logged"]["bytes"]
    assert replay["logged"]["hoursKept"] == pytest.approx(1100 * (1 << 20) / size * 58 / 60, rel=0.001)
    assert any("another 47.5 h lie in gaps" in note for note in replay["notes"])
    text = answer(capfd, *rare)
    assert "from 58 min of log;" in text
    assert "note: another 47.5 h lie in gaps" in text


def test_a_window_is_asked_about_without_the_gaps_in_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "audit.log", DAY)
    asked = ["--log", tmp_path, "--since", "2026-11-23T16:19:00Z", "--until", "2026-11-24T16:10:00Z", "-o", "json"]
    for command in (["top", "--by", "verb"], ["estimate", "metadata"]):
        got = answer(capfd, *command, *asked)
        total = got.get("total", got)
        assert (total["hours"], total["gapHours"]) == (round(20 / 60, 3), round(24 - 29 / 60, 3))
    nothing = ["--since", "2026-11-23T18:00:00Z", "--until", "2026-11-24T02:00:00Z", "-o", "json"]
    got = answer(capfd, "top", "--by", "verb", "--log", tmp_path, *nothing)
    assert (got["total"]["hours"], got["total"]["events"]) == (0, 0)


def test_the_time_of_nodes_is_one_for_rates_and_adds_up_for_what_is_kept(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for node in ("cp1", "cp2"):
        write(tmp_path / node / "audit.log", *[event(n) for n in range(1741)])
    half = round(29 / 60, 3)
    assert answer(capfd, "top", "--by", "verb", "--log", tmp_path, "-o", "json")["total"]["hours"] == half
    assert answer(capfd, "estimate", "quiet", "--log", tmp_path, "-o", "json")["hours"] == round(58 / 60, 3)
    assert "from 58 min of log on 2 nodes together;" in answer(capfd, "estimate", "quiet", "--log", tmp_path)
    assert "from 29 min of log;" in answer(capfd, "estimate", "quiet", "--log", tmp_path / "cp1")


def test_what_one_node_lacks_another_covers(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "cp1/audit.log", 2 * 3600)
    write(tmp_path / "cp2/audit.log", *[event(n) for n in range(0, 7201, 60)])
    got = answer(capfd, "top", "--by", "verb", "--log", tmp_path, "-o", "json")["total"]
    assert (got["hours"], got["gapHours"]) == (round(2 + 29 / 60, 3), 0)
    assert "gaps" not in answer(capfd, "top", "--by", "verb", "--log", tmp_path)


def test_an_estimate_of_nothing_says_so(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(100)])
    late = ["--since", "2026-11-24T00:00:00Z"]
    empty = tmp_path / "empty/audit.log"
    empty.parent.mkdir()
    empty.touch()
    for args, why in (
        (["--log", log, *late], "no event of the log lies in the time that was asked for"),
        (["--log", empty], "the log holds no event"),
    ):
        got = answer(capfd, "estimate", "metadata", *args, "-o", "json")
        assert got["notes"] == [why]
        assert [one["hoursKept"] for one in (got["logged"], *got["policies"])] == [None, None]
        text = answer(capfd, "estimate", "metadata", *args)
        assert f"note: {why}\n" in text
        assert [row.split()[-1] for row in text.splitlines()[1:3]] == ["-", "-"]
        assert "can only show" not in text


def test_a_rate_of_no_time_is_not_made(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1), event(1, auditID="id-2"))
    args = ["estimate", "metadata", "--log", log]
    text = answer(capfd, *args)
    assert [row.split()[-1] for row in text.splitlines()[1:3]] == ["-", "-"]
    assert "note: the events cover no time" in text
    assert answer(capfd, *args, "--log-maxbackup", "0", "-o", "json")["logged"]["hoursKept"] == 720
    assert "no limit" in answer(capfd, *args, "--log-maxbackup", "0", "--log-maxage", "0")


def test_pauses_of_a_log_that_says_little_are_part_of_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bursts = [event(at + n) for at in (0, 4_000, 9_000, 12_000, 20_000) for n in range(3)]
    log = write(tmp_path / "audit.log", *bursts)
    hours = 20_002 / 3600
    for command in (["top", "--by", "verb"], ["estimate", "metadata"]):
        shown = answer(capfd, *command, "--log", log, "-o", "json")
        assert shown.get("total", shown)["hours"] == pytest.approx(hours, rel=0.01)
    days_later = dict.fromkeys(("requestReceivedTimestamp", "stageTimestamp"), "2026-11-28T07:00:00.000000Z")
    write(tmp_path / "audit.log", *bursts, event(**days_later))
    (node,) = answer(capfd, "stats", "--log", log, "-o", "json")["nodes"]
    assert (node["hours"], node["gapHours"]) == (pytest.approx(hours, rel=0.01), pytest.approx(105.4, rel=0.01))


def test_percentiles_of_sizes_are_near(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n, userAgent="x" * (n * n // 20)) for n in range(1000)])
    sizes = sorted(map(len, log.read_bytes().splitlines(keepends=True)))
    (node,) = answer(capfd, "stats", "--log", log, "-o", "json")["nodes"]
    for name, at in (("p50", 500), ("p95", 950), ("p99", 990)):
        assert sizes[at - 1] <= node["eventBytes"][name] < sizes[at - 1] * 1.016
    assert node["eventBytes"]["max"] == sizes[-1]


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
    assert json.loads(out)["coverage"][1]["damaged"] == 1
    assert said[0] == said[1]
    for part in ("note: 2 nodes: ", "cp1: its clock, or this one, is off", "cp2: 1 damaged line: "):
        assert part in said[1]
