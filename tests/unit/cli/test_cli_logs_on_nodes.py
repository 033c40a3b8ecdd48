"""Logs on nodes, searched where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from logkit import answer, event, ids, write

from kaudit_setup.node.local import LocalNode


def test_hosts_are_searched_and_merged(capfd: pytest.CaptureFixture[str], nodes: list[LocalNode]) -> None:
    assert sorted(ids(capfd, "--host", "cp1", "--host", "cp2", "--since", "2026-11-23T16:02:30Z")) == sorted(
        [f"cp1-{i}" for i in range(75, 90)] + [f"cp2-{i}" for i in range(75, 90)]
    )
    got = answer(capfd, "top", "--by", "node", "--host", "cp1", "-o", "json")
    assert [r["events"] for r in got["rows"]] == [90, 90]


def test_a_long_request_is_found_on_the_nodes_as_it_is_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    asked = event(1800, auditID="exec", verb="create", stage="RequestReceived")
    ended = event(1800, auditID="exec", verb="create", stageTimestamp="2026-11-23T17:55:00.000000Z")
    write(folder / "audit-2026-11-23T16-45-00.000.log", asked, event(301))
    write(folder / "audit-2026-11-23T17-50-00.000.log", event(2701))
    write(folder / "audit.log", ended, event(2702))
    query = ("events", "-o", "json", "--verb", "create", "--until", "2026-11-23T16:40:00Z")
    here = answer(capfd, *query, "--log", folder)
    there = answer(capfd, *query, "--host", "cp1")
    assert [e["stage"] for e in here] == [e["stage"] for e in there] == ["ResponseComplete"]


def test_logs_of_several_folders_on_a_node_have_windows_of_their_own(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    late, early = "var/log/a", "var/log/b"
    write(tmp_path / f"cp1/{late}/audit-2026-11-23T23-00-00.000.log", event(3000))
    write(tmp_path / f"cp1/{early}/audit-2026-11-23T16-45-00.000.log", event(1))
    paths = ("--log", f"/{late}/audit-2026-11-23T23-00-00.000.log", "--log", f"/{early}")
    found = ids(capfd, "--host", "cp1", *paths, "--until", "2026-11-23T16:10:00Z")
    assert found == ["id-1"]
