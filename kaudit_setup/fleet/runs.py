"""One node and one cluster on their way through a rollout: everything that is done to them, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaudit_setup.change.cancel import CancelledError, Level
from kaudit_setup.change.persist import ConfigPlan, reverse, write
from kaudit_setup.change.prepare import prepare_rollback
from kaudit_setup.change.run.enact import enact
from kaudit_setup.change.run.proof import prove_unchanged
from kaudit_setup.change.run.terms import Outcome, Terms
from kaudit_setup.errors import NodeError, StoppedError
from kaudit_setup.fleet.events import ClusterReport, Event, NodeReport, Progress, State
from kaudit_setup.fleet.kubeadm_config import found_after
from kaudit_setup.fleet.plans import ClusterPlan, ConfigReport, ConfigState, NodePlan, server_at
from kaudit_setup.node.cluster import ClusterSeen, wait_ready
from kaudit_setup.node.observe import observe
from kaudit_setup.node.peers import Address
from kaudit_setup.values import replace

# How long other API servers of the cluster are waited for, at most, before a node is restarted.
_READY_LIMIT_S = 120


class NodeRun:
    """One node. Every method raises KauditError and may be called in any thread."""

    def __init__(self, plan: NodePlan, terms: Terms, tell: Callable[[Event], None]) -> None:
        """Nothing is done yet; `report` is None until it is."""
        self.plan = plan
        self.report: NodeReport | None = None
        stored = plan.member.seen.config
        self._terms = replace(terms, kubeadm_config=stored.text if stored else "")
        self._tell = tell

    @property
    def changes(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.plan.prepared.plan)

    @property
    def restarts(self) -> bool:
        """Whether its API server is interrupted."""
        return self._terms.prove and self.plan.prepared.plan.restarts

    def say(self, what: str) -> None:
        """Tell what is being done now."""
        self._tell(Progress(self.plan, what))

    def change(self) -> Outcome:
        """Do it and prove it. After an error the node is as it was, unless that is a BrokenError or PendingError."""
        plan, state = self.plan.prepared.plan, self.plan.prepared.state
        if plan:
            outcome = enact(self.plan.node, plan, state, self._terms, self.say)
        else:
            outcome = prove_unchanged(self.plan.node, state, self._terms, self.say)
        return replace(outcome, seconds=self.plan.seconds + outcome.seconds)

    def take_back(self, backup: str) -> None:
        """Put that backup back and prove it. A first Ctrl-C does not stop it: it is what follows one."""
        prepared = prepare_rollback(
            self.plan.node, backup, manifest=self.plan.prepared.state.observed.manifest.path, prove=self._terms.prove
        )
        if prepared.plan:
            terms = replace(self._terms, stops_at=Level.LEAVE)
            enact(self.plan.node, prepared.plan, prepared.state, terms, self.say)

    def not_ready(self, others: Sequence[Address]) -> tuple[str, ...]:
        """Wait for these API servers as seen from this node; those that are not ready in time."""
        cancellation, node = self._terms.cancellation, self.plan.node
        # after a first Ctrl-C it is only asked before a node is taken back
        stops_at = Level.LEAVE if cancellation.is_cancelled() else Level.STOP
        try:
            with cancellation.ends(stops_at, node.close):
                limit = min(_READY_LIMIT_S, self._terms.timeout)
                return wait_ready(node, others, limit=limit, progress=self.say)
        except CancelledError as cancelled:
            raise StoppedError(f"{self.plan.name}: interrupted; it was not started") from cancelled


class ClusterRun:
    """One cluster, after the last of its nodes."""

    def __init__(self, plan: ClusterPlan, nodes: Sequence[NodeRun], terms: Terms) -> None:
        """Nothing is stored yet."""
        self.plan = plan
        self.nodes = tuple(nodes)
        self.stored = ConfigReport()
        self._by = terms.by
        self._undo: ConfigPlan | None = None

    @property
    def report(self) -> ClusterReport:
        """What became of it so far."""
        nodes = (run.report or NodeReport(run.plan, State.not_started) for run in self.nodes)
        return ClusterReport(self.plan, tuple(nodes), self.stored)

    def store(self) -> ConfigReport:
        """Store the settings in kubeadm-config; what was done, or why nothing was. Raises KauditError."""
        storing, last = self.plan.storing, self.nodes[-1]
        if not storing.plan:
            return self._ask_again() if storing.unknown else storing.nothing
        backup = last.report and last.report.outcome and last.report.outcome.backup
        version = write(
            last.plan.node,
            server_at(last.plan.pod),
            storing.plan,
            by=self._by,
            backed_up=bool(backup),
            settings=storing.settings,
        )
        self._undo = reverse(storing.plan, version)
        if storing.settings and storing.settings.flags:
            return ConfigReport(ConfigState.stored, "kubeadm-config: stored, so that kubeadm upgrade keeps it")
        return ConfigReport(ConfigState.stored, "kubeadm-config: audit settings removed")

    def _ask_again(self) -> ConfigReport:
        """Now that the last node's server was proved; a failure to ask is no failure of the change."""
        last = self.plan.nodes[-1]
        try:
            seen = observe(last.node, manifest=last.prepared.state.observed.manifest.path)
        except NodeError:
            return self.plan.storing.nothing
        return found_after(seen.cluster or ClusterSeen(None, "its API server could not be asked"), last)

    def unstore(self) -> None:
        """Take that back. Raises KauditError."""
        if self._undo:
            last = self.plan.nodes[-1]
            write(last.node, server_at(last.pod), self._undo, by=self._by, backed_up=True)
        self.stored = ConfigReport()
