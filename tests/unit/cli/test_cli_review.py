"""The review: what is alike stands there once, and the summary is the last thing before the question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from folderkit import MANIFEST
from logkit import event, write
from reviewkit import folders

from kaudit_setup.change.forecast import growth
from kaudit_setup.cli import main
from kaudit_setup.node.peers import Address
from kaudit_setup.node.requests import RequestCount, RequestsSeen
from kaudit_setup.report.quantities import size

ENABLE = ("enable", "--policy", "forensics", "--dry-run")


def reviewed(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    assert main([*argv, "--color", "never"]) == 3
    return capsys.readouterr().out.splitlines()


def test_four_nodes_that_are_alike_are_one_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, monkeypatch, 4)
    lines = reviewed(capsys, *ENABLE)
    assert "cp1, cp2, cp3, cp4: enable" in lines
    assert sum("+    - --audit-log-path=" in line for line in lines) == 1
    assert sum("REFUSED server-down" in line for line in lines) == 1
    assert len(lines) < 75


def test_a_node_that_differs_has_a_difference_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = folders(tmp_path, monkeypatch, 3)[1] / MANIFEST
    odd.write_text(
        odd.read_text().replace("    - --tls-cert-file", "    - --audit-log-maxage=7\n    - --tls-cert-file")
    )
    lines = reviewed(capsys, *ENABLE, "--log-maxage", "30")
    assert "cp1, cp3: enable" in lines
    assert "cp2: enable" in lines
    assert sum("+    - --audit-log-path=" in line for line in lines) == 2


def test_the_summary_stands_last_and_says_what_it_costs_and_what_undoes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, monkeypatch, 2)
    lines = reviewed(capsys, *ENABLE)
    last = " ".join(" ".join(lines[lines.index("Summary:") :]).split())
    for said in (
        "enable on 2 nodes: cp1, cp2",
        "kube-apiserver restarts, in each cluster on one node at a time",
        "at most 1.1 GiB on each node",
        "`kaudit-setup rollback` restores every file",
    ):
        assert said in last


def test_the_rate_of_a_log_that_is_there_tells_what_a_day_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root,) = folders(tmp_path, monkeypatch, 1)
    log = write(root / "var/log/kubernetes/audit/audit.log", *[event(minute * 60) for minute in range(11)])
    said = f"about {size(log.stat().st_size / 600 * 86400)} a day"
    assert said in " ".join(reviewed(capsys, *ENABLE))


COUNTED = RequestsSeen(
    86400.0,
    (
        RequestCount(864_000, 0, "PUT", "coordination.k8s.io", "leases", "", "resource"),
        RequestCount(86_400, 0, "GET", "", "", "/readyz", ""),
    ),
)


def running(root: Path, monkeypatch: pytest.MonkeyPatch, seen: RequestsSeen) -> list[Address]:
    """A kube-apiserver in that folder, which has counted this; the addresses at which it is asked."""
    process = root / "proc/7"
    process.mkdir(parents=True)
    (process / "cmdline").write_bytes(b"kube-apiserver\0")
    (process / "stat").write_text(f"7 (kube-apiserver) S {' '.join(['1'] * 40)}\n")
    asked: list[Address] = []

    def ask(_node: object, at: Address) -> RequestsSeen:
        asked.append(at)
        return seen

    monkeypatch.setattr(growth, "ask_requests", ask)
    return asked


def test_what_a_day_takes_is_foretold_from_the_servers_own_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root,) = folders(tmp_path, monkeypatch, 1)
    asked = running(root, monkeypatch, COUNTED)
    last = " ".join(" ".join(reviewed(capsys, "enable", "--policy", "metadata", "--dry-run")).split())
    a_day = size(864_000 * 1080 + 86_400 * 820)
    assert f"about {a_day} a day" in last
    assert "made from 11 requests a second (counted by this API server for 24 h)" in last
    assert "(100 % Metadata)" in last
    assert "at most 1.1 GiB on the node" in last
    assert asked == [Address("192.0.2.11", 6443)]
    assert main(["enable", "--policy", "metadata", "--dry-run", "-o", "json"]) == 3
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["expectedLog"]["bytesPerDay"] == 864_000 * 1080 + 86_400 * 820
    assert item["expectedLog"]["levels"] == {"Metadata": 1.0}
    assert item["expectedLog"]["countedSeconds"] == 86400


def test_why_the_requests_are_not_known_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root,) = folders(tmp_path, monkeypatch, 1)
    running(root, monkeypatch, RequestsSeen(why="no credential there may read the metrics"))
    last = " ".join(" ".join(reviewed(capsys, *ENABLE)).split())
    assert "how much a day is not known before it runs (no credential there may read the metrics)" in last


def test_nobody_is_asked_where_nobody_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --yes there is no review, and where nothing changes nothing is to be foretold."""
    (root,) = folders(tmp_path, monkeypatch, 1)
    asked = running(root, monkeypatch, COUNTED)
    main(["disable", "--dry-run"])
    main(["enable", "--policy", "metadata", "--yes"])
    assert not asked
    capsys.readouterr()


@pytest.mark.parametrize(
    ("form", "policy", "flags"), [("full", True, True), ("short", False, True), ("none", False, False)]
)
def test_how_much_is_shown_is_as_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: str,
    policy: bool,
    flags: bool,
) -> None:
    folders(tmp_path, monkeypatch, 1)
    text = "\n".join(reviewed(capsys, *ENABLE, "--diff", form))
    assert ("+apiVersion: audit.k8s.io/v1" in text, "+    - --audit-log-path=" in text) == (policy, flags)
    assert "preset forensics" in text
    assert "Summary:" in text


def test_the_rate_of_another_policy_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root,) = folders(tmp_path, monkeypatch, 1)
    running(root, monkeypatch, RequestsSeen(why="nobody may read the metrics"))
    write(root / "var/log/kubernetes/audit/audit.log", *[event(minute * 60) for minute in range(11)])
    last = " ".join(" ".join(reviewed(capsys, *ENABLE)).split())
    assert (
        "at the rate of the log that is there now, which another policy writes (nobody may read the metrics)" in last
    )
