"""`disable`: disable audit logging on nodes."""

from __future__ import annotations

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ChangeOptions

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup disable --dry-run
  kaudit-setup disable --host root@cp1"""
)
@takes(how=ChangeOptions)
def disable(*, how: ChangeOptions) -> None:
    """Disable audit logging. Only audit settings are removed; log files are kept."""
    from kaudit_setup.change.prepare import prepare_disable
    from kaudit_setup.cli.rollout import change_nodes

    change_nodes(how, lambda c: prepare_disable(c.node, manifest=how.manifest, prove=how.root is None))
