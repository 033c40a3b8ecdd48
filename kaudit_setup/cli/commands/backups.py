"""`backups list|show|diff|prune`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit, InputError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.change.backup import Backup
    from kaudit_setup.node.port import Node

app = typer.Typer(help="The backups that every change leaves on the node.", rich_markup_mode=None)

IdArgument = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Backup, a part of its name, or `first`. Default: the newest.")
]

_HIDDEN = "its content is secret and is not shown"


def _all(node: Node, how: NodeOptions) -> tuple[Backup, ...]:
    from kaudit_setup.change.backup import backups_of
    from kaudit_setup.node.observe import observe

    return backups_of(observe(node, manifest=how.manifest))


@app.command(
    "list",
    epilog="""\b
Examples:
  kaudit-setup backups list --host root@cp1""",
)
@takes(how=NodeOptions)
def list_(*, how: NodeOptions) -> None:
    """List the backups, oldest first."""
    with how.nodes() as opened:
        found = [(node.name, _all(node, how)) for node in opened]
    if how.output is Output.json:
        typer.echo(
            json.dumps([{"host": name, "backups": [asdict(b) for b in all_]} for name, all_ in found], indent=2)
        )
        return
    for name, all_ in found:
        if not all_:
            typer.echo(f"{safe(name)}: no backups")
        for b in all_:
            typer.echo(f"{safe(name)}: {b.name}  before {safe(b.action):<8}  {len(b.files)} files  by {safe(b.by)}")


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups show --host root@cp1
  kaudit-setup backups show first --host root@cp1"""
)
@takes(how=NodeOptions)
def show(id_: IdArgument = None, *, how: NodeOptions) -> None:
    """Show what a backup holds."""
    from kaudit_setup.change.backup import fetch, pick

    with how.nodes() as opened:
        shown = []
        for node in opened:
            backup = pick(_all(node, how), id_, node.name)
            contents = fetch(node, backup)
            texts = {
                f.path: _HIDDEN if f.secret else contents[f.path].decode("utf-8", "replace")
                for f in backup.files
                if f.sha256
            }
            shown.append((node.name, backup, texts))
    if how.output is Output.json:
        typer.echo(json.dumps([{"host": n, **asdict(b), "contents": c} for n, b, c in shown], indent=2))
        return
    for name, backup, texts in shown:
        typer.echo(
            f"{safe(name)}: {backup.name}, taken {backup.time} before {safe(backup.action)} by {safe(backup.by)}"
        )
        for file in backup.files:
            if not file.sha256:
                typer.echo(f"--- {safe(file.path)}: was not there")
                continue
            typer.echo(f"--- {safe(file.path)}  mode 0{file.mode}  owner {file.owner}  sha256 {file.sha256}")
            typer.echo("\n".join(safe(line) for line in texts[file.path].split("\n")))


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups diff --host root@cp1
  kaudit-setup backups diff first --host root@cp1"""
)
@takes(how=NodeOptions)
def diff(id_: IdArgument = None, *, how: NodeOptions) -> None:
    """Show what a rollback to a backup would change; exit 3 if anything, 0 if nothing."""
    from kaudit_setup.change.prepare import prepare_rollback
    from kaudit_setup.report.review import as_data, as_text

    with how.nodes() as opened:
        found = [(node.name, prepare_rollback(node, id_, manifest=how.manifest, prove=False)) for node in opened]
    if how.output is Output.json:
        typer.echo(json.dumps([as_data(name, prepared) for name, prepared in found], indent=2))
    else:
        for name, prepared in found:
            typer.echo(as_text(name, prepared, colour=colour()))
    if any(prepared.plan for _, prepared in found):
        raise typer.Exit(Exit.WOULD_CHANGE)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups prune --keep 5 --yes --host root@cp1"""
)
@takes(how=NodeOptions)
def prune(
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many to keep; the first one always stays.")] = 20,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    *,
    how: NodeOptions,
) -> None:
    """Remove the oldest backups, never the first one ever taken."""
    import sys

    from kaudit_setup.change.backup import prune as surplus
    from kaudit_setup.change.backup import remove_backups

    with how.nodes() as opened:
        doomed = [(node, surplus([b.name for b in _all(node, how)], keep)) for node in opened]
        if any(names for _, names in doomed) and not yes:
            if not sys.stdin.isatty():
                raise InputError("nobody can be asked here, so --yes is needed; nothing was removed")
            for node, names in doomed:
                typer.echo(f"{safe(node.name)}: {', '.join(names) or 'nothing'}", err=True)
            typer.confirm("Remove these backups?", abort=True)
        for node, names in doomed:
            remove_backups(node, names)
    if how.output is Output.json:
        typer.echo(json.dumps([{"host": node.name, "removed": list(names)} for node, names in doomed], indent=2))
    else:
        for node, names in doomed:
            typer.echo(f"{safe(node.name)}: removed {len(names)} backups")
