"""A node that dies in the middle of a rollout: its host, or only the way to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleetkit import Fleet, hosts, nodes
from flowkit import Before, until

from kaudit_setup.sandbox import Sandbox

# each waits until a node that says nothing is given up, and its watchdog has acted
pytestmark = pytest.mark.slow

NAMES = hosts("cp1 cp2 cp3")
ENABLE = ("enable", "--policy", "metadata", "--yes", "--timeout", "3", *NAMES)
GONE = "unreachable, not started"
PENDING = "unreachable (its watchdog restores it)"


@pytest.fixture
def fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    """Three nodes for this test alone."""
    with nodes(tmp_path, "cp1 cp2 cp3") as found:
        found.capture = capsys
        yield found


def finish(run: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = run.communicate(timeout=120)
    assert "Traceback" not in out + err
    return run.returncode, out, err


def power(box: Sandbox, state: str) -> None:
    box.misbehave(power=state)
    if state == "off":
        ready = box.folder / "apiserver.ready"
        box.wait(lambda: not ready.exists() and not list((box.root / "proc").iterdir()), "the node to be dead")


def unplug(box: Sandbox) -> None:
    """The node goes on, and nobody hears of it."""
    box.misbehave(refuse_logins=True)
    box.cut_connections()


def back_again(fleet: Fleet, *, done: str) -> None:
    """The same command finishes the job, and says what was done already."""
    for box in fleet.boxes:
        box.misbehave(power="on", refuse_logins=False, drain_seconds=0.1)
    for box in fleet.boxes:
        Before.of(box).works()
    ran = fleet.run(*ENABLE)
    assert ran.code == 0, ran.err
    assert done in ran.out
    assert fleet.audited == ["cp1", "cp2", "cp3"]
    assert "audit-policy-file" in fleet.stored()
    assert fleet.run("status", *NAMES).code == 0


@pytest.mark.parametrize(
    ("how", "options"), [("host", ()), ("network", ()), ("host", ("--all-or-nothing",))], ids="".join
)
def test_while_it_is_proved(fleet: Fleet, how: str, options: tuple[str, ...]) -> None:
    _, two, three = fleet.boxes
    before = [Before.of(box) for box in fleet.boxes]
    two.misbehave(drain_seconds=30)
    run = fleet.start(*ENABLE, *options)
    until(lambda: "cp2" in fleet.audited, "the new manifest of cp2", 60)
    two.misbehave(drain_seconds=0.1)
    if how == "host":
        power(two, "off")
    else:
        unplug(two)
    code, out, err = finish(run)
    assert code == 1, err
    first = "rolled back" if options else "changed"
    assert f"cp1 {first}, cp2 {PENDING}, cp3 not started" in out
    assert "error: cp2: " in err
    assert "cp2: cp2: " not in err
    assert "hint: while the node runs, its watchdog restores the old state within" in err
    assert "run the same command again" in err
    assert three.starts() == before[2].starts
    before[2].is_untouched()
    if options:
        before[0].is_old_and_works()
    else:
        before[0].is_new_and_works()
    assert "audit" not in fleet.stored()
    if how == "network":
        until(lambda: two.manifest.read_bytes() == before[1].manifest, "the watchdog", 60)
    # a host that was switched off comes back in the old state, too: what undoes the change survives a boot
    first = "changed" if options else "unchanged"
    back_again(fleet, done=f"cp1 {first}, cp2 changed, cp3 changed")


@pytest.mark.parametrize("after", [None, 40])
def test_while_it_is_looked_at(fleet: Fleet, after: int | None) -> None:
    before = [Before.of(box) for box in fleet.boxes]
    fleet.boxes[1].misbehave(drop_at_command=1, drop_after_bytes=after, refuse_logins=False)
    ran = fleet.run(*ENABLE)
    assert ran.code == 1
    assert "1 of 3 nodes cannot be used; nothing was changed anywhere" in ran.err
    assert "  | cp2: the connection broke" in ran.err
    for one in before:
        one.is_untouched()
    back_again(fleet, done="cp1 changed, cp2 changed, cp3 changed")


@pytest.mark.parametrize("options", [(), ("--all-or-nothing",)], ids="".join)
def test_between_the_look_and_its_change(fleet: Fleet, options: tuple[str, ...]) -> None:
    one, two, three = fleet.boxes
    before = [Before.of(box) for box in fleet.boxes]
    one.misbehave(drain_seconds=30)
    run = fleet.start(*ENABLE, *options)
    until(lambda: "cp1" in fleet.audited, "the new manifest of cp1", 60)
    power(two, "off")
    one.misbehave(drain_seconds=0.1)
    code, out, err = finish(run)
    assert code == 1, err
    assert f"cp1 {'rolled back' if options else 'changed'}, cp2 {GONE}, cp3 not started" in out
    assert "error: " in err
    assert "cp2" in err
    assert two.manifest.read_bytes() == before[1].manifest
    before[2].is_untouched()
    assert three.starts() == before[2].starts
    back_again(
        fleet, done="cp1 changed, cp2 changed, cp3 changed" if options else "cp1 unchanged, cp2 changed, cp3 changed"
    )


def test_a_later_node_that_dies_is_found_before_the_next_one_is_touched(fleet: Fleet) -> None:
    one, _, three = fleet.boxes
    before = Before.of(fleet.boxes[1])
    one.misbehave(drain_seconds=30)
    run = fleet.start(*ENABLE)
    until(lambda: "cp1" in fleet.audited, "the new manifest of cp1", 60)
    power(three, "off")
    one.misbehave(drain_seconds=0.1)
    code, out, err = finish(run)
    assert code == 1
    assert f"cp3 (127.0.0.1:{three.api_port}) of the same cluster is not ready, so cp2 was not started" in err
    assert "cp1 changed, cp2 not started, cp3 not started" in out
    before.is_untouched()
    back_again(fleet, done="cp1 unchanged, cp2 changed, cp3 changed")


def test_the_last_server_that_answers_is_not_restarted_to_take_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nodes(tmp_path, "cp1 cp2") as fleet:
        fleet.capture = capsys
        before = Before.of(fleet.boxes[0])
        fleet.boxes[1].misbehave(drain_seconds=30)
        run = fleet.start(
            "enable", "--policy", "metadata", "--yes", "--timeout", "3", "--all-or-nothing", *hosts("cp1 cp2")
        )
        until(lambda: "cp2" in fleet.audited, "the new manifest of cp2", 60)
        power(fleet.boxes[1], "off")
        code, out, err = finish(run)
        assert code == 1
        assert f"cp1 changed, cp2 {PENDING}" in out
        assert "is not ready, so cp1 was not started" in err
        assert fleet.boxes[0].starts() == before.starts + 1
        before.is_new_and_works()
