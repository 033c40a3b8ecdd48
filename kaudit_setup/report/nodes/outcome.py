"""What a rollout did, as text for people and as typed data for programs."""

from __future__ import annotations

from typing import Literal, TypeAlias

from kaudit_setup.change.run.terms import Outcome
from kaudit_setup.fleet.events import ClusterReport, NodeReport, Report, State
from kaudit_setup.fleet.plans import ConfigState
from kaudit_setup.report.documents.document import Fault, Item, Json, Seconds, Words, fault
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.proof import logged_event
from kaudit_setup.report.nodes.review import Action, action_of

Outcomes: TypeAlias = Literal[
    "changed", "unchanged", "restored", "rolledBack", "notStarted", "unreachable", "pending", "left", "broken"
]
_STATES: dict[State, Outcomes] = {
    State.changed: "changed",
    State.unchanged: "unchanged",
    State.restored: "restored",
    State.rolled_back: "rolledBack",
    State.not_started: "notStarted",
    State.unreachable: "unreachable",
    State.pending: "pending",
    State.left: "left",
    State.broken: "broken",
}
KubeadmConfig: TypeAlias = Literal["stored", "upToDate", "notStored", "unknown", "skipped"]
_CONFIGS: dict[ConfigState, KubeadmConfig] = {
    ConfigState.stored: "stored",
    ConfigState.up_to_date: "upToDate",
    ConfigState.not_stored: "notStored",
    ConfigState.unknown: "unknown",
    ConfigState.skipped: "skipped",
}
_DONE = {"enable": "auditing is on", "disable": "auditing is off", "rollback": "rolled back"}


def node_as_text(report: NodeReport) -> list[str]:
    """What was done to a node and how it was proved, in lines; nothing where an error says it."""
    name, outcome = safe(report.plan.name), report.outcome
    if report.error or outcome is None:
        return []
    if report.state is State.rolled_back:
        return [f"{name}: rolled back"]
    prepared = report.plan.prepared
    said = _DONE.get(prepared.plan.action, prepared.plan.action)
    done = f"{said} ({outcome.seconds:.1f} s)" if prepared.plan else f"nothing to do: {said} already"
    lines = [safe(finding.message) for finding in prepared.findings]
    return [*(f"{name}: {line}" for line in (*lines, done)), *_evidence(outcome)]


def _evidence(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.proof and outcome.proof.event:
        lines.append("  proof: a marked request was found in the audit log, written by the running server")
    elif outcome.proof:
        lines.append("  proof: the running server has these settings and answers")
    if outcome.note:
        lines.append(f"  {safe(outcome.note)}")
    if outcome.backup:
        lines.append(f"  backup: {outcome.backup} (undo with `kaudit-setup rollback --to {outcome.backup}`)")
    return lines


def summary(report: Report) -> list[str]:
    """What every node is like now, a line for each cluster."""
    lines = []
    for cluster in report.clusters:
        states = ", ".join(f"{safe(node.plan.name)} {node.state}" for node in cluster.nodes)
        lines.append(f"{safe(cluster.plan.cluster.name)}: {states}")
        if cluster.stored.said:
            lines.append(f"  {safe(cluster.stored.said)}")
    return lines


class NodeChange(Item, frozen=True, kw_only=True):
    """What became of one node. `backup`: its ID, null where nothing had to change; `server`: the new server process;
    `event`: the marked event that proves it; `changed`: whether this node was; `kubeadm_config`: what became of the
    cluster's kubeadm-config, `stored` where it was written, which may be so where no node had to change;
    `notStored`: the next kubeadm upgrade will undo this change; `skipped`: it was not to be written.
    """

    host: str
    cluster: str
    state: Outcomes
    action: Action
    changed: bool
    backup: str | None
    proved: bool
    server: str | None
    event: Json | None
    note: Words
    seconds: Seconds | None
    findings: tuple[str, ...]
    kubeadm_config: KubeadmConfig
    kubeadm_config_message: Words


def as_items(report: Report) -> list[NodeChange]:
    """The same for programs, one entry for each node."""
    return [_item(cluster, node) for cluster in report.clusters for node in cluster.nodes]


def faults(report: Report) -> list[Fault]:
    """Every error, those of nodes with their node."""
    of_nodes = {id(node.error): node.plan.name for node in report.nodes if node.error}
    return [fault(error, of_nodes.get(id(error))) for error in report.failures]


def _item(cluster: ClusterReport, node: NodeReport) -> NodeChange:
    prepared, outcome = node.plan.prepared, node.outcome or Outcome(None, None)
    proof = outcome.proof
    return NodeChange(
        host=node.plan.name,
        cluster=cluster.plan.cluster.name,
        state=_STATES[node.state],
        action=action_of(prepared.plan),
        changed=bool(prepared.plan) and node.state == State.changed,
        backup=outcome.backup,
        proved=bool(proof and proof.event),
        server=proof.server if proof else None,
        event=logged_event(proof),
        note=outcome.note,
        seconds=round(node.outcome.seconds, 3) if node.outcome else None,
        findings=tuple(finding.name for finding in prepared.findings),
        kubeadm_config=_CONFIGS[cluster.stored.state],
        kubeadm_config_message=cluster.stored.said,
    )
