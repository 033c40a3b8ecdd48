"""The last thing that a person reads before a change: what, where, what it costs, what undoes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaudit_setup.fleet.plans import FleetPlan, NodePlan
from kaudit_setup.report.nodes.grouping import gather, names, only
from kaudit_setup.report.nodes.hints import Reach, pasteable
from kaudit_setup.report.nodes.log_cost import cost_as_text, log_cost
from kaudit_setup.report.wrap import WIDTH, fitted
from kaudit_setup.units import counted

_HEAD = 12


def summary(fleet: FleetPlan, reach: Reach = ()) -> list[str]:
    """Some lines, in the order in which things happen; no line where there is nothing to say. `reach`: the options
    that commands in it need to reach the same nodes.
    """
    changing = [node for node in fleet.nodes if node.prepared.plan]
    rows = (
        *_change(fleet, changing),
        ("restart", _restart(changing)),
        ("log", _log(changing)),
        ("kubeadm", _kubeadm(fleet)),
        ("undo", _undo(changing)),
    )
    lines = [f"  {name:<{_HEAD - 2}}{pasteable(said, reach)}" for name, said in rows if said]
    return ["Summary:", *(fitted(line, most=WIDTH) for line in lines)]


def _change(fleet: FleetPlan, changing: Sequence[NodePlan]) -> Iterator[tuple[str, str]]:
    for action, hosts in gather((node.prepared.plan.action, node.name) for node in changing).items():
        yield action, f"on {counted(len(hosts), 'node') + ': ' if len(hosts) > 1 else ''}{names(hosts)}"
    yield "unchanged", names([node.name for node in fleet.nodes if not node.prepared.plan])


def _restart(changing: Sequence[NodePlan]) -> str:
    restarting = [node.name for node in changing if node.prepared.plan.restarts]
    if not restarting:
        return "none: kube-apiserver goes on running" if changing else ""
    if len(restarting) == 1:
        return f"kube-apiserver of {names(restarting)} restarts (its API does not answer for some seconds)"
    return f"kube-apiserver{only(restarting, of=len(changing))} restarts, in each cluster on one node at a time"


def _log(changing: Sequence[NodePlan]) -> str:
    return cost_as_text([cost for node in changing if (cost := log_cost(node.prepared))])


def _kubeadm(fleet: FleetPlan) -> str:
    if any(cluster.storing.plan for cluster in fleet.clusters):
        return "ConfigMap kubeadm-config is updated after the last node, so that kubeadm upgrade does the same"
    if any(cluster.storing.unknown for cluster in fleet.clusters):
        return (
            "kubeadm-config is asked for after the change; without these settings the next kubeadm upgrade undoes it"
        )
    if any(cluster.storing.missed for cluster in fleet.clusters):
        return "kubeadm-config is not updated: the next kubeadm upgrade undoes this"
    return ""


def _undo(changing: Sequence[NodePlan]) -> str:
    """The command first, so that its line is never broken inside it."""
    if not changing:
        return ""
    return "`kaudit-setup rollback` restores every file; a node on which the change is not proved is restored at once"
