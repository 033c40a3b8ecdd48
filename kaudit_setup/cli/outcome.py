"""What a rollout says: the review of all nodes, what was done to each, and how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kaudit_setup.cli.options.output import Output
from kaudit_setup.cli.review import review_of
from kaudit_setup.report.escape import safe
from kaudit_setup.report.review import ClusterReview, as_text, cluster_head, cluster_tail, together
from kaudit_setup.report.review import as_data as one_review
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.change.prepare import Prepared
    from kaudit_setup.change.run import Outcome
    from kaudit_setup.cli.rollout import Job
    from kaudit_setup.fleet.rollout import Report


def _cluster_reviews(job: Job) -> list[ClusterReview]:
    from kaudit_setup.fleet.group import remarks
    from kaudit_setup.fleet.store import unlike
    from kaudit_setup.manifest.difference import unified

    found = []
    for cluster, storing in zip(job.fleet.clusters, job.storing, strict=True):
        said = [*remarks(cluster), unlike(job.fleet, cluster)]
        said += [f"{name} is {first} again and is taken once" for name, first in job.fleet.grouped.doubles]
        diff = ""
        if storing.plan:
            diff = unified(storing.plan.before, storing.plan.after, "ConfigMap kube-system/kubeadm-config")
        found.append(
            ClusterReview(
                cluster.name,
                cluster.ca,
                tuple(m.name for m in cluster.members),
                tuple(filter(None, said)),
                diff.rstrip("\n"),
                storing.why,
            )
        )
    return found


def remarks_of(job: Job) -> list[str]:
    """What a person should know before it happens, each with its cluster."""
    return [f"{review.name}: {said}" for review in _cluster_reviews(job) for said in review.said]


def review_text(job: Job, *, everything: bool = False) -> str:
    """One review for all clusters; what is the same on several nodes stands there once."""
    lines: list[str] = []
    for cluster, review in zip(job.fleet.clusters, _cluster_reviews(job), strict=True):
        lines += cluster_head(review, alone=not job.several)
        shown = [m for m in cluster.members if everything or job.fleet.of(m).prepared.plan]
        merged = together([review_of(m.name, job.fleet.of(m).prepared) for m in shown])
        lines += [as_text(same, colour()) for same in merged]
        lines += cluster_tail(review, colour())
    return "\n".join(lines)


def dry_run_text(job: Job) -> str:
    """What would be done, as text or JSON."""
    if job.how.output is Output.text:
        return review_text(job, everything=True)
    found = []
    for cluster, review in zip(job.fleet.clusters, _cluster_reviews(job), strict=True):
        for member in cluster.members:
            node = one_review(review_of(member.name, job.fleet.of(member).prepared))
            found.append(
                {**node, "cluster": cluster.name, "kubeadm_config": review.diff, "remarks": list(review.said)}
            )
    return json.dumps(found, indent=2)


def told(host: str, prepared: Prepared, outcome: Outcome) -> list[str]:
    """What was done to a node and how it was proved, in lines."""
    done = {"enable": "auditing is on", "disable": "auditing is off", "rollback": "rolled back"}
    said = done.get(prepared.plan.action, prepared.plan.action)
    lines = [f"{safe(host)}: {safe(f.message)}" for f in prepared.findings]
    if not prepared.plan:
        lines.append(f"{safe(host)}: nothing to do, {said} already")
    else:
        lines.append(f"{safe(host)}: {said} ({outcome.seconds:.1f} s)")
    if outcome.proof and outcome.proof.event:
        lines.append("  proof: a marked request was found in the audit log, written by the running server")
    elif outcome.proof:
        lines.append("  proof: the running server has these settings and answers")
    if outcome.note:
        lines.append(f"  {safe(outcome.note)}")
    if outcome.backup:
        lines.append(f"  backup: {outcome.backup} (undo with: kaudit-setup rollback --to {outcome.backup})")
    return lines


def summary(job: Job, report: Report) -> list[str]:
    """What every node is like now, a line for each cluster."""
    lines = []
    by_member = {id(n.member): n for n in report.nodes}
    for cluster in job.fleet.clusters:
        states = [by_member[id(m)] for m in cluster.members]
        lines.append(f"{safe(cluster.name)}: " + ", ".join(f"{safe(n.member.name)} {n.state}" for n in states))
        if word := report.stored.get(cluster.name):
            lines.append(f"  {safe(word)}")
    return lines


def as_data(job: Job, report: Report) -> list[dict[str, Any]]:
    """The same for programs, one entry for each node."""
    by_member = {id(n.member): n for n in report.nodes}
    found = []
    for cluster in job.fleet.clusters:
        for member in cluster.members:
            node, prepared = by_member[id(member)], job.fleet.of(member).prepared
            outcome = job.outcomes.get(id(member))
            proof = outcome.proof if outcome else None
            found.append(
                {
                    "host": member.name,
                    "cluster": cluster.name,
                    "state": str(node.state),
                    "action": prepared.plan.action,
                    "changed": bool(prepared.plan) and node.state == "new",
                    "backup": outcome.backup if outcome else None,
                    "proved": bool(proof and proof.event),
                    "server": proof.server if proof else None,
                    "event": proof.event.decode("utf-8", "replace") if proof else None,
                    "note": outcome.note if outcome else "",
                    "warnings": [f.message for f in prepared.findings],
                    "error": node.error.message if node.error else None,
                    "kubeadm_config": report.stored.get(cluster.name, ""),
                    "seconds": round(outcome.seconds, 3) if outcome else None,
                }
            )
    return found
