"""What a rollout did, as text for people and as plain data for programs."""

from __future__ import annotations

from typing import Any

from kaudit_setup.change.run import Outcome
from kaudit_setup.fleet.events import ClusterReport, NodeReport, Report, State
from kaudit_setup.report.escape import safe

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
        lines.append(f"  backup: {outcome.backup} (undo with: kaudit-setup rollback --to {outcome.backup})")
    return lines


def summary(report: Report) -> list[str]:
    """What every node is like now, a line for each cluster."""
    lines = []
    for cluster in report.clusters:
        states = ", ".join(f"{safe(node.plan.name)} {node.state}" for node in cluster.nodes)
        lines.append(f"{safe(cluster.plan.cluster.name)}: {states}")
        if cluster.stored:
            lines.append(f"  {safe(cluster.stored)}")
    return lines


def as_data(report: Report) -> list[dict[str, Any]]:
    """The same for programs, one entry for each node."""
    return [_entry(cluster, node) for cluster in report.clusters for node in cluster.nodes]


def _entry(cluster: ClusterReport, node: NodeReport) -> dict[str, Any]:
    prepared = node.plan.prepared
    return {
        "host": node.plan.name,
        "cluster": cluster.plan.cluster.name,
        "state": str(node.state),
        "action": prepared.plan.action,
        "changed": bool(prepared.plan) and node.state == State.changed,
        **_outcome(node.outcome or Outcome(None, None)),
        "warnings": [finding.message for finding in prepared.findings],
        "error": node.error.message if node.error else None,
        "kubeadm_config": cluster.stored,
        "seconds": round(node.outcome.seconds, 3) if node.outcome else None,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    proof = outcome.proof
    return {
        "backup": outcome.backup,
        "proved": bool(proof and proof.event),
        "server": proof.server if proof else None,
        "event": proof.event.decode("utf-8", "replace") if proof else None,
        "note": outcome.note,
    }
