"""Every recording gives the same answers from a store as from its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from logkit import DATA, PROBES, SCENARIO, logged

from kaudit_setup.cli import main

pytest.importorskip("chdb")

RECORDED = [
    PROBES,
    DATA / "audit-1.36.2.jsonl.gz",
    SCENARIO,
    *sorted((DATA.parent / "scenarios").glob("*.jsonl.gz")),
]


def said(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str]:
    code = main([str(arg) for arg in args])
    return code, capfd.readouterr().out


def questions(recorded: Path) -> list[list[str]]:
    """A few of each command, about what is in the recording."""
    events = logged(recorded)
    made = [
        event["objectRef"]
        for event in events
        if event.get("verb") == "create" and event.get("objectRef", {}).get("name") and event["stage"][-1] == "e"
    ]
    ref = made[len(made) // 2]
    pods = [one for one in made if one["resource"] == "pods" and "subresource" not in one]
    user = events[len(events) // 2]["user"]["username"]
    middle = events[len(events) // 2]["stageTimestamp"]
    return [
        ["stats"],
        ["top", "--by", "user,verb,resource,code"],
        ["top", "--by", "path,ip,agent,group,level", "--verb", "!watch", "--limit", "40"],
        ["top", "--by", "node,impersonator,decision", "--resource", "p*", "--since", middle],
        ["events", "--user", user, "--limit", "200"],
        ["events", "--resource", ref["resource"], "--code", "2*", "--until", middle],
        ["events", "--name", f"{ref['name'][:4]}*", "--stage", "ResponseComplete"],
        ["estimate", "metadata", "forensics", "--since", middle],
        ["who", "touched", "--user", user],
        ["who", "created", f"{ref['resource']}/{ref['name']}", "-n", ref.get("namespace", "default")],
        *(
            ["who", verb, f"pod/{one['name']}", "-n", one["namespace"]]
            for one in pods[:2]
            for verb in ("created", "deleted")
        ),
    ]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.parent.name[:8] + path.name.partition(".")[0])
def test_an_archive_answers_like_the_file(recorded: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "archive"
    assert main(["pack", "--log", str(recorded), "--to", str(archive)]) == 0
    capfd.readouterr()
    for question in questions(recorded):
        told = [said(capfd, *question, "-o", "json", "--log", log) for log in (recorded, archive)]
        assert told[0] == told[1], question
    lines = [said(capfd, "events", "-o", "raw", "--log", log) for log in (recorded, archive)]
    assert lines[0] == lines[1]
    assert json.loads(said(capfd, "stats", "-o", "json", "--log", archive)[1])
