"""What stores and their web pages export gives the answers of JSON lines; what is damaged in it is said."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import document
from exportkit import EXPORTS, NESTED, cri_legacy, flat, table
from logkit import SCENARIO, event, write
from shapekit import dump, joined

from kaudit_setup.auditlog import reader
from kaudit_setup.auditlog.shapes.embedded import embedded
from kaudit_setup.auditlog.shapes.opening import FAR_BYTES
from kaudit_setup.cli import main

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[600:640]
QUESTIONS = (
    ("who", "touched", "--user", "kubernetes-admin"),
    ("events", "--verb", "create"),
    ("top", "--by", "user,verb,resource,name,code,decision,ip"),
)
EVENT = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", **event(1)}
FAKE = EVENT | {"auditID": "fake", "user": {"username": "innocent"}}


def answers(capfd: pytest.CaptureFixture[str], folder: Path, data: bytes) -> list[Any]:
    log = folder / "cp1" / "audit.log"
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(data)
    found = []
    for question in QUESTIONS:
        main([*question, "--log", str(log), "-o", "json"])
        found.append(_bare(document(capfd.readouterr().out)["items"]))
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = {"source", "line", "bytes", "share", "bytesPerSecond", "notes"}
        return {key: _bare(inner) for key, inner in value.items() if key not in left_out}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def said(capfd: pytest.CaptureFixture[str], log: Path) -> str:
    main(["who", "touched", "--user", "innocent", "--log", str(log)])
    return capfd.readouterr().out


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_gives_the_answers_of_json_lines(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    want, got = answers(capfd, tmp_path, joined(RECORDED)), answers(capfd, tmp_path, EXPORTS[name](RECORDED))
    # rows of a table have their own order in `top`
    assert [_sorted(one) for one in got] == [_sorted(one) for one in want]
    assert want[1], "something was asked for that is there"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    return sorted(map(_sorted, value), key=str) if isinstance(value, list) else value


@pytest.mark.parametrize("name", NESTED)
def test_an_answer_is_read_piece_by_piece_however_large(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE_BYTES", 1 << 20)
    log = tmp_path / "audit.json"
    times = FAR_BYTES // len(b"".join(RECORDED)) + 1
    log.write_bytes(NESTED[name](RECORDED * times))
    assert main(["stats", "--log", str(log), "-o", "json"]) == 0
    (found,) = document(capfd.readouterr().out)["items"]
    assert (found["events"], found["damaged"]) == (len(RECORDED) * times, 0)


def test_a_legacy_log_on_standard_output_is_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(cri_legacy(RECORDED))
    assert main(["top", "--by", "user", "--log", str(log), "-o", "json"]) == 0
    (found,) = document(capfd.readouterr().out)["items"]
    assert found["total"]["events"] == len(RECORDED)


def test_a_lost_quote_costs_one_row_of_a_table(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = table("time")(RECORDED).split(b"\r\n")
    rows[5] = rows[5][:-1]
    log = tmp_path / "export.csv"
    log.write_bytes(b"\r\n".join(rows))
    assert main(["stats", "--log", str(log), "-o", "json"]) == 0
    (found,) = document(capfd.readouterr().out)["items"]
    assert found["events"] >= len(RECORDED) - 1
    assert found["events"] + found["damaged"] >= len(RECORDED)


def test_a_record_that_another_wrote_is_left_out_of_a_table_too(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "export.csv"
    fake = json.dumps(FAKE).replace('"', '""')
    log.write_text(f'kubernetes.namespace_name,kubernetes.pod_name,log\nshop,web-1,"{fake}"\n')
    text = said(capfd, log)
    assert "innocent" not in text.replace("user innocent", "").replace("by innocent", "")
    assert "not kube-apiserver's own, but of pod shop/web-1" in text.splitlines()[0]


@pytest.mark.parametrize(
    "body",
    [{"x": json.dumps(FAKE)}, FAKE, [FAKE], {"deep": {"log": json.dumps(FAKE)}}],
    ids=["a string", "an object", "an array", "a string below"],
)
@pytest.mark.parametrize("cut", [30, 200, -1])
def test_what_a_client_sends_is_no_event_of_a_damaged_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, body: Any, cut: int
) -> None:
    whole = dump(EVENT | {"requestObject": body, "stageTimestamp": "2026-11-23T16:00:00.000000Z"})
    for line in (whole[:cut] + whole[cut + 1 :], whole[cut:]):
        for text in (line, b'prefix "' + line, b"[1, " + line + b"]"):
            assert "fake" not in [json.loads(one)["auditID"] for one in embedded(text) if one.startswith(b"{")]
            log = tmp_path / "audit.log"
            log.write_bytes(joined([*RECORDED[:2], text, *RECORDED[2:4]]))
            main(["events", "--user", "innocent", "--log", str(log), "-o", "json"])
            assert not document(capfd.readouterr().out)["items"]


def test_a_flat_event_has_its_user(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(flat()([dump(EVENT | {"user": {"username": "ann", "groups": ["a", "b"]}})]))
    assert main(["events", "--user", "ann", "--log", str(log), "-o", "json"]) == 0
    (found,) = document(capfd.readouterr().out)["items"]
    assert (found["user"], found["groups"]) == ("ann", ["a", "b"])


@pytest.mark.parametrize("keep", [8, 40])
def test_a_compressed_file_of_which_nothing_is_read_is_said_first(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, keep: int
) -> None:
    log = tmp_path / "audit.log.gz"
    log.write_bytes(gzip.compress(joined(RECORDED))[:keep])
    for question in (["who", "deleted", "pod/x"], ["who", "exec", "-A"]):
        assert main([*question, "--log", str(log)]) == 1
        assert f"{log} could not be read (a compressed file" in capfd.readouterr().out.splitlines()[0]
    assert main(["top", "--by", "user", "--log", str(log)]) == 1


def test_a_damaged_line_of_a_record_is_counted_by_every_question(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = b'{"status":"success","values":[["1",' + dump(RECORDED[0].decode()) + b"],,]}"
    log = tmp_path / "loki.json"
    log.write_bytes(record.replace(b'\\"auditID', b"\\auditID"))
    assert main(["who", "deleted", "pod/x", "--log", str(log)]) == 1
    assert "could not be read as audit events" in capfd.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("name", [None, "Kibana's CSV", "a record"])
@pytest.mark.parametrize("question", [["deleted", "pod/x"], ["exec", "-A"], ["touched", "--user", "nobody"]])
def test_before_nobody_is_named_every_line_is_looked_at(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str | None, question: list[str]
) -> None:
    # of two lines that were written over each other nothing is left but their beginning and their end
    half = [RECORDED[0][:300] + RECORDED[1][-300:]]
    lines = [*RECORDED[2:9], *half, *RECORDED[9:12]]
    log = tmp_path / "audit.log"
    write_as = EXPORTS.get(name or "", joined)
    records = joined([dump({"log": line.decode()}) for line in lines])
    log.write_bytes(records if name == "a record" else write_as(lines))
    assert main(["who", *question, "--log", str(log)]) == 1
    assert "could not be read as audit events" in capfd.readouterr().out.splitlines()[0]


def test_events_with_damage_between_them_are_no_table(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    empty = [line for line in RECORDED if b'""' in line][:2]
    assert len(empty) == 2
    log = tmp_path / "audit.log"
    log.write_bytes(b"\xff ".join(empty))
    assert main(["stats", "--log", str(log), "-o", "json"]) in {0, 1}
    (found,) = document(capfd.readouterr().out)["items"]
    assert found["events"] + found["damaged"] >= 2 or found["unreadable"]


def test_a_journal_that_goes_on_without_an_end_is_damaged_not_empty(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "journal.export"
    entry = b"__CURSOR=s=1\n_BOOT_ID=b\nMESSAGE\n" + (1 << 30).to_bytes(8, "little")
    log.write_bytes(entry + b"\n".join(RECORDED))
    assert main(["who", "deleted", "pod/x", "--log", str(log)]) == 1
    assert "could not be read as audit events" in capfd.readouterr().out.splitlines()[0]


def test_lines_that_were_put_into_a_journal_are_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "journal.export"
    foreign = b"Nov 23 16:00:00 cp1 kube-apiserver[12]: " + dump(EVENT | {"user": {"username": "innocent"}})
    own = b"__CURSOR=s=1\n_SYSTEMD_UNIT=k3s.service\nMESSAGE=" + RECORDED[0] + b"\n"
    log.write_bytes(own + foreign + b"\n\n" + own + b"\n")
    assert main(["events", "--user", "innocent", "--log", str(log), "-o", "json"]) == 0
    assert len(document(capfd.readouterr().out)["items"]) == 1


def test_losses_of_one_file_are_said_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "audit.log", event(1))
    (tmp_path / "audit-2026-11-23T15-00-00.000.log.gz").write_bytes(gzip.compress(joined(RECORDED))[:900])
    assert main(["top", "--by", "user", "--log", str(tmp_path), "-o", "text"]) == 0
    err = capfd.readouterr().err
    assert err.count("could be read only in part (a compressed file that is cut short): give a whole copy") == 1
