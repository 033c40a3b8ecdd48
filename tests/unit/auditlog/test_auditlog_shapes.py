"""Every shape in which logs are kept gives the answers of JSON lines; what cannot be read is named, by its bytes."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import document, only
from logkit import SCENARIO, answer, event, write
from shapekit import ENCODINGS, PACKED, SAME, TIME, gcloud, gke, gke_entry, go_json, joined, legacy

from kaudit_setup.auditlog import search
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import candidates, numbered
from kaudit_setup.auditlog.shapes.recognition.names import classify
from kaudit_setup.auditlog.unpacking.compression import Unpacked
from kaudit_setup.cli import main

EVENT: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", **event(1)}
TEXT = json.dumps(EVENT, separators=(",", ":"))
RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[300:800]

QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("who", "created", "pod/my-suspicious-pod", "-n", "default", "-o", "json"),
    ("who", "touched", "--user", "admin", "-o", "json"),
    ("events", "--verb", "create", "-o", "json"),
    ("events", "--user", "*admin*", "-o", "raw"),
    ("top", "--by", "user,verb,resource", "-o", "json"),
    ("estimate", "metadata", "-o", "json"),
)


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def asked(capfd: pytest.CaptureFixture[str], folder: Path, data: bytes, name: str = "audit.log") -> list[Any]:
    """The answers to all questions, without what is about the file itself."""
    log = folder / "cp1" / name
    log.parent.mkdir()
    log.write_bytes(data)
    found = []
    for question in QUESTIONS:
        main([*question, "--log", str(log)])
        out = capfd.readouterr().out
        found.append(_bare([json.loads(line) for line in out.splitlines()] if "raw" in question else json.loads(out)))
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: _bare(v)
            for k, v in value.items()
            if k not in {"source", "file", "line", "lines", "files", "size_on_disk"}
        }
    if isinstance(value, list):
        # what is said of a container's log is of its shape
        return [_bare(one) for one in value if "standard output" not in str(one)[:200]]
    return value


_PLAIN: list[Any] = []


def plain_answers(capfd: pytest.CaptureFixture[str], folder: Path) -> list[Any]:
    if not _PLAIN:
        _PLAIN.extend(asked(capfd, folder, joined(RECORDED)))
    return _PLAIN


@pytest.mark.parametrize("shape", SAME)
def test_every_shape_gives_the_answers_of_json_lines(
    capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, shape: str
) -> None:
    wanted = plain_answers(capfd, tmp_path_factory.mktemp("plain"))
    found = asked(capfd, tmp_path_factory.mktemp("shape"), SAME[shape](RECORDED))
    for question, one, other in zip(QUESTIONS, wanted, found, strict=True):
        assert (question, other) == (question, one)


@pytest.mark.slow
@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("shape", ["JSON lines", "CRI in parts", "docker", "pretty", "EventList", "AKS"])
def test_compressed_shapes_give_the_same_answers_whatever_they_are_called(
    capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, shape: str, packed: str
) -> None:
    wanted = plain_answers(capfd, tmp_path_factory.mktemp("plain"))
    folder = tmp_path_factory.mktemp("shape")
    found = asked(capfd, folder, PACKED[packed](SAME[shape](RECORDED)), "audit.log")
    for question, one, other in zip(QUESTIONS, wanted, found, strict=True):
        assert (question, other) == (question, one)


TEXTUAL = [shape for shape in SAME if shape != "journald export"]


@pytest.mark.parametrize(
    ("encoding", "packed", "shape"),
    [
        ("UTF-8 with a mark", "", "CRI"),
        ("UTF-16 of PowerShell", "", "JSON lines"),
        ("UTF-16 of PowerShell", ".gz", "pretty"),
        ("UTF-16, big-endian", ".xz", "JSON lines"),
        ("UTF-16 without a mark", "", "AKS"),
        ("CRLF", "", "CRI in parts"),
        *(pytest.param(encoding, "", shape, marks=pytest.mark.slow) for encoding in ENCODINGS for shape in TEXTUAL),
    ],
)
def test_what_windows_wrote_gives_the_answers_of_json_lines(
    capfd: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    encoding: str,
    packed: str,
    shape: str,
) -> None:
    wanted = plain_answers(capfd, tmp_path_factory.mktemp("plain"))
    data = PACKED[packed](ENCODINGS[encoding](SAME[shape](RECORDED)))
    found = asked(capfd, tmp_path_factory.mktemp("shape"), data)
    for question, one, other in zip(QUESTIONS, wanted, found, strict=True):
        # a carriage return is a byte of the file's line
        if "CRLF" not in encoding or question[0] in {"who", "events"}:
            assert (question, other) == (question, one)


def test_the_lines_of_files_of_windows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    # as `type one.log two.log > both.log` puts them together
    log.write_bytes(ENCODINGS["UTF-16 of PowerShell"](joined(RECORDED[:200])) * 2)
    tallies: dict[str, Tally] = {}
    hits = numbered(candidates(find_logs([str(log)]).files, [b"auditID"], tallies=tallies))
    assert [(hit.line, hit.text) for hit in hits] == list(enumerate(RECORDED[:200] * 2, 1))
    assert [tally.damaged for tally in tallies.values()] == [0]


@pytest.mark.parametrize("shape", SAME)
def test_a_large_file_is_searched_before_it_is_taken_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: str
) -> None:
    monkeypatch.setattr(search, "CHECK_BELOW_BYTES", -1)
    log = tmp_path / "audit.log"
    log.write_bytes(SAME[shape](RECORDED))
    for literal in (
        b'"name":"my-suspicious-pod"',
        b'"namespace":"default","name":"my-susp',
        b"kubectl",
        b'":"',
        b"/readyz",
    ):
        tallies: dict[str, Tally] = {}
        hits = list(candidates(find_logs([str(log)]).files, [literal], tallies=tallies))
        found = [hit.text for hit in numbered(hits)]
        wanted = [line for line in RECORDED if literal in line]
        assert set(wanted) <= set(found), literal
        assert wanted or literal not in (b'"name":"my-suspicious-pod"', b"/readyz")
        (tally,) = tallies.values()
        assert tally.events > 0
        assert (tally.first, tally.last) == (stamps()[0], stamps()[-1])


def stamps() -> list[str]:
    return sorted(json.loads(line)["stageTimestamp"] for line in RECORDED)


@pytest.mark.parametrize("shape", SAME)
def test_evidence_names_the_line_of_the_file(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(SAME[shape](RECORDED))
    texts = log.read_bytes().split(b"\n")
    for hit in candidates(find_logs([str(log)]).files, [b"auditID"]):
        # the beginning of the event is in that line, whatever escapes it: of a pretty-printed one only the brace
        begin = texts[hit.line - 1].replace(b"\\", b"")
        assert (
            b'"kind":"Event"' in begin
            or begin.rstrip().endswith(b"{")
            or b'"kind": "Event"' in begin
            or b"MESSAGE" in begin
        )


def test_gke_entries_become_events(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = [line for line in RECORDED if b'"stage":"ResponseComplete"' in line and b'"objectRef"' in line]
    done = [line for line in done if b'"impersonatedUser"' not in line]  # an entry does not say it
    plain, entries, array = (tmp_path / name / "audit.log" for name in ("plain", "lines", "array"))
    for log, data in ((plain, joined(done)), (entries, gke(done)), (array, gcloud(done))):
        log.parent.mkdir()
        log.write_bytes(data)
    rows = [answer(capfd, "events", "--log", log, "-o", "json") for log in (plain, entries, array)]
    assert rows[0]
    kept = ("user", "verb", "auditID", "code", "object", "sourceIPs", "userAgent", "decision")
    codes = {200, 201, 401, 403, 404, 409, 500}
    plainly, *others = [
        {row["auditID"]: {key: row[key] for key in kept} for row in one if row["code"] in codes} for one in rows
    ]
    assert len(plainly) > 50
    for found in others:
        assert found == plainly
    made = next(row for row in plainly.values() if row["verb"] == "create" and row["object"]["namespace"])
    said = []
    for log in (plain, entries, array):
        obj = made["object"]
        kind = ".".join(filter(None, (obj["resource"], obj["group"])))
        main(["who", "created", f"{kind}/{obj['name']}", "-n", obj["namespace"], "--log", str(log)])
        said.append(capfd.readouterr().out.splitlines()[0].partition(" at ")[0])
    assert len(set(said)) == 1
    assert made["user"] in said[0]


@pytest.mark.parametrize(
    ("who", "user", "behind"),
    [
        (
            {"principalSubject": "principal://iam.googleapis.com/x/subject/ann"},
            "principal://iam.googleapis.com/x/subject/ann",
            "",
        ),
        (
            {
                "principalEmail": "deployer@p.iam.gserviceaccount.com",
                "serviceAccountDelegationInfo": [
                    {"firstPartyPrincipal": {"principalEmail": "mallory@example.com"}},
                    {"principalSubject": "serviceAccount:between@p.iam.gserviceaccount.com"},
                ],
            },
            "deployer@p.iam.gserviceaccount.com",
            "mallory@example.com",
        ),
    ],
)
def test_gke_names_who_stands_behind_a_service_account(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, who: dict[str, Any], user: str, behind: str
) -> None:
    entry = gke_entry(event(1, verb="delete"))
    entry["protoPayload"]["authenticationInfo"] = who
    log = tmp_path / "audit.log"
    log.write_bytes(lines(json.dumps(entry)))
    (row,) = answer(capfd, "events", "--log", log, "-o", "json")
    assert (row["user"], row["impersonatedBy"]) == (user, behind)


@pytest.mark.parametrize(
    "time", ["", "2026-05-01T10:00:00Z", "2026-05-01T10:00:00.123456789Z", "2026-05-01T12:00:00.5+02:00", "soon"]
)
def test_an_entry_of_gke_says_the_same_whatever_is_beside_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, time: str
) -> None:
    """Many entries differ in time and ID alone and are mapped once; each is mapped by itself beside a word."""
    some = gke(RECORDED[:60] * 2).splitlines()
    if time:
        some += [
            json.dumps({**json.loads(some[7]), "timestamp": time, "insertId": "another", "operation": {}}).encode()
        ]
    rows = []
    for name, beside in (("alone", []), ("beside", [b"a word"])):
        log = tmp_path / name / "audit.log"
        log.parent.mkdir()
        log.write_bytes(joined([*some, *beside]))
        found = answer(capfd, "events", "--log", log, "-o", "json")
        rows.append([{key: value for key, value in row.items() if key != "source"} for row in found])
    assert rows[0] == rows[1]
    assert len(rows[0]) > 30
    stamps = {row["time"] for row in rows[0] if row["auditID"] == "another"}
    assert len(stamps) == (time not in {"", "soon"})


def test_legacy_text_becomes_events(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plain, text = (tmp_path / name / "audit.log" for name in ("plain", "legacy"))
    for log, data in ((plain, joined(RECORDED)), (text, legacy(RECORDED))):
        log.parent.mkdir()
        log.write_bytes(data)
    rows = [answer(capfd, "events", "--log", log, "-o", "json") for log in (plain, text)]
    kept = ("user", "groups", "impersonatedBy", "verb", "auditID", "code", "userAgent", "time", "stage", "requestURI")
    assert len(rows[0]) > 100
    assert [{key: row[key] for key in kept} for row in rows[1]] == [
        {key: row[key] for key in kept} for row in rows[0]
    ]
    named = [one for one in rows[0] if one["verb"] != "create"]
    found = {one["auditID"]: one["object"] for one in rows[1]}
    assert all(found[one["auditID"]] == one["object"] for one in named)


NAMED: dict[str, tuple[bytes, str, str]] = {
    "auditd": (
        lines("type=SYSCALL msg=audit(1777629600.123:42): arch=c000003e syscall=59 success=yes"),
        "the log of auditd",
        "--audit-log-path",
    ),
    "klog": (
        lines("I0501 10:00:00.123456       1 server.go:42] Starting"),
        "a component's own log",
        "--audit-log-path",
    ),
    "what gcloud prints": (b"---\ninsertId: abc\nprotoPayload:\n  methodName: x\n", "YAML", "--format=json"),
    "YAML of the AWS CLI": (b"events:\n- eventId: '1'\n  message: '{}'\n", "YAML", "--output json"),
    "Pub/Sub": (lines('{"message":{"data":"eyJwcm90b1BheWxvYWQiOnt9fQ==","messageId":"1"}}'), "base64", "@base64d"),
    "OpenTelemetry's lists": (
        lines('{"body":{"kvlistValue":{"values":[{"key":"auditID","value":{"stringValue":"x"}}]}}}'),
        "kvlistValue",
        "`body`",
    ),
    "lz4": (b"\x04\x22\x4d\x18dA" + bytes(range(14, 60)), "data that lz4 has packed", "lz4 -d FILE"),
    "a journal": (b"LPKSHHRH\0\0\1\2" * 9, "a journal of systemd", "-o export"),
    "PGP": (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", "encrypted data", "decrypt"),
    "binary": (bytes(range(256)) * 40 + b"\n", "binary data", "kube-apiserver"),
    "a container log without events": (
        lines(*["2026-05-01T10:00:00.1Z stdout F listening on :8080"] * 2),
        "a CRI container log",
        "kube-apiserver",
    ),
    "another program's JSON": (
        lines(json.dumps({"@timestamp": TIME, "message": "hello", "host": {"name": "cp1"}})),
        "the log of another program",
        "kube-apiserver",
    ),
}


@pytest.mark.parametrize("line", [TEXT[:200], "an application says hello", "", '{"not": "an event"}'])
def test_a_damaged_event_and_other_text_have_no_shape(line: str) -> None:
    assert classify([line.encode()]) is None


@pytest.mark.parametrize("kind", sorted(NAMED))
def test_who_says_first_what_could_not_be_read(capfd: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    data, name, fix = NAMED[kind]
    path = tmp_path / "audit.log"
    path.write_bytes(data)
    for asked in (["created", "pod/web", "-n", "shop"], ["touched", "--user", "mallory"]):
        assert main(["who", *asked, "--log", str(path)]) == 1
        first = capfd.readouterr().out.splitlines()[0]
        assert f"of {path} could not be read as audit events" in first
        assert name in first
        assert fix in first
        assert main(["who", *asked, "--log", str(path), "-o", "json"]) == 1
        found = only(capfd.readouterr().out)
        assert name in found["notes"][0]
        (one,) = found["coverage"][0]["unreadable"]
        assert (one["file"], name in one["shape"], fix in one["fix"]) == (str(path), True, True)


@pytest.mark.parametrize("command", [["top", "--by", "user"], ["estimate", "metadata"], ["events"], ["stats"]])
def test_over_nothing_readable_every_question_fails_and_says_why(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    data, name, _ = NAMED["a container log without events"]
    path = tmp_path / "audit.log"
    path.write_bytes(data)
    sentence = f"2 of 2 lines of {path} could not be read as audit events (they look like {name}): "
    assert main([*command, "--log", str(path)]) == 1
    out, err = capfd.readouterr()
    assert sentence in (out if command == ["stats"] else err.splitlines()[0])
    assert main([*command, "--log", str(path), "-o", "json"]) == 1
    document(capfd.readouterr().out)


def test_what_could_be_read_is_told_after_what_could_not(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2))
    path.write_bytes(path.read_bytes() + NAMED["auditd"][0])
    assert main(["who", "created", "pod/nope", "-n", "shop", "--log", str(path)]) == 1
    out = capfd.readouterr().out
    assert out.startswith(
        f"1 of 3 lines of {path} could not be read as audit events (it looks like the log of auditd"
    )
    assert "In what could be read: No successful create of pod shop/nope" in out
    got = answer(capfd, "top", "--by", "user", "--log", path, "-o", "json")
    assert (got["total"]["events"], got["coverage"][0]["unreadable"][0]["unread"]) == (2, 1)


def test_a_log_that_is_whole_has_nothing_unreadable(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2))
    path.write_bytes(path.read_bytes() + b"\n\0\0\0\n" + TEXT[:100].encode())  # a crash, and a line half written
    assert main(["who", "created", "pod/nope", "-n", "shop", "--log", str(path)]) == 1
    assert capfd.readouterr().out.startswith("No successful create of pod shop/nope found")
    assert answer(capfd, "top", "--by", "user", "--log", path, "-o", "json")["coverage"][0]["unreadable"] == []


def test_stats_says_which_shape_each_file_has(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = {"audit-1.log": "CRI", "audit-2.log": "pretty", "audit-3.log.zst": "JSON lines", "audit-4.json": "AKS"}
    for name, shape in found.items():
        (tmp_path / name).write_bytes(PACKED[".zst" if name.endswith(".zst") else ""](SAME[shape](RECORDED[:20])))
    (tmp_path / "audit-5.log").write_bytes(NAMED["auditd"][0])
    got = document_of(capfd, "stats", "--log", str(tmp_path / "audit-*"), "-o", "json")
    said = {Path(one["file"]).name: one["shape"] for item in got["items"] for one in item["shapes"]}
    assert said == {
        "audit-1.log": "a CRI container log",
        "audit-2.log": "pretty-printed JSON",
        "audit-3.log.zst": "JSON lines",
        "audit-4.json": "diagnostic records of Azure (AKS)",
        "audit-5.log": "the log of auditd, not of kube-apiserver",
    }
    main(["stats", "--log", str(tmp_path / "audit-1.log")])
    assert "  shapes    a CRI container log\n" in capfd.readouterr().out


def document_of(capfd: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    main(list(args))
    return document(capfd.readouterr().out)


@pytest.mark.parametrize("packed", [".zst", ".xz", ".bz2"])
def test_a_decompression_bomb_is_stopped_and_said(packed: str) -> None:
    tally = Tally()
    unpacked = Unpacked(io.BytesIO(PACKED[packed](b" " * (80 << 20))), tally)
    room, got = memoryview(bytearray(1 << 20)), 0
    while size := unpacked.readinto(room):
        got += size
    assert got <= 80 << 20
    assert tally.damaged == 1
    assert "grows more than 500 times" in tally.losses[0].what


def test_a_part_of_dockers_that_ends_with_a_brace_goes_on(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = RECORDED[0] + b"\n"
    cut = text.index(b"}") + 1
    parts = [go_json({"log": part.decode(), "stream": "stdout", "time": TIME}) for part in (text[:cut], text[cut:])]
    log = tmp_path / "audit.log"
    log.write_bytes(joined(parts))
    assert main(["events", "--log", str(log), "-o", "raw"]) == 0
    assert capfd.readouterr().out.encode() == text


def test_parts_of_two_streams_between_each_other(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first, other = RECORDED[0], RECORDED[1]
    begins = [b" stdout P " + first[:90], b" stderr P " + other[:50]]
    ends = [b" stdout F " + first[90:], b" stderr F " + other[50:]]
    log = tmp_path / "audit.log"
    log.write_bytes(joined([TIME.encode() + part for part in (*begins, *ends)]))
    assert main(["events", "--log", str(log), "-o", "json"]) == 0
    items = json.loads(capfd.readouterr().out)["items"]
    wanted = [(json.loads(text)["auditID"], line) for text, line in ((first, 1), (other, 2))]
    assert sorted((item["auditID"], item["source"]["line"]) for item in items) == sorted(wanted)


def _later(line: bytes) -> bytes:
    return line.replace(b"2026-11-", b"2026-12-")


@pytest.mark.parametrize("shape", ["docker", "Fluent Bit", "Loki", "twice encoded"])
@pytest.mark.parametrize(
    "written",
    [
        pytest.param([*RECORDED[:100], *[_later(line) for line in RECORDED[100:200]]], id="a gap"),
        pytest.param([*RECORDED[100:200], *RECORDED[:100]], id="not in the order of time"),
        pytest.param(
            [line.replace(b'"userAgent":"', '"userAgent":"çurł €'.encode()) for line in RECORDED],
            id="wide letters",
        ),
        pytest.param(
            [*RECORDED[:50], RECORDED[50].replace(b'"stage":', b'"step":'), *RECORDED[51:99]], id="a damaged event"
        ),
    ],
)
def test_what_stats_says_of_time_and_sizes_is_that_of_json_lines(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, shape: str, written: list[bytes]
) -> None:
    said = []
    for name in ("JSON lines", shape):
        (tmp_path / name).write_bytes(SAME[name](written))
        main(["stats", "-o", "json", "--log", str(tmp_path / name)])
        (found,) = json.loads(capfd.readouterr().out)["items"]
        said.append({key: found[key] for key in ("from", "to", "gaps", "damaged", "events", "eventBytes")})
    assert said[1] == said[0]
