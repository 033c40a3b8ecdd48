"""What a rollout tells of itself while it goes on, and what became of each node."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kaudit_setup.change.run.terms import Outcome
from kaudit_setup.errors import Exit, KauditError, StoppedError
from kaudit_setup.fleet.plans import ClusterPlan, ConfigReport, NodePlan


class State(StrEnum):
    """What became of a node."""

    changed = "changed"  # and proved, in this run
    unchanged = "unchanged"  # it was as wanted before this run
    restored = "restored"  # its change failed, and its old state is back
    rolled_back = "rolled back"  # changed and proved, then restored because another node failed
    not_started = "not started"
    unreachable = "unreachable, not started"
    pending = "unreachable (its watchdog restores it)"
    left = "left to its watchdog"  # Ctrl-C twice, while it was not proved
    broken = "not restored"  # the error says what to do


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node after the rollout. `outcome`: of its change, also where that was taken back later."""

    plan: NodePlan
    state: State
    outcome: Outcome | None = None
    error: KauditError | None = None


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """One cluster after the rollout. `stored`: what was done to its kubeadm-config, or why nothing was."""

    plan: ClusterPlan
    nodes: tuple[NodeReport, ...]
    stored: ConfigReport = field(default_factory=ConfigReport)


@dataclass(frozen=True, slots=True)
class Report:
    """What was done. `errors`: those that belong to no node."""

    clusters: tuple[ClusterReport, ...]
    errors: tuple[KauditError, ...] = ()

    @property
    def nodes(self) -> tuple[NodeReport, ...]:
        """All nodes, cluster by cluster."""
        return tuple(node for cluster in self.clusters for node in cluster.nodes)

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


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done to a node, or waited for, now."""

    node: NodePlan
    what: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A node was changed, taken back, or could not be."""

    report: NodeReport


@dataclass(frozen=True, slots=True)
class Stored:
    """After the last node of a cluster: what was done to its kubeadm-config."""

    cluster: ClusterPlan
    what: ConfigReport


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Ctrl-C. `nodes`: those that are waited for; or that are left alone now, where it was the second one."""

    nodes: tuple[NodePlan, ...]
    leaving: bool


Event = Progress | Finished | Stored | Interrupted


class Narrator(Protocol):
    """Whoever sits in front of the rollout."""

    def tell(self, event: Event) -> None:
        """Show it. May be called in any thread."""
        ...

    def may_go_on(self, after: NodePlan) -> bool:
        """Ask whether the other nodes may follow the canary. Raises StoppedError where nobody answers."""
        ...
