"""`rollback`: put back what a backup holds."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ChangeOptions

app = typer.Typer(rich_markup_mode=None)


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
    from kaudit_setup.change.prepare import prepare_rollback
    from kaudit_setup.cli.rollout import change_nodes

    change_nodes(how, lambda node: prepare_rollback(node, to, manifest=how.manifest, prove=how.root is None))
