"""A file in another shape is cut between its events, so that each core reads a part of it; the answers stay."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import pytest
from logkit import SCENARIO
from shapekit import SAME, Writer, cri, dump, journal

from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.reader import Unit, plan
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import spread

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:800]
DECODER = project({"audit_id"})
SHAPES: dict[str, Writer] = {
    **SAME,
    "CRI in large parts": partial(cri, most=700),
}


def events(units: list[Unit]) -> tuple[list[tuple[int, str]], Tally]:
    found: list[tuple[int, str]] = []
    whole = Tally()
    for unit in units:
        tally = Tally()
        for lines in decode_unit(unit, tally, DECODER):
            found += [
                (whole.lines + lines.number(at), event.audit_id) for at, event in enumerate(lines.events) if event
            ]
        whole.add(tally)
        if tally.overran:
            break  # the parts behind it are not read
    return sorted(found), whole


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_hold_what_the_file_holds(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(SHAPES[shape](RECORDED))
    (file,) = find_logs([str(log)]).files
    wanted, whole = events([Unit(0, file)])
    assert len(wanted) == len(RECORDED)
    for size in (20_000, 23_456, 100_001):
        units = plan([file], size)
        assert len(units) > 1
        found, tally = events(units)
        assert found == wanted, size
        assert (tally.lines, tally.events, tally.damaged) == (whole.lines, whole.events, whole.damaged)
        assert tally.first, tally.last == (whole.first, whole.last)


def test_a_part_never_begins_inside_of_an_event(tmp_path: Path) -> None:
    """An event of several parts, among which another stream speaks, over the place at which a file would be cut."""
    log = tmp_path / "audit.log"
    large = RECORDED[0].replace(b'"verb"', b'"x":"' + b"y" * 60_000 + b'","verb"')
    log.write_bytes(cri([*RECORDED[:20], large, *RECORDED[20:]], most=1000))
    (file,) = find_logs([str(log)]).files
    wanted, _ = events([Unit(0, file)])
    found, tally = events(plan([file], 30_000))
    assert found == wanted
    assert tally.damaged == 0


@pytest.mark.parametrize("shape", ["array", "EventList", "get-log-events"])
@pytest.mark.parametrize("first", [[], [{}], [1, {"a": 1}], ["},"]])
def test_what_a_client_sent_is_no_place_to_cut_at(tmp_path: Path, shape: str, first: list[object]) -> None:
    """A large body is a list of what looks like events, and no element of the document ends for a whole part."""
    inner = [json.loads(line) for line in RECORDED[:80]]
    large = {**json.loads(RECORDED[0]), "requestObject": [*first, *inner]}
    lines = [*RECORDED[:30], dump(large), *RECORDED[30:]]
    log = tmp_path / "audit.log"
    log.write_bytes(SHAPES[shape](lines))
    (file,) = find_logs([str(log)]).files
    wanted = [(1, json.loads(line)["auditID"]) for line in lines]
    for size in (20_000, 33_000):
        units = plan([file], size)
        assert len(units) > 3
        found, tally = events(units)
        assert found == sorted(wanted), size
        assert tally.damaged == 0
        assert [part.overran for part in _tallies(units)].count(True) == (shape != "get-log-events")


def _tallies(units: list[Unit]) -> list[Tally]:
    return [
        part
        for _, part in spread(units, lambda unit, tally: decode_unit(unit, tally, DECODER), 0)
        if isinstance(part, Tally)
    ]


FORGED = journal(RECORDED[:40])


@pytest.mark.parametrize("size", [0, 10, 0x0A0A, len(FORGED)])
def test_a_part_of_a_journal_never_begins_inside_of_a_field(tmp_path: Path, size: int) -> None:
    """A client logs what looks like entries of kube-apiserver; lengths may look like line breaks, too."""
    log = tmp_path / "journal.export"
    forged = FORGED[:size].ljust(size, b"\n")
    entry = (
        b"__CURSOR=s=9\n_SYSTEMD_UNIT=cron.service\nMESSAGE\n" + size.to_bytes(8, "little") + forged + b"\n_PID=7\n\n"
    )
    log.write_bytes(b"".join(journal([line]) + entry for line in RECORDED[40:90]))
    (file,) = find_logs([str(log)]).files
    wanted, whole = events([Unit(0, file)])
    assert len(wanted) == 50
    for at in (3_000, 20_001):
        units = plan([file], at)
        found, tally = events(units)
        assert len(units) > 1
        assert found == wanted
        assert (tally.lines, tally.events, tally.damaged) == (whole.lines, whole.events, whole.damaged)


def test_a_byte_zero_in_the_text_of_a_journal_is_no_length(tmp_path: Path) -> None:
    log = tmp_path / "journal.export"
    log.write_bytes(journal(RECORDED[:1]) + b"MESSAGE=a\0b\n\n" + journal(RECORDED[1:]))
    (file,) = find_logs([str(log)]).files
    wanted, _ = events([Unit(0, file)])
    assert len(wanted) == len(RECORDED)
    assert events(plan([file], 20_000))[0] == wanted


@pytest.mark.parametrize(
    "shape", ["pretty", "pretty array", "pretty EventList", "array", "array of lines", "EventList"]
)
@pytest.mark.parametrize("odd", [{}, {"requestObject": [json.loads(line) for line in RECORDED[:3]]}, {"stage": 7}])
def test_spread_events_are_as_large_as_lines(tmp_path: Path, shape: str, odd: dict[str, object]) -> None:
    """Also beside one in whose body there are others, and beside one that does not decode."""
    lines = [*RECORDED[:9], dump({**json.loads(RECORDED[0]), **odd}), *RECORDED[9:20]]
    found = []
    for name in ("JSON lines", shape):
        log = tmp_path / f"{name}.log"
        log.write_bytes(SHAPES[shape](lines) if name == shape else b"\n".join([*lines, b""]))
        tally = Tally()
        (unit,) = plan(find_logs([str(log)]).files)
        decoded = [(one.events, one.sizes, one.texts) for one in decode_unit(unit, tally, DECODER)]
        rows = [row for parts in decoded for row in zip(*parts, strict=True)]
        found.append((rows, tally.events, tally.damaged))
    assert found[0] == found[1]
    assert len(found[0][0]) == len(lines)
