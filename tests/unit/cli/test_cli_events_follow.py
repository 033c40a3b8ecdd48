"""`events --follow` as a user types it: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from logkit import event, write

from kaudit_setup.auditlog.follow import stream
from kaudit_setup.cli import main

SINCE = "2026-11-23T16:00:00Z"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "cp1/audit.log", event(1), event(2, verb="delete"), event(3))


def test_it_prints_what_fits_and_says_what_was_seen(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["events", "-f", "--log", str(log), "--since", SINCE, "--limit"]
    assert main([*asked, "2", "--verb", "get"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:2] == ["TIME", "(UTC)"]
    assert [line[11:19] for line in out.splitlines()[1:]] == ["16:00:01", "16:00:03"]
    assert "2 events seen, 2026-11-23 16:00:01 UTC to 2026-11-23 16:00:03 UTC" in err
    assert main([*asked, "3", "-o", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["auditID"] for one in lines] == ["id-1", "id-2", "id-3"]
    assert [one["source"]["line"] for one in lines] == [1, 2, 3]
    assert main([*asked, "3", "-o", "raw"]) == 0
    assert capsys.readouterr().out == log.read_text()


def test_the_files_that_a_named_file_was_rotated_into_are_read_too(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(log.with_name("audit-2026-11-23T16-00-10.000.log"), event(0))
    write(log.with_name("other.log"), event(9))
    assert main(["events", "-f", "--log", str(log), "--since", SINCE, "--limit", "4", "-o", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(one["auditID"] for one in lines) == ["id-0", "id-1", "id-2", "id-3"]


def test_ctrl_c_says_what_was_seen(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = stream.Following.batches

    def interrupted(following: stream.Following) -> Iterator[stream.Batch]:
        yield next(batches(following))
        raise KeyboardInterrupt

    monkeypatch.setattr(stream.Following, "batches", interrupted)
    assert main(["events", "-f", "--log", str(log), "--since", SINCE]) == 130
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert "3 events seen" in err


def test_a_hostile_event_cannot_touch_the_terminal(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(log, event(1, user={"username": "\x1b[2Jeve\u202e"}))
    for form in ("table", "jsonl"):
        assert main(["events", "-f", "--log", str(log), "--since", SINCE, "--limit", "1", "-o", form]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "\u202e" not in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--until", "2026-11-24T00:00:00Z"], "excludes --until"),
        (["-o", "json"], "excludes -o json"),
        (["-o", "yaml"], "excludes -o yaml"),
    ],
)
def test_what_has_no_end_is_refused(
    log: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    assert main(["events", "-f", "--log", str(log), *args]) == 2
    assert said in capsys.readouterr().err


def test_standard_input_and_missing_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "-f", "--log", "-"]) == 2
    assert main(["events", "-f", "--log", str(tmp_path / "nope.log")]) == 2
    assert "nope.log" in capsys.readouterr().err
