"""A file in which several shapes stand: every event is read, wherever one shape ends and the other begins."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from documentkit import document
from logkit import SCENARIO
from shapekit import SAME, cri, docker, joined

from kaudit_setup.auditlog import search
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.reader import Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import candidates, numbered
from kaudit_setup.auditlog.shapes.recognition.names import CRI, DOCKER
from kaudit_setup.cli import main

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:560]
SHAPES = (
    "JSON lines",
    "CRI",
    "CRI in parts",
    "docker",
    "docker in parts",
    "journald export",
    "journald JSON",
    "pretty",
    "pretty array",
    "array of lines",
    "EventLists",
    "RFC 3164",
    "RFC 5424",
    "Fluent Bit",
    "Fluent Bit, parsed",
    "Fluentd",
    "Filebeat",
    "Promtail",
    "Loki",
    "AKS",
)


def halves(first: str, second: str) -> bytes:
    middle = len(RECORDED) // 2
    return SAME[first](RECORDED[:middle]) + SAME[second](RECORDED[middle:])


def ids(lines: list[bytes]) -> list[str]:
    return sorted(json.loads(line)["auditID"] + json.loads(line)["stage"] for line in lines)


WANTED = ids(RECORDED)


def found(log: Path, size: int = 1 << 20) -> tuple[list[bytes], Tally]:
    tally = Tally()
    (file,) = find_logs([str(log)]).files
    lines = [line for block in blocks(Unit(0, file), tally, size) for line in bytes(block.view).split(b"\n")[:-1]]
    return lines, tally


@pytest.mark.parametrize("first", SHAPES)
def test_every_event_of_two_shapes_in_one_file_is_read(tmp_path: Path, first: str) -> None:
    log = tmp_path / "audit.log"
    for number, second in enumerate(SHAPES):
        log.write_bytes(halves(first, second))
        # in one block, and over several
        lines, tally = found(log, 1 << (20 if number % 2 else 14))
        assert ids(lines) == WANTED, (first, second)
        assert tally.damaged == 0, (first, second)


@pytest.mark.parametrize("second", ["CRI in parts", "docker in parts", "journald export", "pretty", "Fluent Bit"])
def test_lines_of_two_shapes_that_take_turns_are_read(tmp_path: Path, second: str) -> None:
    log = tmp_path / "audit.log"
    groups = [RECORDED[at : at + 4] for at in range(0, len(RECORDED), 4)]
    parts = [(joined, SAME[second])[number % 2](group) for number, group in enumerate(groups)]
    log.write_bytes(b"".join(parts))
    lines, _ = found(log, 1 << 14)
    assert ids(lines) == WANTED


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CRI in parts", "JSON lines"),
        ("journald export", "JSON lines"),
        ("JSON lines", "docker"),
        ("JSON lines", "pretty"),
        ("pretty", "RFC 3164"),
        ("Fluent Bit", "CRI"),
    ],
)
def test_evidence_in_a_mixed_file_names_its_line(tmp_path: Path, first: str, second: str) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(halves(first, second))
    texts = log.read_bytes().split(b"\n")
    hits = list(candidates(find_logs([str(log)]).files, [b"auditID"]))
    assert len({hit.line for hit in hits}) == len(RECORDED)
    for hit in hits:
        begin = texts[hit.line - 1].replace(b"\\", b"").replace(b" ", b"")
        assert b'"kind":"Event"' in begin or begin.endswith(b"{") or b"MESSAGE" in begin


@pytest.mark.parametrize("second", ["CRI", "docker", "pretty", "Fluent Bit", "RFC 3164", "journald export"])
def test_a_large_mixed_file_is_searched_in_all_its_shapes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, second: str
) -> None:
    monkeypatch.setattr(search, "CHECK_BELOW_BYTES", -1)
    log = tmp_path / "audit.log"
    for order in (("JSON lines", second), (second, "JSON lines")):
        log.write_bytes(halves(*order))
        for literal in (RECORDED[3][50:86], RECORDED[-3][50:86]):
            hits = numbered(list(candidates(find_logs([str(log)]).files, [literal])))
            assert {line for line in RECORDED if literal in line} <= {hit.text for hit in hits}


@pytest.mark.parametrize("first", ["the output of a server", "RFC 3164", "Fluent Bit", "AKS", "CRI", "docker"])
@pytest.mark.parametrize("write", [cri, docker])
def test_events_in_parts_are_found_in_a_large_file_in_another_shape(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, write: Callable[[Sequence[bytes], int], bytes]
) -> None:
    monkeypatch.setattr(search, "CHECK_BELOW_BYTES", -1)
    log = tmp_path / "audit.log"
    log.write_bytes(SAME[first](RECORDED[:30]) + write(RECORDED[30:], 600))
    for line in RECORDED[30:]:
        hits = list(candidates(find_logs([str(log)]).files, [line[50:86]]))
        assert [hit.text for hit in hits] == [one for one in RECORDED if line[50:86] in one]


@pytest.mark.parametrize("first", ["pretty", "pretty array", "pretty EventList", "array of lines", "EventList"])
@pytest.mark.parametrize("second", ["", "pretty", "JSON lines", "CRI", "damage"])
def test_lines_of_large_documents_are_numbered_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, second: str
) -> None:
    log = tmp_path / "audit.log"
    events = RECORDED * 25  # several blocks
    behind = SAME[second](RECORDED) if second in SHAPES else b"{\n" if second else b""
    for whole in (SAME[first](events) + behind, SAME[first](events).rstrip() + b"\n\n" + behind.rstrip()):
        log.write_bytes(whole)
        files = find_logs([str(log)]).files
        counted = list(candidates(files, [b"auditID"]))
        assert min(hit.line for hit in counted) > 0
        with monkeypatch.context() as patched:
            patched.setattr(search, "CHECK_BELOW_BYTES", -1)
            hits = list(candidates(files, [b"auditID"]))
        assert {hit.line for hit in hits} == {0}
        assert [(hit.line, hit.text) for hit in numbered(hits)] == [(hit.line, hit.text) for hit in counted]


def test_a_record_may_hold_lines_of_another_shape_and_line_breaks(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    header = "May  1 10:00:00 cp1 kube-apiserver[1]: "
    said = [f"{header}a\nb {{", header + RECORDED[0].decode(), f"{header}\n\n{{", header + RECORDED[1].decode()]
    log.write_bytes(joined([json.dumps({"log": f"{one}\n", "stream": "stdout"}).encode() for one in said]))
    lines, _ = found(log)
    assert lines == RECORDED[:2]
    hits = list(candidates(find_logs([str(log)]).files, [b"auditID"]))
    assert [hit.line for hit in hits] == [2, 4]


def test_stats_says_all_shapes_of_a_file(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(cri(RECORDED[:30]) + docker(RECORDED[30:]))
    main(["stats", "--log", str(log), "-o", "json"])
    (item,) = document(capfd.readouterr().out)["items"]
    assert [one["shape"] for one in item["shapes"]] == [f"{CRI} and {DOCKER}"]
    assert item["damaged"] == 0


@pytest.mark.parametrize("words", [b"2026-05-01T10:00:00Z stderr F I0501 10:00:00.1 1 x.go:4] words\n", b"words\n"])
@pytest.mark.parametrize("size", [1 << 14, 1 << 15, 1 << 16])
def test_many_other_lines_before_parts_of_events_that_span_blocks(tmp_path: Path, words: bytes, size: int) -> None:
    """A server's own words before its first event fill more than is looked at of a file, or a block."""
    recorded = gzip.decompress(SCENARIO.read_bytes()).splitlines()
    log = tmp_path / "0.log"
    log.write_bytes(words * 400 + cri(recorded, 300))
    lines, tally = found(log, size)
    assert ids([line for line in lines if line != b"words"]) == ids(recorded)
    assert (tally.damaged, CRI in tally.shapes) == (0, True)


@pytest.mark.parametrize("end", [b"\n]\n", b"\n]", b"]", b""])
def test_the_last_elements_of_an_array_stay_in_order(tmp_path: Path, end: bytes) -> None:
    """The last of them looks like a JSON line: no comma follows. A block may begin with it."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"[\n" + b",\n".join(RECORDED) + end)
    for size in range(500, 3000, 37):
        assert found(log, size)[0] == RECORDED, size


@pytest.mark.parametrize("before", [b" ", b"\t", b"  "])
@pytest.mark.parametrize("most", [1 << 30, 400])
@pytest.mark.parametrize("odd", [b"", b"some other line\n", b"\n"])
def test_spaces_before_a_line_of_a_container_are_not_of_the_line(
    tmp_path: Path, before: bytes, most: int, odd: bytes
) -> None:
    """Whatever its neighbours are, be it a whole event, the first part of one or the last."""
    log = tmp_path / "audit.log"
    head, event = b"2026-05-01T10:00:00.123456789Z stdout ", RECORDED[20]
    first, last = head + b"P " + event[:-100] + b"\n", head + b"F " + event[-100:] + b"\n"
    for lines in (before + head + b"F " + event + b"\n", before + first + last, first + before + last):
        log.write_bytes(b"".join([cri(RECORDED[:20], most), odd, lines, cri(RECORDED[21:], most)]))
        assert found(log)[0] == RECORDED
