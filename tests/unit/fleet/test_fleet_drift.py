"""Differences between nodes, and the table that shows them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kaudit_setup.change.status import Status
from kaudit_setup.fleet.drift import Difference, differences
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.nodes.status import table


def test_what_most_have_is_usual() -> None:
    most = {"audit-log-maxage": "30", "policy": "aa"}
    found = differences([most, {**most, "audit-log-maxage": "7"}, most, {"policy": "bb", "audit-log-mode": "batch"}])
    assert [list(map(str, node)) for node in found] == [
        [],
        ["--audit-log-maxage=7 (others: 30)"],
        [],
        [
            "--audit-log-maxage is missing (others: 30)",
            "--audit-log-mode=batch (others: not set)",
            "policy=bb (others: aa)",
        ],
    ]


def test_of_two_the_first_is_usual() -> None:
    first, second = differences([{"a": "1"}, {"a": "2"}])
    assert (first, len(second)) == ((), 1)


@pytest.mark.parametrize("nodes", [[], [{"a": "1"}], [{"a": "1"}, {"a": "1"}]])
def test_alike(nodes: list[dict[str, str]]) -> None:
    assert not any(differences(nodes))


def test_one_line_a_node_and_hostile_names_are_harmless() -> None:
    writes = Status(
        host="cp1",
        state="on",
        remarks=(),
        flags={},
        version="1.36",
        policy_path="/etc/kubernetes/metadata",
        policy_sha256="a" * 64,
        log_path="/l",
        log_bytes=1,
        rate=2048.0,
        hours_kept=11.0,
        last_event="2026-11-23T19:00:00Z",
        backups=0,
        server="1",
        persisted=True,
    )
    pending = replace(writes, state="restart-pending", rate=None, persisted=False)
    rows = [
        Row("cp1", "prod", status=writes),
        Row("cp\x1b[2J", "prod", status=pending, differs=(Difference("x\n", "1", None),)),
    ]
    head, one, two, remark = table(rows).splitlines()
    assert head.split() == [
        "NODE",
        "CLUSTER",
        "AUDIT",
        "POLICY",
        "DIFFERS",
        "RESTART",
        "RATE",
        "KEPT",
        "LAST",
        "EVENT",
        "SURVIVES",
        "UPGRADE",
    ]
    for part in ("on", "metadata aaaaaaaa", "2.0 KiB/s", "11 h", "yes"):
        assert part in one
    assert re.search(r" \d+d ", one), "how long ago the last event was"
    assert two.endswith("no")
    assert "pending" in two
    assert "\x1b" not in two + remark
    assert one.index("prod") == two.index("prod")
    assert "\x1b[31m" in table(rows, colour=True).splitlines()[2]
