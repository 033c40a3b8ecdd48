"""The order of a rollout, its stopping and its undoing, with nodes that only write down what is done to them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from kaudit_setup.change.cancel import Cancellation, CancelledError, Level
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.change.run.terms import Outcome, Terms
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
from kaudit_setup.fleet.events import Event, Interrupted, Report, State
from kaudit_setup.fleet.group import Cluster, Member
from kaudit_setup.fleet.plans import ClusterPlan, ConfigReport, ConfigState, NodePlan, Storing
from kaudit_setup.fleet.rollout import Rollout, Rules
from kaudit_setup.fleet.runs import ClusterRun, NodeRun
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node


def cluster(name: str, count: int = 3) -> ClusterPlan:
    members = [Member(f"{name}{n}", name, (f"{name}{n}",), Address(f"{name}{n}", 1)) for n in range(1, count + 1)]
    # nobody looks into a plan here: what would be done with it is only written down
    nodes = (NodePlan(cast("Node", None), cast("Prepared", None), member) for member in members)
    return ClusterPlan(Cluster(name, tuple(members)), tuple(nodes), Storing(None))


@dataclass
class Recorder:
    """Writes down what is done, asked and told; fails where it shall.

    `presses`: how often Ctrl-C is pressed while something is done. `deaf`: whether that goes on all the same.
    """

    fail: dict[str, Exception] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    done_before: set[str] = field(default_factory=set)
    yes: bool | StoppedError = True
    presses: dict[str, int] = field(default_factory=dict)
    deaf: bool = False
    during: Callable[[str], None] = lambda _what: None
    said: list[str] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    cancellation: Cancellation = field(default_factory=Cancellation)

    def roll(self, clusters: Sequence[ClusterPlan], rules: Rules | None = None) -> Report:
        runs = [RecordedCluster(plan, [RecordedNode(node, self) for node in plan.nodes], self) for plan in clusters]
        return Rollout(runs, rules or Rules(), self, self.cancellation).run()

    def note(self, what: str) -> None:
        with self.guard:
            self.said.append(what)
        self.during(what)
        if what in self.fail:
            raise self.fail[what]

    def work(self, what: str, heeds: Level) -> None:
        """What Ctrl-C ends."""
        self.note(what)
        name = " ".join(what.split()[:2])
        for number in range(self.presses.get(name, 0)):
            os.kill(os.getpid(), signal.SIGINT)
            deadline = time.monotonic() + 10
            while not self.cancellation.is_cancelled(Level(number + 1)):
                assert time.monotonic() < deadline, "nobody cancelled it"
                time.sleep(0.001)
        if self.presses.get(name) and self.deaf:
            threading.Event().wait(30)
        if self.cancellation.is_cancelled(Level.LEAVE):
            raise PendingError(name)
        if self.cancellation.is_cancelled(heeds):
            raise StoppedError(name)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def may_go_on(self, after: NodePlan) -> bool:
        self.note(f"go on after {after.name}?")
        if isinstance(self.yes, StoppedError):
            raise self.yes
        return self.yes

    @property
    def interrupted(self) -> list[tuple[list[str], bool]]:
        return [([n.name for n in e.nodes], e.leaving) for e in self.told if isinstance(e, Interrupted)]


class RecordedNode(NodeRun):
    def __init__(self, plan: NodePlan, recorder: Recorder) -> None:
        super().__init__(plan, Terms(cancellation=recorder.cancellation), recorder.tell)
        self.recorder = recorder

    @property
    def changes(self) -> bool:
        return self.plan.name not in self.recorder.done_before

    @property
    def restarts(self) -> bool:
        return self.changes

    def change(self) -> Outcome:
        self.recorder.work(f"change {self.plan.name}", Level.STOP)
        return Outcome(f"backup-{self.plan.name}" if self.changes else None, None)

    def take_back(self, backup: str) -> None:
        self.recorder.work(f"undo {self.plan.name} {backup}", Level.LEAVE)

    def not_ready(self, others: Sequence[Address]) -> tuple[str, ...]:
        self.recorder.note(f"{self.plan.name} asks " + " ".join(a.host for a in others))
        return tuple(sorted({a.host for a in others} & self.recorder.late))


class RecordedCluster(ClusterRun):
    def __init__(self, plan: ClusterPlan, nodes: Sequence[NodeRun], recorder: Recorder) -> None:
        super().__init__(plan, nodes, Terms())
        self.recorder = recorder

    def store(self) -> ConfigReport:
        self.recorder.note(f"store {self.plan.cluster.ca}")
        return ConfigReport(ConfigState.stored, "stored")

    def unstore(self) -> None:
        self.recorder.note(f"unstore {self.plan.cluster.ca}")
        self.stored = ConfigReport()


def states(report: Report) -> dict[str, str]:
    return {n.plan.name: n.state.value for n in report.nodes}


def stored(report: Report) -> dict[str, str]:
    return {c.plan.cluster.ca: c.stored.said for c in report.clusters if c.stored.said}


def test_one_after_the_other_each_after_all_others_are_ready() -> None:
    hands = Recorder()
    report = hands.roll([cluster("a")])
    assert hands.said == [
        "a1 asks a2 a3",
        "change a1",
        "a2 asks a1 a3",
        "change a2",
        "a3 asks a1 a2",
        "change a3",
        "store a",
    ]
    assert set(states(report).values()) == {"changed"}
    assert stored(report) == {"a": "stored"}
    assert report.exit_code == Exit.OK


def test_at_the_first_failure_the_rest_is_left_alone() -> None:
    hands = Recorder(fail={"change a2": ChangeError("a2 fell")})
    report = hands.roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": "restored", "a3": "not started"}
    assert not any(said.startswith(("undo", "store", "change a3")) for said in hands.said)
    assert [e.message for e in report.failures] == ["a2 fell"]
    assert report.exit_code == Exit.FAILED


def test_all_or_nothing_takes_back_newest_first() -> None:
    hands = Recorder(fail={"change a3": ChangeError("a3 fell")})
    report = hands.roll([cluster("a")], Rules(all_or_nothing=True))
    assert [s for s in hands.said if s.startswith("undo")] == ["undo a2 backup-a2", "undo a1 backup-a1"]
    assert states(report) == {"a1": "rolled back", "a2": "rolled back", "a3": "restored"}
    assert "store a" not in hands.said


def test_all_or_nothing_over_two_clusters_stores_nothing_before_all_are_done() -> None:
    hands = Recorder(fail={"store b": ChangeError("no")})
    report = hands.roll([cluster("a", 1), cluster("b", 1)], Rules(all_or_nothing=True))
    assert hands.said.index("store a") > hands.said.index("change b1")
    assert hands.said[hands.said.index("store b") :][:2] == ["store b", "unstore a"]
    assert states(report) == {"a1": "rolled back", "b1": "rolled back"}
    assert stored(report) == {}


def test_undoing_stops_where_it_fails() -> None:
    fail: dict[str, Exception] = {"change a3": ChangeError("x"), "undo a2 backup-a2": BrokenError("y", hint="z")}
    report = Recorder(fail=fail).roll([cluster("a")], Rules(all_or_nothing=True))
    assert states(report) == {"a1": "changed", "a2": "not restored", "a3": "restored"}
    assert report.exit_code == Exit.NEEDS_PERSON


def test_a_node_that_needs_a_person_is_said_so() -> None:
    report = Recorder(fail={"change a1": BrokenError("x")}).roll([cluster("a")])
    assert states(report)["a1"] == "not restored"
    assert report.exit_code == Exit.NEEDS_PERSON


def test_a_node_that_dies_in_the_middle_is_left_to_its_watchdog() -> None:
    report = Recorder(fail={"change a2": PendingError("x")}).roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": "unreachable (its watchdog restores it)", "a3": "not started"}
    assert report.exit_code == Exit.FAILED


def test_nothing_is_touched_while_another_server_is_down() -> None:
    hands = Recorder(late={"a3"})
    report = hands.roll([cluster("a")])
    assert hands.said == ["a1 asks a2 a3"]
    assert set(states(report).values()) == {"not started"}
    assert report.exit_code == Exit.FAILED


def test_a_server_that_does_not_come_back_stops_the_rollout() -> None:
    hands = Recorder()
    hands.during = lambda what: hands.late.add("a1") if what.startswith("change") else None
    report = hands.roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": "not started", "a3": "not started"}


def test_a_run_again_passes_over_what_is_done() -> None:
    hands = Recorder(done_before={"a1", "a2"})
    report = hands.roll([cluster("a")])
    assert hands.said == ["change a1", "change a2", "a3 asks a1 a2", "change a3", "store a"]
    assert states(report) == {"a1": "unchanged", "a2": "unchanged", "a3": "changed"}


@pytest.mark.parametrize("yes", [True, False])
def test_canary(yes: bool) -> None:
    hands = Recorder(yes=yes, done_before={"a1"})
    report = hands.roll([cluster("a"), cluster("b", 1)], Rules(canary=True))
    before, _, after = "|".join(hands.said).partition("go on after a2?")
    assert "change a2" in before
    assert "change b1" not in before
    assert ("change a3" in after and "change b1" in after) is yes
    assert hands.said.count("change a2") == 1
    assert report.exit_code == (Exit.OK if yes else Exit.FAILED)


def test_a_canary_that_falls_asks_nobody() -> None:
    hands = Recorder(fail={"change a1": ChangeError("x")})
    hands.roll([cluster("a")], Rules(canary=True))
    assert hands.said == ["a1 asks a2 a3", "change a1"]


def test_clusters_go_side_by_side_but_no_more_than_forks() -> None:
    both = threading.Barrier(2, timeout=10)
    running, most, guard = 0, 0, threading.Lock()

    def change(what: str) -> None:
        nonlocal running, most
        if not what.startswith("change"):
            return
        with guard:
            running += 1
            most = max(most, running)
        if what in {"change a1", "change b1"}:
            both.wait()
        with guard:
            running -= 1

    report = Recorder(during=change).roll([cluster(n, 2) for n in "abcd"], Rules(forks=2))
    assert most == 2
    assert set(states(report).values()) == {"changed"}


def test_a_failure_in_one_cluster_begins_no_node_of_another() -> None:
    hands = Recorder(fail={"change a1": ChangeError("x")})
    # one fork: the second cluster's turn comes after the failure
    report = hands.roll([cluster("a", 2), cluster("b", 2)], Rules(forks=1))
    assert states(report) == {"a1": "restored", "a2": "not started", "b1": "not started", "b2": "not started"}
    assert not any("b1" in said for said in hands.said)


def test_an_interrupted_node_ends_the_rollout() -> None:
    report = Recorder(fail={"change a2": StoppedError("x")}).roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": "restored", "a3": "not started"}
    assert report.exit_code == Exit.INTERRUPTED


def test_what_cannot_be_stored_is_a_failure_of_no_node() -> None:
    report = Recorder(fail={"store a": ChangeError("no")}).roll([cluster("a", 1)])
    assert states(report) == {"a1": "changed"}
    assert report.exit_code == Exit.FAILED
    assert State.changed in {n.state for n in report.nodes}


# --- nodes that are lost


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UntouchedError("it said no"), "not started"),
        (UntouchedError("no answer", unreached=True), "unreachable, not started"),
        (LostError("gone"), "unreachable, not started"),
        (ScriptError("nonsense"), "restored"),
    ],
)
def test_a_node_that_was_not_even_begun_is_told_from_one_that_was_put_back(error: Exception, state: str) -> None:
    report = Recorder(fail={"change a2": error}).roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": state, "a3": "not started"}


def test_a_proof_that_fails_where_nothing_was_to_change_touched_nothing() -> None:
    hands = Recorder(done_before={"a1"}, fail={"change a1": ChangeError("not proved")})
    assert states(hands.roll([cluster("a", 1)])) == {"a1": "not started"}


@pytest.mark.parametrize("error", [PendingError("lost"), UntouchedError("lost", unreached=True), BrokenError("x")])
def test_taking_back_does_not_wait_for_a_server_that_this_run_lost(error: Exception) -> None:
    hands = Recorder(fail={"change a2": error})
    hands.during = lambda what: hands.late.add("a2") if what == "change a2" else None
    report = hands.roll([cluster("a")], Rules(all_or_nothing=True))
    assert states(report)["a1"] == "rolled back"
    assert "a1 asks a3" in hands.said


def test_the_last_server_that_answers_is_not_taken_back() -> None:
    hands = Recorder(fail={"change a2": PendingError("lost")})
    hands.during = lambda what: hands.late.add("a2") if what == "change a2" else None
    report = hands.roll([cluster("a", 2)], Rules(all_or_nothing=True))
    assert states(report)["a1"] == "changed"
    assert not any(said.startswith("undo") for said in hands.said)


# --- Ctrl-C


def test_ctrl_c_stops_the_node_under_way_and_begins_no_other() -> None:
    keys = Recorder(presses={"change a2": 1})
    report = keys.roll([cluster("a")])
    assert states(report) == {"a1": "changed", "a2": "restored", "a3": "not started"}
    assert keys.interrupted == [(["a2"], False)]
    assert [e.message for e in report.failures] == ["interrupted; no further nodes were started", "change a2"]
    assert report.exit_code == Exit.INTERRUPTED


def test_ctrl_c_with_all_or_nothing_takes_back_what_was_done() -> None:
    keys = Recorder(presses={"change a3": 1})
    report = keys.roll([cluster("a")], Rules(all_or_nothing=True))
    assert states(report) == {"a1": "rolled back", "a2": "rolled back", "a3": "restored"}


def test_ctrl_c_while_nodes_are_taken_back_finishes_the_one_under_way() -> None:
    keys = Recorder(fail={"change a3": ChangeError("x")}, presses={"undo a2": 1})
    report = keys.roll([cluster("a")], Rules(all_or_nothing=True))
    assert states(report) == {"a1": "changed", "a2": "rolled back", "a3": "restored"}
    assert report.exit_code == Exit.INTERRUPTED


def test_a_second_ctrl_c_leaves_the_node_to_its_watchdog() -> None:
    keys = Recorder(presses={"change a2": 2})
    report = keys.roll([cluster("a")], Rules(all_or_nothing=True))
    assert states(report) == {"a1": "changed", "a2": "left to its watchdog", "a3": "not started"}
    assert keys.interrupted == [(["a2"], False), (["a2"], True)]
    assert report.exit_code == Exit.INTERRUPTED


def test_whoever_does_not_hear_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaudit_setup.fleet.rollout._LEAVE_S", 0.1)
    keys = Recorder(presses={"change a1": 2}, deaf=True)
    report = keys.roll([cluster("a")])
    assert states(report)["a1"] == "left to its watchdog"


def test_a_canary_that_nobody_answers_is_reported() -> None:
    report = Recorder(yes=StoppedError("nobody said yes")).roll([cluster("a")], Rules(canary=True))
    assert states(report) == {"a1": "changed", "a2": "not started", "a3": "not started"}
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
