"""What every command that alters nodes has in common: look at all, review once, ask, roll out, report."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.confirm import can_ask, confirm
from kaudit_setup.cli.options.nodes import ChangeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit, InputError, KauditError, StoppedError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.hints import pasteable
from kaudit_setup.report.progress import asking, show_cursor, waiting
from kaudit_setup.report.terminal import colour
from kaudit_setup.report.wrap import fitted

if TYPE_CHECKING:
    from kaudit_setup.change.prepare import Prepared
    from kaudit_setup.fleet.events import Event, Interrupted, Report
    from kaudit_setup.fleet.plans import FleetPlan, NodePlan
    from kaudit_setup.fleet.survey import Candidate


def change_nodes(how: ChangeOptions, prepare: Callable[[Candidate], Prepared]) -> None:
    """Look at every node, review once, then one node of a cluster after the other; a failure stops the rest."""
    living = how.root is None
    if how.canary and not how.dry_run and not can_ask():
        raise InputError(
            "--canary asks after the first node, and this is not a terminal; nothing was changed",
            hint="change one node alone with --host, then all of them without --canary",
        )
    with how.candidates() as candidates:
        # loaded while the connection is being made
        from kaudit_setup.change.run.terms import Terms
        from kaudit_setup.fleet.rollout import Rules, roll
        from kaudit_setup.report.documents.document import document
        from kaudit_setup.report.nodes import outcome, review

        try:
            fleet = _look(how, candidates, prepare)
        except KeyboardInterrupt as error:
            raise StoppedError("interrupted; nothing was changed anywhere") from error
        if how.dry_run:
            show(
                how.output,
                lambda: document(review.NodeReview, review.fleet_as_items(fleet), (), review.warnings(fleet)),
                lambda: _reviewed(fleet, how, everything=True),
            )
            raise typer.Exit(Exit.WOULD_CHANGE if fleet.changes_something else Exit.OK)
        _refuse(fleet, how)
        if fleet.changes_something:
            _confirm(fleet, how)
        terms = Terms(who(), how.timeout, how.keep, prove=living, restart_kubelet=how.restart_kubelet)
        with _Narrator(fleet, how) as narrator:
            report = roll(fleet, terms, Rules(how.forks, how.all_or_nothing, how.canary), narrator)
    if how.output is not Output.text or len(fleet.nodes) > 1:
        show(
            how.output,
            lambda: document(
                outcome.NodeChange, outcome.as_items(report), outcome.faults(report), review.warnings(fleet)
            ),
            lambda: "\n".join(outcome.summary(report)),
        )
    if report.failures:
        raise _worst(report)


def _look(how: ChangeOptions, candidates: Sequence[Candidate], prepare: Callable[[Candidate], Prepared]) -> FleetPlan:
    from kaudit_setup.change.prepare import with_growth
    from kaudit_setup.fleet.survey import plan_fleet

    def reviewed(candidate: Candidate) -> Prepared:
        return with_growth(candidate.node, prepare(candidate))

    living, is_read = how.root is None, how.dry_run or not how.yes
    with asking(candidates, "looking") as waiting:
        return plan_fleet(
            candidates,
            reviewed if living and is_read else prepare,
            living=living,
            persist=not how.no_persist,
            waiting=waiting,
        )


def _refuse(fleet: FleetPlan, how: ChangeOptions) -> None:
    """Raises RefusedError."""
    from kaudit_setup.change.preflight import refuse

    for node in fleet.nodes:
        prepared = node.prepared
        # a finding about a state that is there already does not matter, but while that may still be undone and
        # where it is the reason why nothing would change
        if prepared.plan or any(f.name in {"pending", "unfinished", "no-group"} for f in prepared.findings):
            refuse(node.name, prepared.findings, how.force or ())


def _reviewed(fleet: FleetPlan, how: ChangeOptions, *, everything: bool = False) -> str:
    """The review, its summary last; what it says to type reaches the same nodes."""
    from kaudit_setup.report.nodes.review_text import fleet_as_text
    from kaudit_setup.report.nodes.summary import summary

    reach = how.words()
    text = fleet_as_text(fleet, diff=how.diff.value, everything=everything, colour=colour(), reach=reach)
    return "\n".join([text, "", *summary(fleet, reach)]) if fleet.changes_something else text


def _confirm(fleet: FleetPlan, how: ChangeOptions) -> None:
    """Raises what `confirm` raises."""
    from kaudit_setup.report.nodes import review

    if how.yes:
        # nobody reads a review, but what may well be a mistake is in the log of whoever ran it
        for remark in review.remarks(fleet):
            typer.echo(f"note: {safe(remark)}", err=True)
    confirm("" if how.yes else _reviewed(fleet, how), yes=how.yes)


def _worst(report: Report) -> KauditError:
    """The first error of the worst kind; the others stand below it, each with its hint."""
    first = next(e for e in report.failures if e.exit_code == report.exit_code)
    others = [
        e.message + (f" ({e.hint})" if e.hint and e.hint != first.hint else "")
        for e in report.failures
        if e is not first
    ]
    return type(first)(first.message, hint=first.hint, details="\n".join([first.details, *others]).strip("\n"))


class _Narrator:
    """Shows a rollout on the terminal: in one moving line, or in lines where several clusters are changed at once."""

    def __init__(self, fleet: FleetPlan, how: ChangeOptions) -> None:
        self._text = how.output is Output.text
        self._reach = how.words()
        self._alone = len(fleet.nodes) == 1
        self._in_lines = len(fleet.clusters) > 1
        self._moving = ExitStack()
        self._say: Callable[[str], None] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> _Narrator:
        return self

    def __exit__(self, *_raised: object) -> None:
        with self._lock:
            # threads that were left alone may still have something to tell
            self._closed = True
            self._end_line()

    def tell(self, event: Event) -> None:
        """See fleet.events.Narrator."""
        from kaudit_setup.fleet.events import Finished, Interrupted, Progress, Stored
        from kaudit_setup.report.nodes.outcome import node_as_text

        with self._lock:
            if self._closed:
                return
            match event:
                case Progress(node, what):
                    self._progress(node.name, what)
                case Finished(report):
                    self._end_line()
                    for line in node_as_text(report) if self._text else ():
                        typer.echo(fitted(pasteable(line, self._reach)))
                case Stored(cluster, what):
                    # several nodes have a summary, which says it, too
                    if (cluster.storing.plan or cluster.storing.missed) and self._text and self._alone:
                        typer.echo(fitted(f"  {safe(what.said)}"))
                case Interrupted():
                    typer.echo(_interrupted(event), err=True)
                    if event.leaving:
                        show_cursor()

    def may_go_on(self, after: NodePlan) -> bool:
        """See fleet.events.Narrator."""
        try:
            return typer.confirm(f"{safe(after.name)} is done. Continue with the others?", default=False, err=True)
        except typer.Abort as error:
            raise StoppedError(f"stopped after {after.name}: not confirmed", hint="run again to continue") from error

    def _progress(self, name: str, what: str) -> None:
        if self._in_lines:
            typer.echo(f"{safe(name)}: {safe(what)}", err=True)
            return
        if self._say is None:
            self._say = self._moving.enter_context(waiting(name))
        self._say(what)

    def _end_line(self) -> None:
        self._moving.close()
        self._say = None


def _interrupted(event: Interrupted) -> str:
    names = ", ".join(safe(node.name) for node in event.nodes)
    if event.leaving:
        return "Leaving now." + (f" The watchdog of {names} will restore it." if names else "")
    stopped = "Interrupted. No further nodes will be started."
    if not names:
        return stopped
    return (
        f"{stopped} Waiting for {names} to be verified or restored (up to a few minutes). "
        "Ctrl-C again to leave now; the node's watchdog will restore it."
    )


def who() -> str:
    """Who asked, for the node's journal: the person behind sudo where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
