"""The order of a rollout, its stopping and its undoing, with hands that only write down what they were told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from kaudit_setup.change.cancel import Cancellation, CancelledError, Level
from kaudit_setup.errors import (
    BrokenError,
    ChangeError,
    Exit,
    LostError,
    PendingError,
    ScriptError,
    StoppedError,
    UntouchedError,
)
from kaudit_setup.fleet.group import Cluster, Member
from kaudit_setup.fleet.rollout import Hands, Report, Rules, State, roll
from kaudit_setup.node.cluster import Address


def cluster(name: str, count: int = 3) -> Cluster:
    members = (Member(f"{name}{n}", name, (f"{name}{n}",), Address(f"{name}{n}", 1)) for n in range(1, count + 1))
    return Cluster(name, tuple(members))


@dataclass
class Recorder:
    """Fails where it is told to."""

    fail: dict[str, Exception] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    done_before: set[str] = field(default_factory=set)
    yes: bool = True
    said: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str) -> None:
        with self.guard:
            self.said.append(what)
        if what in self.fail:
            raise self.fail[what]

    def change(self, member: Member) -> str | None:
        self.note(f"change {member.name}")
        return None if member.name in self.done_before else f"backup-{member.name}"

    def not_ready(self, member: Member, others: Sequence[Address]) -> Sequence[str]:
        self.note(f"{member.name} asks " + " ".join(a.host for a in others))
        return sorted({a.host for a in others} & self.late)

    def store(self, cluster: Cluster) -> str:
        self.note(f"store {cluster.ca}")
        return "stored"

    def go_on(self, member: Member) -> bool:
        self.note(f"go on after {member.name}?")
        return self.yes

    def hands(self) -> Hands:
        return Hands(
            changes=lambda member: member.name not in self.done_before,
            restarts=lambda member: member.name not in self.done_before,
            change=self.change,
            undo=lambda member, backup: self.note(f"undo {member.name} {backup}"),
            late=self.not_ready,
            store=self.store,
            unstore=lambda cluster: self.note(f"unstore {cluster.ca}"),
            go_on=self.go_on,
            say=lambda _member, _what: None,
        )


def states(report: Report) -> dict[str, str]:
    return {n.member.name: n.state.value for n in report.nodes}


def test_one_after_the_other_each_after_all_others_are_ready() -> None:
    hands = Recorder()
    report = roll([cluster("a")], hands.hands(), Rules())
    assert hands.said == [
        "a1 asks a2 a3",
        "change a1",
        "a2 asks a1 a3",
        "change a2",
        "a3 asks a1 a2",
        "change a3",
        "store a",
    ]
    assert set(states(report).values()) == {"new"}
    assert report.stored == {"cluster a": "stored"}
    assert report.exit_code == Exit.OK


def test_at_the_first_failure_the_rest_is_left_alone() -> None:
    hands = Recorder(fail={"change a2": ChangeError("a2 fell")})
    report = roll([cluster("a")], hands.hands(), Rules())
    assert states(report) == {"a1": "new", "a2": "old", "a3": "untouched"}
    assert not any(said.startswith(("undo", "store", "change a3")) for said in hands.said)
    assert [e.message for e in report.failures] == ["a2 fell"]
    assert report.exit_code == Exit.FAILED


def test_all_or_nothing_takes_back_newest_first() -> None:
    hands = Recorder(fail={"change a3": ChangeError("a3 fell")})
    report = roll([cluster("a")], hands.hands(), Rules(all_or_nothing=True))
    assert [s for s in hands.said if s.startswith("undo")] == ["undo a2 backup-a2", "undo a1 backup-a1"]
    assert states(report) == {"a1": "undone", "a2": "undone", "a3": "old"}
    assert "store a" not in hands.said


def test_all_or_nothing_over_two_clusters_stores_nothing_before_all_are_done() -> None:
    hands = Recorder(fail={"store b": ChangeError("no")})
    report = roll([cluster("a", 1), cluster("b", 1)], hands.hands(), Rules(all_or_nothing=True))
    assert hands.said.index("store a") > hands.said.index("change b1")
    assert hands.said[hands.said.index("store b") :][:2] == ["store b", "unstore a"]
    assert states(report) == {"a1": "undone", "b1": "undone"}
    assert report.stored == {}


def test_undoing_stops_where_it_fails() -> None:
    fail: dict[str, Exception] = {"change a3": ChangeError("x"), "undo a2 backup-a2": BrokenError("y", hint="z")}
    report = roll([cluster("a")], Recorder(fail=fail).hands(), Rules(all_or_nothing=True))
    assert states(report) == {"a1": "new", "a2": "unknown", "a3": "old"}
    assert report.exit_code == Exit.NEEDS_PERSON


def test_a_node_that_needs_a_person_is_said_so() -> None:
    report = roll([cluster("a")], Recorder(fail={"change a1": BrokenError("x")}).hands(), Rules())
    assert states(report)["a1"] == "unknown"
    assert report.exit_code == Exit.NEEDS_PERSON


def test_a_node_that_dies_in_the_middle_is_left_to_its_watchdog() -> None:
    report = roll([cluster("a")], Recorder(fail={"change a2": PendingError("x")}).hands(), Rules())
    assert states(report) == {"a1": "new", "a2": "out of reach (its watchdog puts it back)", "a3": "untouched"}
    assert report.exit_code == Exit.FAILED


def test_nothing_is_touched_while_another_server_is_down() -> None:
    hands = Recorder(late={"a3"})
    report = roll([cluster("a")], hands.hands(), Rules())
    assert hands.said == ["a1 asks a2 a3"]
    assert set(states(report).values()) == {"untouched"}
    assert report.exit_code == Exit.FAILED


def test_a_server_that_does_not_come_back_stops_the_rollout() -> None:
    hands = Recorder()

    def breaks(member: Member) -> str | None:
        hands.late.add("a1")
        return hands.change(member)

    report = roll([cluster("a")], replace(hands.hands(), change=breaks), Rules())
    assert states(report) == {"a1": "new", "a2": "untouched", "a3": "untouched"}


def test_a_run_again_passes_over_what_is_done() -> None:
    hands = Recorder(done_before={"a1", "a2"})
    report = roll([cluster("a")], hands.hands(), Rules())
    assert hands.said == ["change a1", "change a2", "a3 asks a1 a2", "change a3", "store a"]
    assert states(report) == {"a1": "already new", "a2": "already new", "a3": "new"}


@pytest.mark.parametrize("yes", [True, False])
def test_canary(yes: bool) -> None:
    hands = Recorder(yes=yes, done_before={"a1"})
    report = roll([cluster("a"), cluster("b", 1)], hands.hands(), Rules(canary=True))
    before, _, after = "|".join(hands.said).partition("go on after a2?")
    assert "change a2" in before
    assert "change b1" not in before
    assert ("change a3" in after and "change b1" in after) is yes
    assert hands.said.count("change a2") == 1
    assert report.exit_code == (Exit.OK if yes else Exit.FAILED)


def test_a_canary_that_falls_asks_nobody() -> None:
    hands = Recorder(fail={"change a1": ChangeError("x")})
    roll([cluster("a")], hands.hands(), Rules(canary=True))
    assert hands.said == ["a1 asks a2 a3", "change a1"]


def test_clusters_go_side_by_side_but_no_more_than_forks() -> None:
    both = threading.Barrier(2, timeout=10)
    running, most, guard = 0, 0, threading.Lock()

    def change(member: Member) -> str | None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        if member.name in {"a1", "b1"}:
            both.wait()
        with guard:
            running -= 1
        return "b"

    hands = replace(Recorder().hands(), change=change)
    report = roll([cluster(n, 2) for n in "abcd"], hands, Rules(forks=2))
    assert most == 2
    assert set(states(report).values()) == {"new"}


def test_a_failure_in_one_cluster_begins_no_node_of_another() -> None:
    hands = Recorder(fail={"change a1": ChangeError("x")})
    # one fork: the second cluster's turn comes after the failure
    report = roll([cluster("a", 2), cluster("b", 2)], hands.hands(), Rules(forks=1))
    assert states(report) == {"a1": "old", "a2": "untouched", "b1": "untouched", "b2": "untouched"}
    assert not any("b1" in said for said in hands.said)


def test_an_interrupted_node_ends_the_rollout() -> None:
    report = roll([cluster("a")], Recorder(fail={"change a2": StoppedError("x")}).hands(), Rules())
    assert states(report) == {"a1": "new", "a2": "old", "a3": "untouched"}
    assert report.exit_code == Exit.INTERRUPTED


def test_what_cannot_be_stored_is_a_failure_of_no_node() -> None:
    report = roll([cluster("a", 1)], Recorder(fail={"store a": ChangeError("no")}).hands(), Rules())
    assert states(report) == {"a1": "new"}
    assert report.exit_code == Exit.FAILED
    assert State.new in {n.state for n in report.nodes}


# --- nodes that are lost


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UntouchedError("it said no"), "untouched"),
        (UntouchedError("no answer", unreached=True), "out of reach, untouched"),
        (LostError("gone"), "out of reach, untouched"),
        (ScriptError("nonsense"), "old"),
    ],
)
def test_a_node_that_was_not_even_begun_is_told_from_one_that_was_put_back(error: Exception, state: str) -> None:
    report = roll([cluster("a")], Recorder(fail={"change a2": error}).hands(), Rules())
    assert states(report) == {"a1": "new", "a2": state, "a3": "untouched"}


def test_a_proof_that_fails_where_nothing_was_to_change_touched_nothing() -> None:
    hands = Recorder(done_before={"a1"}, fail={"change a1": ChangeError("not proved")})
    assert states(roll([cluster("a", 1)], hands.hands(), Rules())) == {"a1": "untouched"}


@pytest.mark.parametrize("error", [PendingError("lost"), UntouchedError("lost", unreached=True), BrokenError("x")])
def test_taking_back_does_not_wait_for_a_server_that_this_run_lost(error: Exception) -> None:
    hands = Recorder(fail={"change a2": error}, late={"a2"})
    ready_at_first = replace(
        hands.hands(), late=lambda m, o: [] if "change a2" not in hands.said else hands.not_ready(m, o)
    )
    report = roll([cluster("a")], ready_at_first, Rules(all_or_nothing=True))
    assert states(report)["a1"] == "undone"
    assert "a1 asks a3" in hands.said


def test_the_last_server_that_answers_is_not_taken_back() -> None:
    hands = Recorder(fail={"change a2": PendingError("lost")}, late={"a2"})
    ready_at_first = replace(
        hands.hands(), late=lambda m, o: [] if "change a2" not in hands.said else hands.not_ready(m, o)
    )
    report = roll([cluster("a", 2)], ready_at_first, Rules(all_or_nothing=True))
    assert states(report)["a1"] == "new"
    assert not any(said.startswith("undo") for said in hands.said)


# --- Ctrl-C


@dataclass
class Keyboard:
    """Somebody who presses Ctrl-C while a node is changed, and hands that are cancelled."""

    recorder: Recorder
    presses: dict[str, int]
    deaf: bool = False
    cancellation: Cancellation = field(default_factory=Cancellation)
    told: list[tuple[list[str], bool]] = field(default_factory=list)
    heard: Callable[[], None] = lambda: None

    @contextmanager
    def listening(self, heard: Callable[[], None]) -> Iterator[None]:
        self.heard = heard
        yield

    def work(self, what: str, heeds: Level) -> None:
        self.recorder.note(what)
        for number in range(self.presses.get(what, 0)):
            self.heard()
            deadline = time.monotonic() + 10
            while not self.deaf and not self.cancellation.is_cancelled(Level(number + 1)):
                assert time.monotonic() < deadline, "nobody cancelled it"
        if self.presses.get(what) and self.deaf:
            threading.Event().wait(30)
        if self.cancellation.is_cancelled(Level.LEAVE):
            raise PendingError(what)
        if self.cancellation.is_cancelled(heeds):
            raise StoppedError(what)

    def change(self, member: Member) -> str | None:
        self.work(f"change {member.name}", Level.STOP)
        return f"backup-{member.name}"

    def hands(self) -> Hands:
        return replace(
            self.recorder.hands(),
            change=self.change,
            undo=lambda member, _backup: self.work(f"undo {member.name}", Level.LEAVE),
            cancellation=self.cancellation,
            listening=self.listening,
            interrupted=lambda members, leaving: self.told.append(([m.name for m in members], leaving)),
        )


def test_ctrl_c_stops_the_node_under_way_and_begins_no_other() -> None:
    keys = Keyboard(Recorder(), {"change a2": 1})
    report = roll([cluster("a")], keys.hands(), Rules())
    assert states(report) == {"a1": "new", "a2": "old", "a3": "untouched"}
    assert keys.told == [(["a2"], False)]
    assert [e.message for e in report.failures] == ["interrupted; no other node was begun", "change a2"]
    assert report.exit_code == Exit.INTERRUPTED


def test_ctrl_c_with_all_or_nothing_takes_back_what_was_done() -> None:
    keys = Keyboard(Recorder(), {"change a3": 1})
    report = roll([cluster("a")], keys.hands(), Rules(all_or_nothing=True))
    assert states(report) == {"a1": "undone", "a2": "undone", "a3": "old"}


def test_ctrl_c_while_nodes_are_taken_back_finishes_the_one_under_way() -> None:
    keys = Keyboard(Recorder(fail={"change a3": ChangeError("x")}), {"undo a2": 1})
    report = roll([cluster("a")], keys.hands(), Rules(all_or_nothing=True))
    assert states(report) == {"a1": "new", "a2": "undone", "a3": "old"}
    assert report.exit_code == Exit.INTERRUPTED


def test_a_second_ctrl_c_leaves_the_node_to_its_watchdog() -> None:
    keys = Keyboard(Recorder(), {"change a2": 2})
    report = roll([cluster("a")], keys.hands(), Rules(all_or_nothing=True))
    assert states(report) == {"a1": "new", "a2": "left to its watchdog", "a3": "untouched"}
    assert keys.told == [(["a2"], False), (["a2"], True)]
    assert report.exit_code == Exit.INTERRUPTED


def test_whoever_does_not_hear_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaudit_setup.fleet.rollout._LEAVE_S", 0.1)
    keys = Keyboard(Recorder(), {"change a1": 2}, deaf=True)
    report = roll([cluster("a")], keys.hands(), Rules())
    assert states(report)["a1"] == "left to its watchdog"


def test_a_canary_that_nobody_answers_is_reported() -> None:
    def nobody(_member: Member) -> bool:
        raise StoppedError("nobody said yes")

    report = roll([cluster("a")], replace(Recorder().hands(), go_on=nobody), Rules(canary=True))
    assert states(report) == {"a1": "new", "a2": "untouched", "a3": "untouched"}
    assert report.exit_code == Exit.INTERRUPTED


def test_the_cancellation_frees_who_waits_and_stops_who_would_begin_to() -> None:
    cancellation, freed = Cancellation(), threading.Event()

    def waits() -> None:
        cancellation.cancel(Level.STOP)
        assert freed.is_set()
        raise LostError("closed")

    with pytest.raises(CancelledError), cancellation.ends(Level.STOP, freed.set):
        waits()
    with pytest.raises(CancelledError), cancellation.ends(Level.STOP, freed.set):
        pytest.fail("it was begun")
    with pytest.raises(LostError), cancellation.ends(Level.LEAVE, freed.set):
        raise LostError("by itself")
    with pytest.raises(CancelledError):
        cancellation.sleep(30, Level.STOP)
