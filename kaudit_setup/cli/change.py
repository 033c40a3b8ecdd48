"""`enable`, `disable`, `rollback`: the commands that alter nodes."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.node_options import ChangeOptions, takes
from kaudit_setup.cli.options import Output
from kaudit_setup.cli.progress import waiting
from kaudit_setup.cli.review import colour, confirm, refuse, review_of
from kaudit_setup.cli.settings_options import SettingsOptions
from kaudit_setup.errors import Exit, InputError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.review import as_data, as_text

if TYPE_CHECKING:
    from kaudit_setup.change.job import Prepared
    from kaudit_setup.change.run import Outcome
    from kaudit_setup.node.port import Node

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup enable --policy metadata --dry-run
  kaudit-setup enable --policy metadata --host root@cp1
  kaudit-setup enable --policy ./audit-policy.yaml --log-maxage 90 --host cp1 --yes
  kaudit-setup enable --policy forensics --set audit-log-mode=batch --host cp1"""
)
@takes(settings=SettingsOptions, how=ChangeOptions)
def enable(*, settings: SettingsOptions, how: ChangeOptions) -> None:
    """Turn auditing on: review, back up, patch, prove; or put the node back as it was."""
    from kaudit_setup.change.job import prepare_enable
    from kaudit_setup.change.plan import Wanted

    policy = settings.policy_bytes()
    if policy is None:
        raise InputError("--policy is missing", hint="name a preset or a file, e.g. --policy metadata")
    wanted = Wanted(policy, settings.explicit(), settings.webhook_bytes())
    _change(how, lambda node: prepare_enable(node, wanted, manifest=how.manifest, prove=how.root is None))


@app.command(
    epilog="""\b
Examples:
  kaudit-setup disable --dry-run
  kaudit-setup disable --host root@cp1"""
)
@takes(how=ChangeOptions)
def disable(*, how: ChangeOptions) -> None:
    """Take auditing away again: exactly what belongs to it; the logs stay."""
    from kaudit_setup.change.job import prepare_disable

    _change(how, lambda node: prepare_disable(node, manifest=how.manifest, prove=how.root is None))


@app.command(
    epilog="""\b
Examples:
  kaudit-setup rollback --dry-run
  kaudit-setup rollback --to 20261123T190000Z --host root@cp1
  kaudit-setup rollback --to first --host root@cp1    (the node as it was before this tool)"""
)
@takes(how=ChangeOptions)
def rollback(
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ID", help="Backup (a part of its name will do, or `first`). Default: newest."),
    ] = None,
    *,
    how: ChangeOptions,
) -> None:
    """Put back what a backup holds; the rollback is itself backed up, and proved the same way."""
    from kaudit_setup.change.job import prepare_rollback

    _change(how, lambda node: prepare_rollback(node, to, manifest=how.manifest, prove=how.root is None))


def _change(how: ChangeOptions, prepare: Callable[[Node], Prepared]) -> None:
    """Look at every node, review once, then one node after the other; the first failure stops the rest."""
    with how.nodes() as opened:
        prepared = []
        for node in opened:
            with waiting(node.name) as progress:
                progress("looking at the node")
                prepared.append((node, prepare(node)))
        if how.dry_run or not how.yes:
            reviews = [review_of(node.name, p) for node, p in prepared if how.dry_run or p.plan]
        if how.dry_run:
            if how.output is Output.json:
                typer.echo(json.dumps([as_data(r) for r in reviews], indent=2))
            else:
                for review in reviews:
                    typer.echo(as_text(review, colour()))
            raise typer.Exit(Exit.WOULD_CHANGE if any(p.plan for _, p in prepared) else Exit.OK)
        for node, p in prepared:
            if p.plan:
                refuse(node.name, p, how.force or ())
        if any(p.plan for _, p in prepared):
            confirm(reviews if not how.yes else [], yes=how.yes)
        results = [_one(node, p, how) for node, p in prepared]
    if how.output is Output.json:
        typer.echo(json.dumps(results, indent=2))


def _one(node: Node, prepared: Prepared, how: ChangeOptions) -> dict[str, Any]:
    from kaudit_setup.change.run import Terms, enact, prove_unchanged

    terms = Terms(by=_who(), timeout=how.timeout, keep=how.keep, prove=how.root is None)
    with waiting(node.name) as progress:
        if prepared.plan:
            outcome = enact(node, prepared.plan, prepared.observed, terms, progress)
        else:
            outcome = prove_unchanged(node, prepared.plan, prepared.observed, terms, progress)
    if how.output is Output.text:
        for line in _told(node.name, prepared, outcome):
            typer.echo(line)
    return {
        "host": node.name,
        "action": prepared.plan.action,
        "changed": bool(prepared.plan),
        "backup": outcome.backup,
        "proved": bool(outcome.proof and outcome.proof.event),
        "server": outcome.proof.server if outcome.proof else None,
        "event": outcome.proof.event.decode("utf-8", "replace") if outcome.proof else None,
        "note": outcome.note,
        "warnings": [f.message for f in prepared.findings],
        "seconds": round(outcome.seconds, 3),
    }


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


def _who() -> str:
    """Who asked, for the node's journal: the person behind sudo where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
