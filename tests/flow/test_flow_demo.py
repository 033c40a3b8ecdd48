"""`kaudit-setup demo`: a newcomer's first minute."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from documentkit import only
from flowkit import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The tool without a node: the demo starts its own, in a temporary folder that nobody else uses."""
    made = Cli(None, tmp_path)
    made.environment["TMPDIR"] = str(tmp_path)
    return made


def leftovers(folder: Path) -> set[str]:
    return {p.name for p in folder.glob("kaudit-sandbox-*")}


def test_the_demo_tells_the_whole_story(cli: Cli) -> None:
    done = cli("demo", "-o", "json")
    assert done.code == 0, done
    told = only(done.out)
    assert told["simulated"] is True
    ends = [(c["command"].split()[1], c["exitCode"]) for c in told["commands"]]
    assert [e for e in ends if e[0] != "sandbox"] == [
        ("enable", 3),
        ("enable", 0),
        ("enable", 0),
        ("status", 0),
        ("who", 0),
        ("rollback", 0),
        ("status", 1),
    ]
    (answer,) = [c["output"] for c in told["commands"] if " who " in c["command"]]
    assert "foobar" in answer
    assert "kubernetes-admin" in answer


@pytest.mark.slow
def test_a_demo_that_stays_shows_what_was_typed_and_leaves_nothing_when_interrupted(cli: Cli, tmp_path: Path) -> None:
    with cli.start("demo", "--stay") as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if "The node stays until Ctrl-C" in line:
                break
        assert leftovers(tmp_path)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    assert running.returncode == 0
    assert not leftovers(tmp_path)
    assert "SIMULATED" in said[0]
    out = "".join(said)
    assert "$ kaudit-setup enable --policy metadata --host sandbox --dry-run" in out
    assert "$ kaudit-setup who created pod/my-suspicious-pod --host sandbox" in out
    assert "\x1b" not in out
