"""`top`: events and bytes by dimensions, in bounded memory."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from logkit import SCENARIO, answer, event, write

from kaudit_setup.cli import main


def test_top_tells_how_much_is_not_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1), event(2), *[event(n, verb=f"v{n}") for n in range(3)])
    args = ["top", "--by", "verb", "--log", log, "--limit", "2"]
    got = answer(capfd, *args, "-o", "json")
    assert got["others"]["events"] == 2
    assert got["others"]["bytes"] == got["total"]["bytes"] - sum(row["bytes"] for row in got["rows"])
    assert "2 events" in answer(capfd, *args)


def test_top_counts_lines_and_bytes(capfd: pytest.CaptureFixture[str]) -> None:
    lines = gzip.decompress(SCENARIO.read_bytes()).splitlines(keepends=True)
    events, size = Counter(), Counter()
    for text in lines:
        e = json.loads(text)
        key = (
            (e.get("impersonatedUser") or e["user"]).get("username", ""),
            e["verb"],
            e.get("objectRef", {}).get("resource", ""),
        )
        if "subresource" in e.get("objectRef", {}):
            key = (*key[:2], f"{key[2]}/{e['objectRef']['subresource']}")
        events[key] += 1
        size[key] += len(text)
    got = answer(capfd, "top", "--by", "user,verb,resource", "--limit", "100000", "-o", "json", "--log", SCENARIO)
    rows = {(r["user"], r["verb"], r["resource"]): (r["events"], r["bytes"]) for r in got["rows"]}
    assert rows == {key: (events[key], size[key]) for key in events}
    assert got["total"]["events"] == len(lines)
    assert got["total"]["bytes"] == sum(map(len, lines))
    assert got["rows"][0]["bytes"] == max(size.values())
    assert got["rows"][0]["eventsPerSecond"] == pytest.approx(
        got["rows"][0]["events"] / got["total"]["seconds"], rel=0.01
    )


def test_top_filters_and_other_dimensions(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    got = answer(capfd, "top", "--by", "code", "-o", "json", "--log", SCENARIO, "--decision", "forbid")
    assert [r["code"] for r in got["rows"]] == ["403"]
    write(tmp_path / "cp1/audit.log", event(1), event(2))
    write(tmp_path / "cp2/audit.log", event(3))
    got = answer(capfd, "top", "--by", "node,source-ip,path,level", "-o", "json", "--log", tmp_path)
    assert [(r["node"], r["ip"], r["events"]) for r in got["rows"]] == [
        ("cp1", "10.0.0.1", 2),
        ("cp2", "10.0.0.1", 1),
    ]
    assert main(["top", "--by", "user,colour", "--log", str(tmp_path)]) == 2


def test_memory_is_bounded_by_groups(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from kaudit_setup.auditlog.reports import top

    monkeypatch.setattr(top, "_MOST_GROUPS", 10)
    path = write(tmp_path / "audit.log", *[event(n, objectRef={"name": f"n{n}"}) for n in range(100)])
    got = answer(capfd, "top", "--by", "name", "--log", path, "-o", "json", "--limit", "1000")
    assert len(got["rows"]) <= 10
    assert sum(r["events"] for r in got["rows"]) + got["others"]["events"] == got["total"]["events"] == 100
    assert got["rare"] == got["others"], "all that has no row is rare"
    assert got["total"]["groups"] == len(got["rows"])
    args = ["top", "--by", "name", "--log", path]
    rare, kept = got["rare"]["events"], got["total"]["groups"]
    text = answer(capfd, *args)
    assert f", more than {kept} groups\n{rare} events (" in text
    assert "--limit" not in text, "it would show no more"
    assert f"\n{kept - 1} events (" in answer(capfd, *args, "--limit", "1")
    monkeypatch.undo()
    assert answer(capfd, *args, "-o", "json")["rare"] == {"events": 0, "bytes": 0}
    assert ", 100 groups\n" in answer(capfd, *args)
