"""Every recording gives the same answers from each store as from its file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from logkit import DATA, PROBES, SCENARIO, logged

from kaudit_setup.cli import main

RECORDED = [
    PROBES,
    DATA / "audit-1.36.2.jsonl.gz",
    SCENARIO,
    *sorted((DATA.parent / "scenarios").glob("*.jsonl.gz")),
]
Said = tuple[int, str]
_of_the_file: dict[tuple[str, ...], Said] = {}


def said(capfd: pytest.CaptureFixture[str], question: list[str], log: str | Path) -> Said:
    code = main([*question, "--log", str(log)])
    return code, capfd.readouterr().out


@cache
def questions(recorded: Path) -> list[list[str]]:
    """Some of each command, about what is in the recording."""
    events = logged(recorded)
    middle = events[len(events) // 2]
    made = [event["objectRef"] for event in events if event.get("verb") == "create" and _named(event)]
    ref = made[len(made) // 2]
    pod = next(one for one in [*made, ref] if one["resource"] == "pods" or one is ref)
    user = middle["user"]["username"]
    return [
        ["stats", "-o", "json"],
        ["top", "-o", "json", "--by", "user,verb,resource,code,node"],
        ["top", "-o", "json", "--by", "path,ip,agent,group,level", "--verb", "!watch", "--limit", "40"],
        [
            "top",
            "-o",
            "json",
            "--by",
            "impersonator,decision",
            "--resource",
            "p*",
            "--since",
            middle["stageTimestamp"],
        ],
        ["events", "-o", "json", "--user", user, "--limit", "200"],
        ["events", "-o", "json", "--name", f"{ref['name'][:4]}*", "--stage", "ResponseComplete"],
        ["events", "-o", "raw", "--resource", ref["resource"], "--code", "2*", "--until", middle["stageTimestamp"]],
        ["estimate", "-o", "json", "metadata", "--since", middle["stageTimestamp"]],
        ["policy", "suggest", "-o", "json", "--until", middle["stageTimestamp"]],
        ["who", "-o", "json", "created", f"{pod['resource']}/{pod['name']}", "-n", pod.get("namespace", "default")],
        ["who", "-o", "json", "touched", f"{ref['resource']}/{ref['name']}", "-n", ref.get("namespace", "default")],
    ]


def _named(event: dict[str, Any]) -> bool:
    return bool(event.get("objectRef", {}).get("name")) and event["stage"] == "ResponseComplete"


@pytest.mark.slow
@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.parent.name[:8] + path.name.partition(".")[0])
def test_a_store_answers_like_the_file(store: str, recorded: Path, capfd: pytest.CaptureFixture[str]) -> None:
    packed = f"{store}{RECORDED.index(recorded)}"
    assert main(["pack", "--log", str(recorded), "--to", packed]) == 0
    capfd.readouterr()
    asked = questions(recorded)
    # what differs from a folder is how objects are read, and boto3 takes its time for each command
    for question in asked[1::3] if packed.startswith("s3:") else asked:
        key = (str(recorded), *question)
        if key not in _of_the_file:
            _of_the_file[key] = said(capfd, question, recorded)
        assert said(capfd, question, packed) == _of_the_file[key], question
