"""Logs on a node, searched and fetched in each way that a node is reached."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from kaudit_setup.auditlog.sources.collecting.collect import collect
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script
from kaudit_setup.sandbox import Sandbox

SCRIPT = script("lib") + script("logs")
WHERE = "/srv/contract-logs"


def line(n: int) -> bytes:
    moment = f"2026-11-23T10:{n // 60:02}:{n % 60:02}.000000Z"
    noise = "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=700))
    name = "needle" if n % 100 == 0 else "hay"
    event = {"auditID": f"id-{n}", "stage": "ResponseComplete", "requestURI": noise, "objectRef": {"name": name}}
    return json.dumps({**event, "stageTimestamp": moment}, separators=(",", ":")).encode()


@pytest.fixture
def log(sandbox: Sandbox) -> bytes:
    folder = sandbox.root / WHERE.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    whole = b"".join(line(n) + b"\n" for n in range(3000))
    (folder / "audit.log").write_bytes(whole)
    return whole


def test_only_matching_lines_cross_the_network(node: Node, log: bytes) -> None:
    logs = RemoteLogs([node], SCRIPT, [WHERE])
    hits = list(logs.candidates([b'"needle"']))
    assert [hit.line for hit in hits] == list(range(1, 3000, 100))
    assert [hit.text for hit in hits] == [line(n) for n in range(0, 3000, 100)]
    assert logs.moved <= 2 * sum(len(hit.text) + 1 for hit in hits)
    (cover,) = logs.coverage()
    assert (cover.lines, cover.files, cover.damaged) == (3000, 1, 0)
    assert (cover.first[11:19], cover.last[11:19]) == ("10:00:00", "10:49:59")


def test_a_log_arrives_as_it_is(node: Node, log: bytes, tmp_path: Path) -> None:
    seen = []
    done = collect([node], SCRIPT, [WHERE], tmp_path, lambda *told: seen.append(told))
    (entry,) = done.entries
    assert (tmp_path / entry.file).read_bytes() == log
    assert done.moved < len(log)
    assert seen[-1][2:] == (len(log), len(log))
