"""One node at a time in a cluster, clusters side by side; what happens when one of them fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from kaudit_setup.change.cancel import Cancellation, Level
from kaudit_setup.change.run.terms import Outcome, Terms
from kaudit_setup.errors import (
    BrokenError,
    ChangeError,
    KauditError,
    NodeError,
    PendingError,
    ScriptError,
    StoppedError,
    UntouchedError,
)
from kaudit_setup.fleet.events import Finished, Interrupted, Narrator, NodeReport, Report, State, Stored
from kaudit_setup.fleet.plans import FleetPlan
from kaudit_setup.fleet.runs import ClusterRun, NodeRun
from kaudit_setup.fleet.threads import Threads, on_interrupt
from kaudit_setup.node.peers import Address

# How often what waits is woken again after Ctrl-C, and how long the second one waits for threads that do not react.
_AGAIN_S = 0.5
_LEAVE_S = 5.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How to go about it. `forks`: clusters that are worked on at the same time."""

    forks: int = 8
    all_or_nothing: bool = False
    canary: bool = False


def roll(plan: FleetPlan, terms: Terms, rules: Rules, narrator: Narrator) -> Report:
    """Change every node of every cluster, or stop at the first failure. Does not raise for what fails on a node.

    Ctrl-C stops what is not proved yet and begins no other node; a second one leaves everything to the watchdogs.
    """
    clusters = [
        ClusterRun(cluster, [NodeRun(node, terms, narrator.tell) for node in cluster.nodes], terms)
        for cluster in plan.clusters
    ]
    return Rollout(clusters, rules, narrator, terms.cancellation).run()


class Rollout:
    """The order of everything that is done, and what is done when something fails."""

    def __init__(
        self, clusters: Sequence[ClusterRun], rules: Rules, narrator: Narrator, cancellation: Cancellation
    ) -> None:
        """`cancellation`: the one that the runs heed."""
        self.clusters, self.rules, self.narrator, self.cancellation = clusters, rules, narrator, cancellation
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.under_way: list[NodeRun] = []
        self.done: list[tuple[ClusterRun, NodeRun, str]] = []
        self.stored: list[ClusterRun] = []
        self.errors: list[KauditError] = []
        self.interrupts = 0

    def run(self) -> Report:
        """Do it all."""
        if self.rules.canary and not self._canary():
            return self._report()
        self._at_work([partial(self._change_cluster, cluster) for cluster in self.clusters])
        if self.rules.all_or_nothing:
            if not self._failed():
                self._at_work([partial(self._store, cluster) for cluster in self.clusters], forks=1)
            if self._failed() and not self.cancellation.is_cancelled(Level.LEAVE):
                self._at_work([self._take_everything_back])
        return self._report()

    def _report(self) -> Report:
        return Report(tuple(cluster.report for cluster in self.clusters), tuple(self.errors))

    def _failed(self) -> bool:
        return bool(self.errors) or any(run.report and run.report.error for c in self.clusters for run in c.nodes)

    def _fail(self, error: KauditError) -> None:
        with self.lock:
            self.errors.append(error)
        self.stop.set()

    # --- threads that work, and one that gets Ctrl-C

    def _at_work(self, jobs: Sequence[Callable[[], object]], forks: int = 0) -> None:
        """Do the jobs, several at the same time; at Ctrl-C stop them in good order, at the second one leave them."""
        threads = Threads(jobs, forks or self.rules.forks)
        pressed: list[None] = []

        def press() -> None:
            pressed.append(None)
            threads.wake()

        answered, leave_at = 0, float("inf")
        with on_interrupt(press):
            threads.begin()
            while not threads.wait(_AGAIN_S if self.interrupts else None):
                if len(pressed) > answered:
                    answered += 1
                    self._interrupt()
                    if self.cancellation.is_cancelled(Level.LEAVE):
                        leave_at = min(leave_at, time.monotonic() + _LEAVE_S)
                self._cancel()
                if time.monotonic() >= leave_at:
                    self._leave()
                    return

    def _interrupt(self) -> None:
        self.interrupts += 1
        self.stop.set()
        if self.interrupts == 1:
            self._fail(StoppedError("interrupted; no further nodes were started", hint="run the same command again"))
        self._cancel()
        with self.lock:
            nodes = tuple(run.plan for run in self.under_way)
        self.narrator.tell(Interrupted(nodes, self.interrupts > 1))

    def _cancel(self) -> None:
        if self.interrupts:
            self.cancellation.cancel(Level.LEAVE if self.interrupts > 1 else Level.STOP)

    def _leave(self) -> None:
        """Threads that did not react are left alone."""
        with self.lock:
            runs = list(self.under_way)
        for run in runs:
            self._note(run, State.left, error=PendingError(f"{run.plan.name}: it was left immediately"))

    @contextmanager
    def _working_on(self, run: NodeRun) -> Iterator[None]:
        with self.lock:
            self.under_way.append(run)
        try:
            yield
        finally:
            with self.lock:
                self.under_way.remove(run)

    def _note(
        self, run: NodeRun, state: State, outcome: Outcome | None = None, error: KauditError | None = None
    ) -> None:
        """What became of a node; an error stops the rollout."""
        report = NodeReport(run.plan, state, outcome, error)
        with self.lock:
            run.report = report
        if error:
            self.stop.set()
        self.narrator.tell(Finished(report))

    # --- what they do

    def _canary(self) -> bool:
        """The first node that has something to change; True if the rest may follow."""
        for cluster in self.clusters:
            for run in cluster.nodes:
                self._at_work([partial(self._change_node, cluster, run)])
                if self._failed():
                    return False
                if run.report and run.report.state == State.changed:
                    return self._may_go_on(run)
        return True

    def _may_go_on(self, run: NodeRun) -> bool:
        try:
            if self.narrator.may_go_on(run.plan):
                return True
        except StoppedError as error:
            self._fail(error)
        else:
            self._fail(
                ChangeError(
                    f"stopped after {run.plan.name}: not confirmed", hint="run the same command again to continue"
                )
            )
        return False

    def _change_cluster(self, cluster: ClusterRun) -> None:
        for run in cluster.nodes:
            if self.stop.is_set():
                return
            if run.report is None and not self._change_node(cluster, run):
                return
        if not self.rules.all_or_nothing and not self.stop.is_set():
            self._store(cluster)

    def _change_node(self, cluster: ClusterRun, run: NodeRun) -> bool:
        """Whether the next node may follow."""
        with self._working_on(run):
            try:
                if run.restarts:
                    self._check_others(cluster, run, cluster.plan.cluster.others(run.plan.member))
            except KauditError as error:
                self._note(run, _state_after(error, State.not_started), error=error)
                return False
            if self.cancellation.is_cancelled():
                return False
            try:
                outcome = run.change()
            except KauditError as error:
                otherwise = State.restored if run.changes else State.not_started
                self._note(run, self._left(_state_after(error, otherwise)), error=error)
                return False
            self._note(run, State.unchanged if outcome.backup is None else State.changed, outcome)
            if outcome.backup:
                with self.lock:
                    self.done.append((cluster, run, outcome.backup))
            return True

    def _left(self, state: State) -> State:
        return State.left if state is State.pending and self.cancellation.is_cancelled(Level.LEAVE) else state

    def _check_others(self, cluster: ClusterRun, run: NodeRun, others: Sequence[Address]) -> None:
        """Raises ChangeError where another API server of the cluster is not ready, and what the node raises."""
        if not others:
            return
        run.say("asking the other API servers of the cluster")
        late = run.not_ready(others)
        if late:
            names = {str(other.at): f"{other.name} ({other.at})" for other in cluster.plan.cluster.members}
            raise ChangeError(
                f"{', '.join(names.get(at, at) for at in late)} of the same cluster is not ready, so {run.plan.name} "
                "was not started",
                hint="fix that API server first, then run the same command again",
            )

    def _store(self, cluster: ClusterRun) -> None:
        if self._failed() and self.rules.all_or_nothing:
            return
        try:
            cluster.stored = cluster.store()
        except KauditError as error:
            self._fail(error)
            return
        with self.lock:
            self.stored.append(cluster)
        self.narrator.tell(Stored(cluster.plan, cluster.stored))

    def _take_everything_back(self) -> None:
        """Newest first; and what was stored last comes back before any node. A Ctrl-C meanwhile begins no other."""
        interrupts = self.interrupts
        for cluster in reversed(self.stored):
            try:
                cluster.unstore()
            except KauditError as error:
                self._fail(error)
        for cluster, run, backup in reversed(self.done):
            # one that cannot be taken back is reason enough not to restart the next one
            if self.interrupts > interrupts or not self._take_back(cluster, run, backup):
                return

    def _take_back(self, cluster: ClusterRun, run: NodeRun, backup: str) -> bool:
        outcome = run.report.outcome if run.report else None
        with self._working_on(run):
            try:
                self._check_others(cluster, run, _alive(cluster, run))
                run.take_back(backup)
            except KauditError as error:
                state = self._left(_state_after(error, State.changed, begun=State.changed))
                self._note(run, state, outcome, error)
                return False
            self._note(run, State.rolled_back, outcome)
            return True


def _state_after(error: KauditError, otherwise: State, *, begun: State | None = None) -> State:
    """What a node is like after a change that failed so. `begun`: in place of what says that nothing was begun."""
    if isinstance(error, BrokenError):
        return State.broken
    if isinstance(error, PendingError):
        return State.pending
    if isinstance(error, UntouchedError):
        return begun or (State.unreachable if error.unreached else State.not_started)
    if isinstance(error, NodeError) and not isinstance(error, ScriptError):
        return begun or State.unreachable
    return otherwise


def _alive(cluster: ClusterRun, run: NodeRun) -> Sequence[Address]:
    """The other API servers, but for those that this very run has lost: they are the reason to go back.

    Where no other is left, all of them count: the last server that answers is not restarted.
    """
    lost = {
        other.plan.member.at
        for other in cluster.nodes
        if other is not run
        and other.report
        and other.report.state in {State.unreachable, State.pending, State.broken}
    }
    others = cluster.plan.cluster.others(run.plan.member)
    return tuple(a for a in others if a not in lost) or others
