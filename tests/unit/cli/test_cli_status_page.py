"""`status --html`: control planes as one file, whole, private and harmless."""

from __future__ import annotations

import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pagekit import Parts
from reviewkit import folders
from statuskit import status

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.fleet.drift import Difference
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.page.nodes import status_page

NOW = datetime(2026, 11, 30, 11, 0, 3, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"


def test_the_page_is_written_beside_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, monkeypatch, 2)
    page = tmp_path / "page.html"
    assert main(["status", "--html", str(page)]) == Exit.FAILED
    table, text = capsys.readouterr().out, page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert len(text) < 1_000_000
    for name in re.findall(r"(?m)^(\S+) +\S+ +off", table):
        assert f"<strong>{name}</strong>" in text
    # programs find in it what -o json prints
    document = json.loads(Parts(text).texts["script"][0])
    assert (document["kind"], len(document["items"])) == ("NodeStatus", 2)


def test_without_a_name_it_is_status_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(tmp_path, monkeypatch, 1)
    monkeypatch.chdir(tmp_path)
    main(["status", "--html"])
    assert (tmp_path / "status.html").exists()
    (tmp_path / "status.html").unlink()
    main(["status", "--html", "-o", "json"])
    assert (tmp_path / "status.html").exists()


def test_a_folder_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, monkeypatch, 1)
    assert main(["status", "--html", str(tmp_path / "none/page.html")]) == Exit.USAGE
    assert "--html" in capsys.readouterr().err


def test_a_node_has_all_that_the_table_says_of_it() -> None:
    why = "ConfigMap kube-system/kubeadm-config does not have these settings"
    row = Row(
        "cp2",
        "production",
        "ca",
        status("restart-pending", restart_pending=True, persisted=False, persisted_why=why, remarks=("look here",)),
        (Difference("audit-log-maxage", "7", "30"),),
    )
    parts = Parts(status_page([row], NOW))
    said = " ".join([*parts.texts["td"], *parts.texts["span"], *parts.texts["strong"], *parts.texts["li"]])
    for wanted in ("restart-pending", "metadata", "pending", "5s before", "700 MiB", "52 h", "look here", why):
        assert wanted in said
    assert "differs: --audit-log-maxage=7 (others: 30)" in parts.texts["li"]
    assert "2026-11-30 11:00:03" in parts.texts["p"][0]


def test_clusters_stand_apart_and_those_that_did_not_answer_last() -> None:
    rows = [
        Row("a1", unreachable="no route to host"),
        Row("b1", "blue", "ca1", status()),
        Row("c1", "green", "ca2", status("off")),
        Row("b2", "blue", "ca1", status()),
    ]
    parts = Parts(status_page(rows, NOW))
    assert [text.strip() for text in parts.texts["h2"]][:3] == ["blue", "green", "Did not answer"]
    assert [text for text in parts.texts["strong"] if text in {"a1", "b1", "c1", "b2"}] == ["b1", "b2", "c1", "a1"]
    assert "no route to host" in parts.texts["li"]


def test_what_a_stranger_wrote_stays_text() -> None:
    row = Row(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        status("on", host=HOSTILE, remarks=(HOSTILE,), flags={HOSTILE: HOSTILE}, journal={"by": HOSTILE}),
        (Difference(HOSTILE, HOSTILE, None),),
    )
    text = status_page([row, Row(HOSTILE, unreachable=HOSTILE)], NOW)
    parts = Parts(text)
    assert parts.loads == []
    assert "img" not in parts.texts
    assert len(parts.texts["script"]) == 3
    assert "\u202e" not in text
