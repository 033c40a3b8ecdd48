"""One node at a time in a cluster, clusters side by side; what happens when one of them fails.

What is done to a node is not known here: `Hands` does it. So the order, the stopping and the undoing are tested
without a node.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum

from kaudit_setup.errors import BrokenError, ChangeError, Exit, KauditError, PendingError, StoppedError
from kaudit_setup.fleet.group import Cluster, Member
from kaudit_setup.node.cluster import Address


class State(StrEnum):
    """What became of a node."""

    new = "new"  # changed and proved in this run
    already = "already new"  # it was as wanted before this run
    old = "old"  # its change failed, and it was put back
    undone = "undone"  # changed and proved, then taken back because another node failed
    untouched = "untouched"
    pending = "out of reach (its watchdog puts it back)"
    unknown = "unknown"  # it could not be put back; the error says what to do


@dataclass(frozen=True, slots=True)
class Rules:
    """How to go about it. `forks`: clusters that are worked on at the same time."""

    forks: int = 8
    all_or_nothing: bool = False
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Hands:
    """What the rollout needs done. Every function may raise KauditError.

    `restarts`: whether changing this node interrupts its API server. `change`: do it and prove it; the name of the
    backup, None if nothing had to change; after an error the node is as it was, unless it is a BrokenError.
    `undo`: put that backup back and prove it. `late`: wait for these API servers as seen from that node, return those
    that are not ready. `store`: after a cluster's last node; a word about it. `unstore`: takes it back.
    `go_on`: the canary's yes. `say`: progress of a node.
    """

    restarts: Callable[[Member], bool]
    change: Callable[[Member], str | None]
    undo: Callable[[Member, str], None]
    late: Callable[[Member, Sequence[Address]], Sequence[str]]
    store: Callable[[Cluster], str]
    unstore: Callable[[Cluster], None]
    go_on: Callable[[Member], bool]
    say: Callable[[Member, str], None]


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
        """Every error, those of nodes first."""
        return (*(n.error for n in self.nodes if n.error), *self.errors)

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


def _after(error: KauditError, otherwise: State) -> State:
    """What a node is like after a change that failed so."""
    if isinstance(error, BrokenError):
        return State.unknown
    return State.pending if isinstance(error, PendingError) else otherwise


class _Rollout:
    def __init__(self, clusters: Sequence[Cluster], hands: Hands, rules: Rules) -> None:
        self.clusters, self.hands, self.rules = clusters, hands, rules
        self.stop = threading.Event()
        self.guard = threading.Lock()
        self.reports: dict[int, NodeReport] = {}
        self.done: list[tuple[Cluster, Member, str]] = []
        self.errors: list[KauditError] = []
        self.stored: dict[str, str] = {}
        self.kept: list[Cluster] = []

    def run(self) -> Report:
        if self.rules.canary and self.clusters and not self._canary():
            return self._report()
        if len(self.clusters) == 1:
            # in this thread, so that Ctrl-C reaches the node's own way back
            self._cluster(self.clusters[0])
        else:
            self._side_by_side()
        if self.rules.all_or_nothing:
            if not self._failed():
                for cluster in self.clusters:
                    self._store(cluster)
            if self._failed():
                self._undo_everything()
        return self._report()

    def _report(self) -> Report:
        nodes = [
            self.reports.get(id(member), NodeReport(member, State.untouched))
            for cluster in self.clusters
            for member in cluster.members
        ]
        return Report(tuple(nodes), self.stored, tuple(self.errors))

    def _failed(self) -> bool:
        return bool(self.errors) or any(r.error for r in self.reports.values())

    def _canary(self) -> bool:
        """The first node that has something to change; True if the rest may follow."""
        for cluster in self.clusters:
            for member in cluster.members:
                if not self._node(cluster, member):
                    return False
                if self.reports[id(member)].state == State.new:
                    if self.hands.go_on(member):
                        return True
                    self.errors.append(
                        ChangeError(f"stopped after {member.name}, as you said", hint="run again to go on")
                    )
                    return False
        return True

    def _side_by_side(self) -> None:
        with ThreadPoolExecutor(max(1, self.rules.forks), thread_name_prefix="cluster") as pool:
            jobs: list[Future[None]] = [pool.submit(self._cluster, cluster) for cluster in self.clusters]
            try:
                wait(jobs)
            except KeyboardInterrupt:
                # the nodes under way are proved or put back; no other one is begun
                self.stop.set()
                self.errors.append(StoppedError("interrupted; the nodes under way were finished"))
                wait(jobs)
            for job in jobs:
                job.result()

    def _cluster(self, cluster: Cluster) -> None:
        for member in cluster.members:
            if self.stop.is_set():
                return
            if id(member) not in self.reports and not self._node(cluster, member):
                return
        if not self.rules.all_or_nothing and not self.stop.is_set():
            self._store(cluster)

    def _node(self, cluster: Cluster, member: Member) -> bool:
        try:
            if self.hands.restarts(member):
                self._all_others_ready(cluster, member)
        except KauditError as error:
            self._note(NodeReport(member, State.untouched, error=error))
            return False
        try:
            backup = self.hands.change(member)
        except KauditError as error:
            self._note(NodeReport(member, _after(error, State.old), error=error))
            return False
        if backup is None:
            self._note(NodeReport(member, State.already))
            return True
        self._note(NodeReport(member, State.new, backup))
        with self.guard:
            self.done.append((cluster, member, backup))
        return True

    def _note(self, report: NodeReport) -> None:
        with self.guard:
            self.reports[id(report.member)] = report
        if report.error:
            self.stop.set()

    def _all_others_ready(self, cluster: Cluster, member: Member) -> None:
        others = cluster.others(member)
        if not others:
            return
        self.hands.say(member, "asking the other API servers of the cluster")
        late = self.hands.late(member, others)
        if late:
            raise ChangeError(
                f"{', '.join(late)} of the same cluster is not ready, so {member.name} was not touched",
                hint="mend that API server first, then run the same command again",
            )

    def _store(self, cluster: Cluster) -> None:
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
        """Newest first; and what was stored last comes back before any node."""
        for cluster in reversed(self.kept):
            try:
                self.hands.unstore(cluster)
                self.stored.pop(cluster.name, None)
            except KauditError as error:
                self.errors.append(error)
        for cluster, member, backup in reversed(self.done):
            try:
                self._all_others_ready(cluster, member)
                self.hands.undo(member, backup)
            except KauditError as error:
                self._note(NodeReport(member, _after(error, State.new), backup, error))
                # one that cannot be taken back is reason enough not to restart the next one
                return
            self._note(NodeReport(member, State.undone, backup))
