"""What the tables of nodes and backups say, and how a node that could not be asked is told from a failed check."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from documentkit import items
from folderkit import MANIFEST
from reviewkit import folders

from kaudit_setup.cli import main
from kaudit_setup.compliance.node import unreachable
from kaudit_setup.compliance.verdict import Verdict
from kaudit_setup.report.check import as_items, as_junit, as_text


def test_a_backup_says_what_it_restores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / MANIFEST).parent.mkdir(parents=True)
    (tmp_path / MANIFEST).write_text(
        (Path(__file__).parents[2] / "data/samples/kube-apiserver-1.36.2.yaml").read_text()
    )
    for command in (["enable", "--policy", "metadata"], ["disable"]):
        assert main([*command, "--root", str(tmp_path), "--yes"]) == 0
    capsys.readouterr()
    assert main(["backups", "list", "--root", str(tmp_path)]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert "auditing off" in first
    assert "auditing on, policy metadata" in second
    main(["backups", "list", "--root", str(tmp_path), "-o", "json"])
    assert [one["restores"] for one in items(capsys.readouterr().out)] == ["off", "on"]


def test_status_explains_its_columns_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, monkeypatch, 2)
    main(["status"])
    assert "whether `kubeadm upgrade` keeps" not in capsys.readouterr().out
    main(["status", "-v"])
    out = capsys.readouterr().out
    for column in ("DIFFERS", "RESTART", "SURVIVES UPGRADE"):
        assert f"\n{column}  " in out


def test_a_node_that_could_not_be_asked_is_an_error_and_not_a_failure() -> None:
    found = {"cp1": unreachable("no route to host"), "cp2": (Verdict("1.2.16", "a log", False, "none", "enable"),)}
    text = as_text(found, colour=False)
    assert text.count("  ERROR ") == len(found["cp1"])
    assert text.count("  FAIL ") == 1
    assert {one.result for one in as_items(found)} == {"error", "fail"}
    root = ElementTree.fromstring(as_junit(found))
    assert (root.attrib["failures"], root.attrib["errors"]) == ("1", str(len(found["cp1"])))
    assert len(root.findall(".//error")) == len(found["cp1"])
