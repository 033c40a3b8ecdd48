"""`rollback`: restore a backup on nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ChangeOptions

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup rollback --dry-run
  kaudit-setup rollback --to 20261123T190000Z --host root@cp1
  kaudit-setup rollback --to first --host root@cp1"""
)
@takes(how=ChangeOptions)
def rollback(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="ID",
            autocompletion=complete.backups,
            help="Backup ID, a unique part of it, or `first`. Default: the newest.",
        ),
    ] = None,
    *,
    how: ChangeOptions,
) -> None:
    """Restore a backup (backed up and verified like any change)."""
    from kaudit_setup.change.prepare import prepare_rollback
    from kaudit_setup.cli.rollout import change_nodes

    change_nodes(how, lambda c: prepare_rollback(c.node, to, manifest=how.manifest, prove=how.root is None))
