"""`backups list|show|diff|prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.answer import show as answer
from kaudit_setup.cli.confirm import confirm
from kaudit_setup.cli.every_node import ask, end, given, missing
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ConfirmOptions, LookOptions, NodeOptions, RowNodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit
from kaudit_setup.report.escape import safe
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.change.backup import Backup
    from kaudit_setup.node.port import Node

app = typer.Typer(help="List, show, compare and remove the backups on the node.", rich_markup_mode=None)

IdArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[ID]",
        autocompletion=complete.backups,
        help="Backup ID, a unique part of it, or `first`. Default: the newest.",
    ),
]


def _all(node: Node, how: LookOptions) -> tuple[Backup, ...]:
    from kaudit_setup.change.backup import backups_of
    from kaudit_setup.node.observe import observe

    return backups_of(observe(node, manifest=how.manifest))


@app.command(
    "list",
    epilog="""\b
Examples:
  kaudit-setup backups list --host root@cp1""",
)
@takes(how=RowNodeOptions)
def list_(*, how: RowNodeOptions) -> None:
    """List the backups, oldest first."""
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.backups import Listed, NodeBackup, list_as_items, list_as_text

    with how.candidates() as candidates:
        asked = ask(candidates, "looking", lambda node: _all(node, how))
    found = [Listed(name, backups or ()) for name, backups in given(asked)]
    answer(
        how.output, lambda: document(NodeBackup, list_as_items(found), missing(asked)), lambda: list_as_text(found)
    )
    end(asked)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups show --host root@cp1
  kaudit-setup backups show first --host root@cp1"""
)
@takes(how=NodeOptions)
def show(id_: IdArgument = None, *, how: NodeOptions) -> None:
    """Show the contents of a backup."""
    from kaudit_setup.change.backup import fetch, pick
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.backups import BackupContents, Opened, contents_as_items, contents_as_text

    found = []
    with how.nodes() as opened:
        for node in opened:
            backup = pick(_all(node, how), id_, node.name)
            found.append(Opened(node.name, backup, fetch(node, backup)))
    answer(how.output, lambda: document(BackupContents, contents_as_items(found)), lambda: contents_as_text(found))


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups diff --host root@cp1
  kaudit-setup backups diff first --host root@cp1"""
)
@takes(how=NodeOptions)
def diff(id_: IdArgument = None, *, how: NodeOptions) -> None:
    """Show what a rollback would change. Exit status: 3 if anything, 0 if nothing."""
    from kaudit_setup.change.prepare import prepare_rollback
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.review import NodeReview, as_item, found_warnings
    from kaudit_setup.report.nodes.review_text import as_text

    with how.nodes() as opened:
        found = [(node.name, prepare_rollback(node, id_, manifest=how.manifest, prove=False)) for node in opened]
    answer(
        how.output,
        lambda: document(
            NodeReview, [as_item(name, prepared) for name, prepared in found], (), found_warnings(found)
        ),
        lambda: "\n".join(as_text(name, prepared, colour=colour()) for name, prepared in found),
    )
    if any(prepared.plan for _, prepared in found):
        raise typer.Exit(Exit.WOULD_CHANGE)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup backups prune --keep 5 --yes --host root@cp1"""
)
@takes(how=ConfirmOptions)
def prune(
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="Number of backups to keep; the first one is always kept.")
    ] = 20,
    *,
    how: ConfirmOptions,
) -> None:
    """Remove the oldest backups, but never the first one."""
    from kaudit_setup.change.backup import prune as surplus
    from kaudit_setup.change.backup import remove_backups
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.backups import RemovedBackups

    with how.nodes() as opened:
        doomed = [(node, surplus([b.name for b in _all(node, how)], keep)) for node in opened]
        if any(names for _, names in doomed):
            lines = (f"{safe(node.name)}: {', '.join(names) or 'nothing'}" for node, names in doomed)
            confirm("\n".join(lines), yes=how.yes, question="Remove these backups?")
        for node, names in doomed:
            remove_backups(node, names)
    if how.output is not Output.text:
        removed = [RemovedBackups(host=node.name, removed=tuple(names)) for node, names in doomed]
        answer(how.output, lambda: document(RemovedBackups, removed), lambda: "")
    else:
        for node, names in doomed:
            typer.echo(f"{safe(node.name)}: removed {len(names)} backups")
