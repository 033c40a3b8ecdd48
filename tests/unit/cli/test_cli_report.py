"""`report`: one file, whole, private, harmless, and true to the log."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from pagekit import Parts

from kaudit_setup.cli import main
from kaudit_setup.report.page.timeline import Mark

TESTS = Path(__file__).resolve().parents[2]
LOG = TESTS / "data/scenarios/workloads-1.20.2.jsonl.gz"


def made(tmp_path: Path, *words: str, code: int = 0) -> tuple[str, Parts]:
    out = tmp_path / "report.html"
    assert main(["report", *words, "-o", str(out)]) == code
    text = out.read_text()
    return text, Parts(text)


def data(parts: Parts) -> dict[str, Any]:
    return json.loads(next(text for text in parts.texts["script"] if text.startswith('{"steps"')))


def marks(parts: Parts) -> list[dict[str, Any]]:
    """The requests on the timeline, with their texts."""
    timeline = data(parts)["timeline"]
    texts = {"user", "verb", "resource", "object", "client", "behind", "file"}
    return [
        {
            name: timeline["words"][value] if name in texts else value
            for name, value in zip(Mark.__struct_fields__, mark, strict=True)
        }
        for mark in timeline["marks"]
    ]


def test_the_file_is_private_and_needs_nothing_from_anywhere(tmp_path: Path) -> None:
    text, parts = made(tmp_path, "--log", str(LOG))
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600
    assert parts.loads == []
    assert len(text) < 1_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_only_the_scripts_and_styles_of_the_page_may_run(tmp_path: Path) -> None:
    text, _ = made(tmp_path, "--log", str(LOG))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'")
    for tag, what in (("script", "script-src"), ("style", "style-src")):
        allowed = set(re.search(rf"{what} ([^;]+)", policy)[1].split())
        bodies = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", text)
        assert allowed == {
            f"'sha256-{base64.b64encode(hashlib.sha256(b.encode()).digest()).decode()}'" for b in bodies
        }


def test_the_sums_are_those_of_the_log(tmp_path: Path) -> None:
    _, parts = made(tmp_path, "--log", str(LOG))
    charts = {chart["by"]: chart for chart in data(parts)["charts"]}
    assert set(charts) == {"level", "verb", "resource", "user", "code", "node"}
    assert {by: sum(one["total"] for one in chart["series"]) for by, chart in charts.items()} == dict.fromkeys(
        charts, 2000
    )
    assert hashlib.sha256(LOG.read_bytes()).hexdigest() in parts.texts["td"]


def test_a_question_has_its_answer_its_chain_and_its_timeline(tmp_path: Path) -> None:
    text, parts = made(tmp_path, "--log", str(LOG), "--question", "who created pod/lost -n web")
    assert "alice" in text.partition('id="answer"')[2].partition("</section>")[0]
    assert marks(parts)[0]["user"] == "alice (impersonated by kubernetes-admin)"
    assert text.count('<li class="certain">') >= 1


def test_the_timeline_has_the_owners_what_they_were_in_between_and_who_is_behind_it(tmp_path: Path) -> None:
    asked = "who deleted pod/again-7dc8f4c8f6-v5ts7 -n web"
    _, parts = made(tmp_path, "--log", str(LOG), "--question", asked)
    lanes = data(parts)["timeline"]["lanes"]
    assert [(lane["kind"], lane["depth"]) for lane in lanes] == [("deployment", 0), ("replicaset", 1), ("pod", 2)]
    assert [[state["how"] for state in lane["states"]] for lane in lanes] == [
        ["made", "made", "made"],  # by alice, by mallory, by erin; each deleted the one before
        ["made", "made", "made"],
        ["made", "going"],
    ]
    pod = [mark for mark in marks(parts) if mark["lane"] == 2 and mark["behind"]]
    assert [mark["behind"].split()[0] for mark in pod] == ["mallory", "erin"]
    # a create does not name its object in its request, only in its answer
    assert pod[0]["verb"] == "create"


def test_what_an_autoscaler_changed_has_whoever_made_it_behind_it(tmp_path: Path) -> None:
    _, parts = made(tmp_path, "--log", str(LOG), "--question", "who created pod/hp-5bdf97bb6d-9r7tf -n web")
    lanes = data(parts)["timeline"]["lanes"]
    assert [lane["kind"] for lane in lanes] == ["horizontalpodautoscaler", "deployment", "replicaset", "pod"]
    scaled = [mark for mark in marks(parts) if mark["resource"] == "deployments/scale"]
    assert [mark["behind"].split()[0] for mark in scaled] == ["carol", "dave"]
    assert lanes[1]["states"][1]["by"].startswith("horizontal-pod-autoscaler for carol")


def test_the_timeline_of_a_user_has_what_was_refused_too(tmp_path: Path) -> None:
    _, parts = made(tmp_path, "--log", str(LOG), "--question", "touched --user mallory")
    assert {mark["code"] for mark in marks(parts)} >= {200, 201, 429}
    assert all("mallory" in mark["user"] for mark in marks(parts))
    # what others did to these objects was not asked, so nothing is said of their states
    assert not any(lane["states"] for lane in data(parts)["timeline"]["lanes"])


def test_without_a_question_the_timeline_has_what_deserves_a_look(tmp_path: Path) -> None:
    text, parts = made(tmp_path, "--log", str(LOG))
    timeline = data(parts)["timeline"]
    assert "Failed logins" in [lane["name"] for lane in timeline["lanes"]]
    # of 202 impersonated requests the first hundred
    assert f"{timeline['leftOut']} more requests are not on the timeline" in text
    assert timeline["leftOut"] == 102


def test_what_deserves_a_look_has_its_lines(tmp_path: Path) -> None:
    text, _ = made(tmp_path, "--log", str(LOG))
    look = text.partition('id="notable"')[2].partition("</section>")[0]
    assert "Requests in somebody else&#39;s name" in look
    assert "workloads-1.20.2.jsonl.gz:" in look


def test_a_restart_and_a_gap_are_marked(tmp_path: Path) -> None:
    lines = [
        event(minute=0),
        event(minute=1),
        event(minute=30, user="system:apiserver", verb="get", resource="clusterroles"),
    ]
    log = tmp_path / "audit.log"
    log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    _, parts = made(tmp_path, "--log", str(log))
    assert len(data(parts)["restarts"]) == 1
    assert len(data(parts)["gaps"]) == 1
    # no line is drawn across the time without events
    assert data(parts)["charts"][0]["series"][0]["events"] == [1, 1, None, 1]


def test_a_start_is_marked_once_however_much_the_server_asks_itself(tmp_path: Path) -> None:
    asks = {"user": "system:apiserver", "verb": "get", "resource": "clusterroles"}
    lines = [event(minute=minute, audit=f"{minute}-{n}", **asks) for minute in (1, 5, 9) for n in range(600)]
    log = tmp_path / "audit.log"
    log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    _, parts = made(tmp_path, "--log", str(log))
    assert len(data(parts)["restarts"]) == 3


def test_an_audit_id_that_comes_back_and_a_burst_deserve_a_look(tmp_path: Path) -> None:
    lines = [event(minute=0, audit="same"), event(minute=1, audit="same")]
    lines += [event(minute=2, audit=f"id{n}", user="mallory", code=403) for n in range(12)]
    log = tmp_path / "audit.log"
    log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    text, _ = made(tmp_path, "--log", str(log))
    assert "Audit-IDs that came back" in text
    assert "12 requests in a minute" in text


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-45T99:00:00.000000Z", "\u0662026"])
def test_events_without_a_time_that_can_be_read_are_counted_and_said(tmp_path: Path, time: str) -> None:
    good = [event(minute=minute, audit=f"good{minute}") for minute in range(3)]
    bad = [event(audit=f"bad{n}") | {"requestReceivedTimestamp": time, "stageTimestamp": time} for n in range(2)]
    log = tmp_path / "audit.log"
    log.write_text("\n".join(map(json.dumps, [*good, *bad])) + "\n")
    text, parts = made(tmp_path, "--log", str(log))
    assert "The time of 2 events cannot be read: counted in the tables, not shown in the charts" in text
    assert sum(n or 0 for n in data(parts)["charts"][0]["series"][0]["events"]) == 3
    log.write_text("\n".join(map(json.dumps, good)) + "\n")
    text, _ = made(tmp_path, "--log", str(log))
    assert "cannot be read: counted" not in text


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "\u202eevil",
    "\x1b[2J",
    "\u2028",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_stranger_wrote_stays_text(tmp_path: Path, name: str) -> None:
    log = tmp_path / "audit.log"
    log.write_text(json.dumps(event(user=name, verb="get", resource="secrets", name=name)) + "\n")
    text, parts = made(
        tmp_path, "--log", str(log), "--question", f"touched --user '{name}'" if "'" not in name else None
    )
    assert parts.loads == []
    assert len(parts.texts["script"]) == 5
    assert "img" not in parts.texts
    assert "49" not in parts.texts.get("h1", [""])[0]
    assert not {"\u202e", "\x1b", "\u2028"} & set(text)


def test_a_log_that_cannot_be_read_says_so_and_ends_with_1(tmp_path: Path) -> None:
    log = tmp_path / "other.log"
    log.write_text("something else\n" * 3)
    text, _ = made(tmp_path, "--log", str(log), code=1)
    assert "What could not be read" in text


def test_sign_writes_a_sum_that_sha256sum_checks(tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    assert main(["report", "--log", str(LOG), "-o", str(out), "--sign"]) == 0
    digest, name = (tmp_path / "r.html.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(out.read_bytes()).hexdigest(), "r.html")


@pytest.mark.parametrize("question", ["who made pod/x", "created pod/x --sort", "created 'pod/x", "created"])
def test_a_question_that_is_none_is_refused_before_anything_is_read(
    tmp_path: Path, question: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["report", "--log", str(LOG), "-o", str(out), "--question", question]) == 2
    assert "hint:" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--log", str(LOG), "-o", str(tmp_path / "no/report.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def event(
    *,
    minute: int = 0,
    audit: str = "a",
    user: str = "alice",
    verb: str = "create",
    resource: str = "pods",
    name: str = "web",
    code: int = 200,
) -> dict[str, object]:
    time = f"2026-11-25T14:{minute:02d}:00.000000Z"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": audit,
        "stage": "ResponseComplete",
        "requestURI": "/x",
        "verb": verb,
        "user": {"username": user},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl",
        "objectRef": {"resource": resource, "namespace": "shop", "name": name},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": time,
        "stageTimestamp": time,
    }
