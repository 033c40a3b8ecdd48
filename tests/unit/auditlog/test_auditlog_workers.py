"""All cores at work on one log."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from logkit import SCENARIO, logged


def test_workers_and_one_process_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.decompress(SCENARIO.read_bytes()) * 10
    (tmp_path / "audit.log").write_bytes(whole)
    script = (
        "import sys; from kaudit_setup.auditlog import reader\n"
        "from kaudit_setup.auditlog.scanning import workers; reader.plan.__defaults__ = (1 << 20,)\n"
        "workers.SMALL_BYTES = int(sys.argv[1])\nfrom kaudit_setup.cli import main\nmain(sys.argv[2:])"
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
        "import os, sys; from kaudit_setup.auditlog import find, reader\n"
        "from kaudit_setup.auditlog.scanning import workers\n"
        "def work(unit, tally):\n    os._exit(9)\n    yield 1\n"
        "logs = find.find_logs([sys.argv[1]]).files\n"
        "try:\n    list(workers.spread(reader.plan(logs, 100_000), work, 2))\nexcept Exception as e:\n    print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "a worker died" in done.stdout
