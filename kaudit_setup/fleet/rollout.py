"""One node at a time in a cluster, clusters side by side; what happens when one of them fails.

What is done to a node is not known here: `Hands` does it. So the order, the stopping and the undoing are tested
without a node.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from kaudit_setup.change.cancel import Cancellation, Level
from kaudit_setup.errors import (
    BrokenError,
    ChangeError,
    Exit,
    KauditError,
    NodeError,
    PendingError,
    ScriptError,
    StoppedError,
    UntouchedError,
)
from kaudit_setup.fleet.group import Cluster, Member
from kaudit_setup.fleet.threads import Threads
from kaudit_setup.node.cluster import Address

# How often what waits is freed again after Ctrl-C, and how long the second one waits for threads that do not hear.
_AGAIN_S = 0.5
_LEAVE_S = 5.0


class State(StrEnum):
    """What became of a node."""

    new = "new"  # changed and proved in this run
    already = "already new"  # it was as wanted before this run
    old = "old"  # its change failed, and it was put back
    undone = "undone"  # changed and proved, then taken back because another node failed
    untouched = "untouched"
    gone = "out of reach, untouched"
    pending = "out of reach (its watchdog puts it back)"
    left = "left to its watchdog"  # Ctrl-C twice, while it was not proved
    unknown = "unknown"  # it could not be put back; the error says what to do


@dataclass(frozen=True, slots=True)
class Rules:
    """How to go about it. `forks`: clusters that are worked on at the same time."""

    forks: int = 8
    all_or_nothing: bool = False
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Hands:
    """What the rollout needs done. Every function may raise KauditError, and runs in whatever thread.

    `changes`: whether there is anything to change on this node; `restarts`: whether that interrupts its API server.
    `change`: do it and prove it; the name of the backup, None if nothing had to change; after an error the node is as
    it was, unless it is a BrokenError or a PendingError. `undo`: put that backup back and prove it. `late`: wait for
    these API servers as seen from that node, return those that are not ready. `store`: after a cluster's last node; a
    word about it. `unstore`: takes it back. `go_on`: the canary's yes. `say`: progress of a node.

    `cancellation`: cancelled at Ctrl-C, so that `change` and `late` end soon; at the second one `undo`, too.
    `listening`: while it is open, Ctrl-C calls that function, which may be called in a signal handler.
    `interrupted`: told at every Ctrl-C what is waited for: these nodes, and whether they are left alone now.
    """

    changes: Callable[[Member], bool]
    restarts: Callable[[Member], bool]
    change: Callable[[Member], str | None]
    undo: Callable[[Member, str], None]
    late: Callable[[Member, Sequence[Address]], Sequence[str]]
    store: Callable[[Cluster], str]
    unstore: Callable[[Cluster], None]
    go_on: Callable[[Member], bool]
    say: Callable[[Member, str], None]
    cancellation: Cancellation = field(default_factory=Cancellation)
    listening: Callable[[Callable[[], None]], AbstractContextManager[None]] = lambda _heard: nullcontext()
    interrupted: Callable[[Sequence[Member], bool], None] = lambda _members, _leaving: None


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node after the rollout."""

    member: Member
    state: State
    backup: str = ""
    error: KauditError | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was done. `stored`: cluster name → a word about its kubeadm-config. `errors` that belong to no node."""

    nodes: tuple[NodeReport, ...]
    stored: dict[str, str] = field(default_factory=dict)
    errors: tuple[KauditError, ...] = ()

    @property
    def failures(self) -> tuple[KauditError, ...]:
        """Every error: that the run was interrupted, those of nodes, the rest."""
        stopped = tuple(e for e in self.errors if isinstance(e, StoppedError))
        of_nodes = tuple(n.error for n in self.nodes if n.error)
        if len(self.nodes) == 1 and of_nodes:
            # what became of the one node says it all
            stopped = ()
        return (*stopped, *of_nodes, *(e for e in self.errors if not isinstance(e, StoppedError)))

    @property
    def exit_code(self) -> Exit:
        """The worst of what happened."""
        codes = {error.exit_code for error in self.failures}
        for worst in (Exit.NEEDS_PERSON, Exit.INTERRUPTED):
            if worst in codes:
                return worst
        return Exit.FAILED if codes else Exit.OK


def roll(clusters: Sequence[Cluster], hands: Hands, rules: Rules) -> Report:
    """Change every node of every cluster, or stop at the first failure. Does not raise for what fails on a node."""
    return _Rollout(clusters, hands, rules).run()


def _after(error: KauditError, otherwise: State, *, begun: State | None = None) -> State:
    """What a node is like after a change that failed so. `begun`: in place of what says that nothing was begun."""
    if isinstance(error, BrokenError):
        return State.unknown
    if isinstance(error, PendingError):
        return State.pending
    if isinstance(error, UntouchedError):
        return begun or (State.gone if error.unreached else State.untouched)
    if isinstance(error, NodeError) and not isinstance(error, ScriptError):
        return begun or State.gone
    return otherwise


class _Rollout:
    def __init__(self, clusters: Sequence[Cluster], hands: Hands, rules: Rules) -> None:
        self.clusters, self.hands, self.rules = clusters, hands, rules
        self.stop = threading.Event()
        self.guard = threading.Lock()
        self.reports: dict[int, NodeReport] = {}
        self.under_way: dict[int, Member] = {}
        self.done: list[tuple[Cluster, Member, str]] = []
        self.errors: list[KauditError] = []
        self.stored: dict[str, str] = {}
        self.kept: list[Cluster] = []
        self.presses = 0

    def run(self) -> Report:
        if self.rules.canary and self.clusters and not self._canary():
            return self._report()
        self._at_work([partial(self._cluster, cluster) for cluster in self.clusters])
        if self.rules.all_or_nothing:
            if not self._failed():
                self._at_work([partial(self._store, cluster) for cluster in self.clusters], forks=1)
            if self._failed() and not self.hands.cancellation.is_cancelled(Level.LEAVE):
                self._at_work([self._undo_everything])
        return self._report()

    def _report(self) -> Report:
        nodes = [
            self.reports.get(id(member), NodeReport(member, State.untouched))
            for cluster in self.clusters
            for member in cluster.members
        ]
        return Report(tuple(nodes), dict(self.stored), tuple(self.errors))

    def _failed(self) -> bool:
        return bool(self.errors) or any(r.error for r in self.reports.values())

    # --- threads that work, and one that hears Ctrl-C

    def _at_work(self, jobs: Sequence[Callable[[], object]], forks: int = 0) -> None:
        """Do the jobs, several at the same time; at Ctrl-C stop them in good order, at the second one leave them."""
        threads = Threads(jobs, forks or self.rules.forks)
        heard: list[None] = []

        def press() -> None:
            heard.append(None)
            threads.ring()

        answered, leave_at = 0, float("inf")
        with self.hands.listening(press):
            threads.begin()
            while not threads.wait(_AGAIN_S if self.presses else None):
                if len(heard) > answered:
                    answered += 1
                    self._pressed()
                    if self.hands.cancellation.is_cancelled(Level.LEAVE):
                        leave_at = min(leave_at, time.monotonic() + _LEAVE_S)
                self._pull()
                if time.monotonic() >= leave_at:
                    self._leave()
                    return

    def _pressed(self) -> None:
        self.presses += 1
        self.stop.set()
        if self.presses == 1:
            with self.guard:
                self.errors.append(
                    StoppedError("interrupted; no other node was begun", hint="run the same command again to go on")
                )
        self._pull()
        with self.guard:
            members = list(self.under_way.values())
        self.hands.interrupted(members, self.presses > 1)

    def _pull(self) -> None:
        if self.presses:
            self.hands.cancellation.cancel(Level.LEAVE if self.presses > 1 else Level.STOP)

    def _leave(self) -> None:
        """Whoever did not hear it is left alone."""
        with self.guard:
            members = list(self.under_way.values())
        for member in members:
            self._note(NodeReport(member, State.left, error=PendingError(f"{member.name}: it was left at once")))

    @contextmanager
    def _working_on(self, member: Member) -> Iterator[None]:
        with self.guard:
            self.under_way[id(member)] = member
        try:
            yield
        finally:
            with self.guard:
                self.under_way.pop(id(member), None)

    # --- what they do

    def _canary(self) -> bool:
        """The first node that has something to change; True if the rest may follow."""
        for cluster in self.clusters:
            for member in cluster.members:
                self._at_work([partial(self._node, cluster, member)])
                if self._failed():
                    return False
                if self.reports[id(member)].state == State.new:
                    return self._may_go_on(member)
        return True

    def _may_go_on(self, member: Member) -> bool:
        try:
            if self.hands.go_on(member):
                return True
        except StoppedError as error:
            self.errors.append(error)
        else:
            self.errors.append(ChangeError(f"stopped after {member.name}, as you said", hint="run again to go on"))
        return False

    def _cluster(self, cluster: Cluster) -> None:
        for member in cluster.members:
            if self.stop.is_set():
                return
            if id(member) not in self.reports and not self._node(cluster, member):
                return
        if not self.rules.all_or_nothing and not self.stop.is_set():
            self._store(cluster)

    def _node(self, cluster: Cluster, member: Member) -> bool:
        with self._working_on(member):
            try:
                if self.hands.restarts(member):
                    self._all_others_ready(cluster, member, cluster.others(member))
            except KauditError as error:
                self._note(NodeReport(member, _after(error, State.untouched), error=error))
                return False
            if self.hands.cancellation.is_cancelled(Level.STOP):
                return False
            try:
                backup = self.hands.change(member)
            except KauditError as error:
                otherwise = State.old if self.hands.changes(member) else State.untouched
                self._note(NodeReport(member, self._left(_after(error, otherwise)), error=error))
                return False
            if backup is None:
                self._note(NodeReport(member, State.already))
                return True
            self._note(NodeReport(member, State.new, backup))
            with self.guard:
                self.done.append((cluster, member, backup))
            return True

    def _left(self, state: State) -> State:
        return State.left if state is State.pending and self.hands.cancellation.is_cancelled(Level.LEAVE) else state

    def _note(self, report: NodeReport) -> None:
        with self.guard:
            self.reports[id(report.member)] = report
        if report.error:
            self.stop.set()

    def _all_others_ready(self, cluster: Cluster, member: Member, others: Sequence[Address]) -> None:
        if not others:
            return
        self.hands.say(member, "asking the other API servers of the cluster")
        late = self.hands.late(member, others)
        if late:
            names = {str(other.at): f"{other.name} ({other.at})" for other in cluster.members}
            raise ChangeError(
                f"{', '.join(names.get(at, at) for at in late)} of the same cluster is not ready, so {member.name} "
                "was not touched",
                hint="mend that API server first, then run the same command again",
            )

    def _store(self, cluster: Cluster) -> None:
        if self._failed() and self.rules.all_or_nothing:
            return
        try:
            word = self.hands.store(cluster)
        except KauditError as error:
            with self.guard:
                self.errors.append(error)
            self.stop.set()
            return
        with self.guard:
            self.kept.append(cluster)
            if word:
                self.stored[cluster.name] = word

    def _undo_everything(self) -> None:
        """Newest first; and what was stored last comes back before any node. A Ctrl-C meanwhile begins no other."""
        presses = self.presses
        for cluster in reversed(self.kept):
            try:
                self.hands.unstore(cluster)
                self.stored.pop(cluster.name, None)
            except KauditError as error:
                with self.guard:
                    self.errors.append(error)
        for cluster, member, backup in reversed(self.done):
            if self.presses > presses:
                return
            with self._working_on(member):
                try:
                    self._all_others_ready(cluster, member, self._alive(cluster, member))
                    self.hands.undo(member, backup)
                except KauditError as error:
                    state = self._left(_after(error, State.new, begun=State.new))
                    self._note(NodeReport(member, state, backup, error))
                    # one that cannot be taken back is reason enough not to restart the next one
                    return
                self._note(NodeReport(member, State.undone, backup))

    def _alive(self, cluster: Cluster, member: Member) -> Sequence[Address]:
        """The other API servers, but for those that this very run has lost: it is they who are the reason to go back.

        Where no other is left, all of them count: the last server that answers is not restarted.
        """
        lost = {
            other.at
            for other in cluster.members
            if other is not member
            and (report := self.reports.get(id(other)))
            and report.state in {State.gone, State.pending, State.unknown}
        }
        others = cluster.others(member)
        return tuple(a for a in others if a not in lost) or others
