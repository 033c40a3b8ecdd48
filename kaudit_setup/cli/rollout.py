"""What every command that alters nodes has in common: look at all, review once, roll out, report."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from kaudit_setup.cli.node_options import ChangeOptions
from kaudit_setup.cli.options import Output
from kaudit_setup.cli.progress import crowd, waiting
from kaudit_setup.cli.review import colour, confirm, refuse, review_of
from kaudit_setup.errors import Exit, KauditError, StoppedError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.review import ClusterReview, as_data, as_text, cluster_head, cluster_tail, together

if TYPE_CHECKING:
    from kaudit_setup.change.job import Prepared
    from kaudit_setup.change.persist import ConfigPlan
    from kaudit_setup.change.run import Outcome, Terms
    from kaudit_setup.fleet.crew import Fleet
    from kaudit_setup.fleet.group import Cluster, Member
    from kaudit_setup.fleet.rollout import Hands, Report
    from kaudit_setup.fleet.store import Storing
    from kaudit_setup.node.cluster import Address
    from kaudit_setup.node.port import Node

_READY_LIMIT_S = 120


@dataclass
class Job:
    """One run of one command over all its nodes, filled in as it goes on."""

    how: ChangeOptions
    fleet: Fleet
    storing: list[Storing]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    undo_store: dict[int, ConfigPlan] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """More than one node: then a report is printed at the end."""
        return sum(len(c.members) for c in self.fleet.clusters) > 1

    def storing_of(self, cluster: Cluster) -> Storing:
        """What will be stored for this cluster."""
        return self.storing[self.fleet.clusters.index(cluster)]

    @property
    def changes_something(self) -> bool:
        """On a node or in a ConfigMap."""
        return any(self.fleet.of(m).prepared.plan for c in self.fleet.clusters for m in c.members) or any(
            self.storing
        )


def change_nodes(how: ChangeOptions, prepare: Callable[[Node], Prepared]) -> None:
    """Look at every node, review once, then one node of a cluster after the other; a failure stops the rest."""
    from kaudit_setup.fleet.crew import look_at_fleet
    from kaudit_setup.fleet.rollout import Rules, roll
    from kaudit_setup.fleet.store import Storing, plan_storing

    with how.candidates() as candidates:
        with waiting(crowd(candidates)) as progress:
            progress("looking")
            fleet = look_at_fleet(candidates, prepare, ask=how.root is None)
        wanted = not how.no_persist
        storing = [
            plan_storing(fleet, c, wanted=wanted) if how.root is None else Storing(None) for c in fleet.clusters
        ]
        job = Job(how, fleet, storing)
        if how.dry_run:
            _print_dry_run(job)
            raise typer.Exit(Exit.WOULD_CHANGE if job.changes_something else Exit.OK)
        for cluster in fleet.clusters:
            for member in cluster.members:
                prepared = fleet.of(member).prepared
                # what is there already is no news while it may still be undone
                if prepared.plan or any(f.name == "pending" for f in prepared.findings):
                    refuse(member.name, prepared, how.force or ())
        if job.changes_something:
            confirm(_review_text(job) if not how.yes else "", yes=how.yes)
        report = roll(fleet.clusters, _hands(job), Rules(how.forks, how.all_or_nothing, how.canary))
    if how.output is Output.json:
        typer.echo(json.dumps(_data(job, report), indent=2))
    elif job.several:
        typer.echo("\n".join(_summary(job, report)))
    if report.failures:
        raise _worst(report)


def _worst(report: Report) -> KauditError:
    """The first error of the worst kind; the others stand below it."""
    first = next(e for e in report.failures if e.exit_code == report.exit_code)
    others = [e.message for e in report.failures if e is not first]
    return type(first)(first.message, hint=first.hint, details="\n".join([first.details, *others]).strip("\n"))


# --- what is done to a node


def _hands(job: Job) -> Hands:
    from kaudit_setup.fleet.rollout import Hands
    from kaudit_setup.node.cluster import wait_ready

    def late(member: Member, others: Sequence[Address]) -> Sequence[str]:
        with _progress(job, member) as progress:
            limit = min(_READY_LIMIT_S, job.how.timeout)
            return wait_ready(job.fleet.of(member).node, others, limit=limit, progress=progress)

    def say(member: Member, what: str) -> None:
        if len(job.fleet.clusters) > 1:
            typer.echo(f"{safe(member.name)}: {safe(what)}", err=True)

    return Hands(
        restarts=lambda member: job.how.root is None and job.fleet.of(member).prepared.plan.restarts,
        change=lambda member: _change(job, member),
        undo=lambda member, backup: _undo(job, member, backup),
        late=late,
        store=lambda cluster: _store(job, cluster),
        unstore=lambda cluster: _unstore(job, cluster),
        go_on=_go_on,
        say=say,
    )


def _terms(job: Job, member: Member) -> Terms:
    from kaudit_setup.change.run import Terms

    stored = member.seen.config
    return Terms(
        by=who(),
        timeout=job.how.timeout,
        keep=job.how.keep,
        prove=job.how.root is None,
        kubeadm_config=stored.text if stored else "",
    )


def _change(job: Job, member: Member) -> str | None:
    from kaudit_setup.change.run import enact, prove_unchanged

    looked = job.fleet.of(member)
    act = enact if looked.prepared.plan else prove_unchanged
    with _progress(job, member) as progress:
        outcome = act(looked.node, looked.prepared.plan, looked.observed, _terms(job, member), progress)
    job.outcomes[id(member)] = outcome
    if job.how.output is Output.text:
        typer.echo("\n".join(_told(member.name, looked.prepared, outcome)))
    return outcome.backup


def _undo(job: Job, member: Member, backup: str) -> None:
    from kaudit_setup.change.job import prepare_rollback
    from kaudit_setup.change.run import enact

    node = job.fleet.of(member).node
    prepared = prepare_rollback(node, backup, manifest=job.how.manifest)
    with _progress(job, member) as progress:
        if prepared.plan:
            enact(node, prepared.plan, prepared.observed, _terms(job, member), progress)
    if job.how.output is Output.text:
        typer.echo(f"{safe(member.name)}: taken back")


def _store(job: Job, cluster: Cluster) -> str:
    from kaudit_setup.change.persist import reverse, write
    from kaudit_setup.fleet.crew import server_at
    from kaudit_setup.fleet.store import pod_after

    storing = job.storing_of(cluster)
    if not storing.plan:
        return storing.why
    member = cluster.members[-1]
    looked = job.fleet.of(member)
    outcome = job.outcomes.get(id(member))
    version = write(
        looked.node,
        server_at(pod_after(looked)),
        storing.plan,
        by=who(),
        backed_up=bool(outcome and outcome.backup),
        settings=storing.settings,
    )
    job.undo_store[id(cluster)] = reverse(storing.plan, version)
    flags = storing.settings.flags if storing.settings else {}
    word = (
        "kubeadm-config: stored, so that kubeadm upgrade keeps it"
        if flags
        else "kubeadm-config: taken out there, too"
    )
    if job.how.output is Output.text and not job.several:
        typer.echo(f"  {word}")
    return word


def _unstore(job: Job, cluster: Cluster) -> None:
    from kaudit_setup.change.persist import write
    from kaudit_setup.fleet.crew import server_at
    from kaudit_setup.fleet.store import pod_after

    plan = job.undo_store.get(id(cluster))
    if plan:
        looked = job.fleet.of(cluster.members[-1])
        write(looked.node, server_at(pod_after(looked)), plan, by=who(), backed_up=True)


def _go_on(member: Member) -> bool:
    try:
        return typer.confirm(f"{safe(member.name)} is done. Go on with the others?", default=False, err=True)
    except typer.Abort as error:
        raise StoppedError(f"stopped after {member.name}; nobody said yes", hint="run again to go on") from error


@contextmanager
def _progress(job: Job, member: Member) -> Iterator[Callable[[str], None]]:
    if len(job.fleet.clusters) > 1:
        # several at the same time: lines instead of one moving line

        def say(what: str) -> None:
            typer.echo(f"{safe(member.name)}: {safe(what)}", err=True)

        yield say
        return
    with waiting(member.name) as progress:
        yield progress


def who() -> str:
    """Who asked, for the node's journal: the person behind sudo where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


# --- what is said


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


def _review_text(job: Job, *, everything: bool = False) -> str:
    lines: list[str] = []
    for cluster, review in zip(job.fleet.clusters, _cluster_reviews(job), strict=True):
        lines += cluster_head(review, alone=not job.several)
        shown = [m for m in cluster.members if everything or job.fleet.of(m).prepared.plan]
        merged = together([review_of(m.name, job.fleet.of(m).prepared) for m in shown])
        lines += [as_text(same, colour()) for same in merged]
        lines += cluster_tail(review, colour())
    return "\n".join(lines)


def _print_dry_run(job: Job) -> None:
    if job.how.output is Output.text:
        typer.echo(_review_text(job, everything=True))
        return
    found = []
    for cluster, review in zip(job.fleet.clusters, _cluster_reviews(job), strict=True):
        for member in cluster.members:
            node = as_data(review_of(member.name, job.fleet.of(member).prepared))
            found.append(
                {**node, "cluster": cluster.name, "kubeadm_config": review.diff, "remarks": list(review.said)}
            )
    typer.echo(json.dumps(found, indent=2))


def _told(host: str, prepared: Prepared, outcome: Outcome) -> list[str]:
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


def _summary(job: Job, report: Report) -> list[str]:
    lines = []
    by_member = {id(n.member): n for n in report.nodes}
    for cluster in job.fleet.clusters:
        states = [by_member[id(m)] for m in cluster.members]
        lines.append(f"{safe(cluster.name)}: " + ", ".join(f"{safe(n.member.name)} {n.state}" for n in states))
        if word := report.stored.get(cluster.name):
            lines.append(f"  {safe(word)}")
    return lines


def _data(job: Job, report: Report) -> list[dict[str, Any]]:
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
