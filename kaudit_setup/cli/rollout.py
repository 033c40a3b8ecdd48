"""What every command that alters nodes has in common: look at all, review once, roll out, report."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.options.nodes import ChangeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.cli.outcome import as_data, dry_run_text, remarks_of, review_text, summary, told
from kaudit_setup.cli.review import confirm, refuse
from kaudit_setup.errors import Exit, KauditError, StoppedError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.progress import crowd, show_cursor, waiting

if TYPE_CHECKING:
    from kaudit_setup.change.cancel import Cancellation, Level
    from kaudit_setup.change.persist import ConfigPlan
    from kaudit_setup.change.prepare import Prepared
    from kaudit_setup.change.run import Outcome, Terms
    from kaudit_setup.fleet.group import Cluster, Member
    from kaudit_setup.fleet.rollout import Hands, Report
    from kaudit_setup.fleet.store import Storing
    from kaudit_setup.fleet.survey import Candidate, Fleet
    from kaudit_setup.node.cluster import Address
    from kaudit_setup.node.port import Node

_READY_LIMIT_S = 120


def _new_cancellation() -> Cancellation:
    from kaudit_setup.change.cancel import Cancellation

    return Cancellation()


@dataclass
class Job:
    """One run of one command over all its nodes, filled in as it goes on."""

    how: ChangeOptions
    fleet: Fleet
    storing: list[Storing]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    undo_store: dict[int, ConfigPlan] = field(default_factory=dict)
    cancellation: Cancellation = field(default_factory=_new_cancellation)

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
    from kaudit_setup.fleet.rollout import Rules, roll

    with how.candidates() as candidates:
        try:
            job = _looked(how, candidates, prepare)
        except KeyboardInterrupt as error:
            raise StoppedError("interrupted; nothing was changed anywhere") from error
        fleet = job.fleet
        if how.dry_run:
            typer.echo(dry_run_text(job))
            raise typer.Exit(Exit.WOULD_CHANGE if job.changes_something else Exit.OK)
        for cluster in fleet.clusters:
            for member in cluster.members:
                prepared = fleet.of(member).prepared
                # what is there already is no news while it may still be undone
                if prepared.plan or any(f.name in {"pending", "unfinished"} for f in prepared.findings):
                    refuse(member.name, prepared, how.force or ())
        if job.changes_something:
            if how.yes:
                # nobody reads a review, but what may well be a mistake is in the log of whoever ran it
                for remark in remarks_of(job):
                    typer.echo(f"note: {safe(remark)}", err=True)
            confirm(review_text(job) if not how.yes else "", yes=how.yes)
        report = roll(fleet.clusters, _hands(job), Rules(how.forks, how.all_or_nothing, how.canary))
    if how.output is Output.json:
        typer.echo(json.dumps(as_data(job, report), indent=2))
    elif job.several:
        typer.echo("\n".join(summary(job, report)))
    if report.failures:
        raise _worst(report)


def _looked(how: ChangeOptions, candidates: Sequence[Candidate], prepare: Callable[[Node], Prepared]) -> Job:
    from kaudit_setup.fleet.store import Storing, plan_storing
    from kaudit_setup.fleet.survey import look_at_fleet

    with waiting(crowd(candidates)) as progress:
        progress("looking")
        fleet = look_at_fleet(candidates, prepare, ask=how.root is None)
    wanted = not how.no_persist
    return Job(
        how,
        fleet,
        [plan_storing(fleet, c, wanted=wanted) if how.root is None else Storing(None) for c in fleet.clusters],
    )


def _worst(report: Report) -> KauditError:
    """The first error of the worst kind; the others stand below it, each with its mend."""
    first = next(e for e in report.failures if e.exit_code == report.exit_code)
    others = [
        e.message + (f" ({e.hint})" if e.hint and e.hint != first.hint else "")
        for e in report.failures
        if e is not first
    ]
    return type(first)(first.message, hint=first.hint, details="\n".join([first.details, *others]).strip("\n"))


# --- what is done to a node


def _hands(job: Job) -> Hands:
    from kaudit_setup.change.cancel import CancelledError, Level
    from kaudit_setup.fleet.rollout import Hands
    from kaudit_setup.node.cluster import wait_ready

    def late(member: Member, others: Sequence[Address]) -> Sequence[str]:
        node, limit = job.fleet.of(member).node, min(_READY_LIMIT_S, job.how.timeout)
        # after a first Ctrl-C it is only asked before a node is taken back
        heeds = Level.LEAVE if job.cancellation.is_cancelled(Level.STOP) else Level.STOP
        with _progress(job, member) as progress:
            try:
                with job.cancellation.ends(heeds, node.close):
                    return wait_ready(node, others, limit=limit, progress=progress)
            except CancelledError as cancelled:
                raise StoppedError(f"{member.name}: interrupted; it was not touched") from cancelled

    def say(member: Member, what: str) -> None:
        if len(job.fleet.clusters) > 1:
            typer.echo(f"{safe(member.name)}: {safe(what)}", err=True)

    return Hands(
        changes=lambda member: bool(job.fleet.of(member).prepared.plan),
        restarts=lambda member: job.how.root is None and job.fleet.of(member).prepared.plan.restarts,
        change=lambda member: _change(job, member),
        undo=lambda member, backup: _undo(job, member, backup),
        late=late,
        store=lambda cluster: _store(job, cluster),
        unstore=lambda cluster: _unstore(job, cluster),
        go_on=_go_on,
        say=say,
        cancellation=job.cancellation,
        listening=_listening,
        interrupted=_interrupted,
    )


@contextmanager
def _listening(heard: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `heard`, where signals can be had, and raises nothing: no moment is a bad one for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: heard())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted(members: Sequence[Member], leaving: bool) -> None:
    names = ", ".join(safe(m.name) for m in members)
    if leaving:
        said = (
            f"leaving at once; what is under way is left to the watchdog of {names}" if names else "leaving at once"
        )
    elif names:
        said = (
            f"interrupted: no other node is begun; waiting until {names} is proved or put back, which may take some "
        )
        said += "minutes (Ctrl-C again: leave at once, and let the watchdog on the node put the old state back)"
    else:
        said = "interrupted: no other node is begun"
    typer.echo(said, err=True)
    if leaving:
        show_cursor()


def _terms(job: Job, member: Member, heeds: Level) -> Terms:
    from kaudit_setup.change.run import Terms

    stored = member.seen.config
    return Terms(
        by=who(),
        timeout=job.how.timeout,
        keep=job.how.keep,
        prove=job.how.root is None,
        kubeadm_config=stored.text if stored else "",
        cancellation=job.cancellation,
        heeds=heeds,
    )


def _change(job: Job, member: Member) -> str | None:
    from kaudit_setup.change.cancel import Level
    from kaudit_setup.change.run import enact, prove_unchanged

    looked = job.fleet.of(member)
    plan, state, terms = looked.prepared.plan, looked.prepared.state, _terms(job, member, Level.STOP)
    with _progress(job, member) as progress:
        if plan:
            outcome = enact(looked.node, plan, state, terms, progress)
        else:
            outcome = prove_unchanged(looked.node, state, terms, progress)
    job.outcomes[id(member)] = outcome
    if job.how.output is Output.text:
        typer.echo("\n".join(told(member.name, looked.prepared, outcome)))
    return outcome.backup


def _undo(job: Job, member: Member, backup: str) -> None:
    from kaudit_setup.change.cancel import Level
    from kaudit_setup.change.prepare import prepare_rollback
    from kaudit_setup.change.run import enact

    node = job.fleet.of(member).node
    prepared = prepare_rollback(node, backup, manifest=job.how.manifest)
    with _progress(job, member) as progress:
        if prepared.plan:
            # what a first Ctrl-C stops is what this takes back
            enact(node, prepared.plan, prepared.state, _terms(job, member, Level.LEAVE), progress)
    if job.how.output is Output.text:
        typer.echo(f"{safe(member.name)}: taken back")


def _store(job: Job, cluster: Cluster) -> str:
    from kaudit_setup.change.persist import reverse, write
    from kaudit_setup.fleet.survey import server_at

    storing = job.storing_of(cluster)
    if not storing.plan:
        return storing.why
    member = cluster.members[-1]
    looked = job.fleet.of(member)
    outcome = job.outcomes.get(id(member))
    version = write(
        looked.node,
        server_at(looked.prepared.plan.pod),
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
    from kaudit_setup.fleet.survey import server_at

    plan = job.undo_store.get(id(cluster))
    if plan:
        looked = job.fleet.of(cluster.members[-1])
        write(looked.node, server_at(looked.prepared.plan.pod), plan, by=who(), backed_up=True)


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
