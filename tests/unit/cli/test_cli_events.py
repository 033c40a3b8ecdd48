"""`events`: filters, forms of output, order, one row for each request."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from documentkit import items
from logkit import PROBES, SCENARIO, answer, event, ids, logged, moment, write

from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode

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
            (shown,) = items(text)
        else:
            shown = json.loads(text)
        assert shown["userAgent"] == f"a{char}b"
        assert text.replace("\n", "").isprintable()
        assert text.isascii()


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
    assert "2 nodes: the order of events between them" in said
    assert "cp2: its clock or this machine's is wrong" in said
    assert main(["stats", "--log", str(tmp_path)]) == 0


def test_one_audit_id_sent_again_and_again_hides_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1, auditID="same"), event(2, auditID="same", verb="delete"))
    assert len(ids(capfd, "--log", path)) == 2


def test_a_request_without_an_end_is_not_lost(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(
        tmp_path / "audit.log",
        event(1, stage="RequestReceived", verb="watch"),
        event(1, stage="ResponseStarted", verb="watch"),
        event(2, stage="RequestReceived"),
        event(2),
    )
    found = answer(capfd, "events", "-o", "json", "--log", path)
    assert sorted((e["auditID"], e["stage"]) for e in found) == [
        ("id-1", "ResponseStarted"),
        ("id-2", "ResponseComplete"),
    ]


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
    assert "note: no matching events (searched cp1, 2026-11-23 16:00:01 UTC to 2026-11-23 16:00:02 UTC)" in said


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
