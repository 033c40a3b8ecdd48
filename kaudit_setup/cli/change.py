"""`enable`, `disable`, `rollback`: the commands that alter nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.node_options import ChangeOptions, takes
from kaudit_setup.cli.rollout import change_nodes
from kaudit_setup.cli.settings_options import SettingsOptions
from kaudit_setup.errors import InputError

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup enable --policy metadata --dry-run
  kaudit-setup enable --policy metadata --host root@cp1
  kaudit-setup enable --policy ./audit-policy.yaml --log-maxage 90 --host cp1 --yes
  kaudit-setup enable --policy forensics --set audit-log-mode=batch --host cp1
  kaudit-setup enable --policy metadata --inventory inventory.ini --canary"""
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
    change_nodes(how, lambda node: prepare_enable(node, wanted, manifest=how.manifest, prove=how.root is None))


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

    change_nodes(how, lambda node: prepare_disable(node, manifest=how.manifest, prove=how.root is None))


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

    change_nodes(how, lambda node: prepare_rollback(node, to, manifest=how.manifest, prove=how.root is None))
