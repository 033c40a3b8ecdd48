"""Records with lists of events are decoded and searched at once, and what is odd in them is seen all the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from logkit import SCENARIO
from shapekit import SAME, dump, text

from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import candidates

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:800]
NAME = b'"name":"my-suspicious-pod"'
SHAPES = ["subscription", "Loki", "get-log-events", "filter-log-events", "AKS records"]


def pushes(shape: str) -> list[bytes]:
    """Several records of a shape, a line each."""
    return [SAME[shape](RECORDED[at : at + 10]).strip() for at in range(0, len(RECORDED), 10)]


def asked(log: Path, *literals: bytes) -> tuple[list[tuple[int, bytes]], Tally]:
    tallies: dict[str, Tally] = {}
    found = [(hit.line, hit.text) for hit in candidates(find_logs([str(log)]).files, literals, tallies=tallies)]
    return found, next(iter(tallies.values()))


@pytest.mark.parametrize("shape", ["EventLists", "subscription", "Loki"])
@pytest.mark.parametrize("repeated", [1, 30])
def test_a_hit_is_in_its_line_and_all_events_are_counted(tmp_path: Path, shape: str, repeated: int) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(pushes(shape) * repeated) + b"\n")
    every, _ = asked(log)
    wanted = [hit for hit in every if NAME in hit[1]]
    found, tally = asked(log, NAME)
    assert wanted
    assert found == wanted
    assert tally.events == len(RECORDED) * repeated


@pytest.mark.parametrize("large", [False, True])
def test_another_sender_in_a_list_is_left_out(tmp_path: Path, large: bool) -> None:
    """Also behind lines from which the reader has learned what is usual."""
    lines = pushes("Loki") * (30 if large else 1)
    dex = {"container": "dex", "namespace": "auth", "pod": "dex-1"}
    values = [["1777629600000000000", text(line)] for line in RECORDED[:4]]
    push = {"streams": [{"stream": {"job": "audit"}, "values": values}, {"stream": dex, "values": values}]}
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join([*lines, dump(push), *lines]) + b"\n")
    for _, tally in [asked(log, NAME), asked(log)]:
        assert tally.events == 2 * len(lines) * 10 + 4
        assert list(tally.others) == ["pod auth/dex-1, container dex"]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_that_was_cut_in_a_list_is_damage(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    half = RECORDED[5][:-40]
    whole = SAME[shape]([*RECORDED[:30], b"HALF", *RECORDED[30:60]])
    log.write_bytes(whole.replace(b"HALF", json.dumps(half.decode())[1:-1].encode()))
    for _, tally in [asked(log, NAME), asked(log)]:
        assert (tally.events, tally.damaged) == (60, 1)
