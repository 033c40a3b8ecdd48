"""`enable`: enable audit logging on nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ChangeOptions
from kaudit_setup.cli.options.settings import SettingsOptions
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.change.prepare import Prepared
    from kaudit_setup.fleet.survey import Candidate

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup enable --policy metadata --dry-run
  kaudit-setup enable --policy metadata --host root@cp1
  kaudit-setup enable --policy ./my-policy.yaml --log-maxage 90 --host cp1 -y
  kaudit-setup enable --policy quiet --set audit-log-mode=batch --host cp1
  kaudit-setup enable --policy metadata --inventory inventory.ini --canary"""
)
@takes(settings=SettingsOptions, how=ChangeOptions)
def enable(*, settings: SettingsOptions, how: ChangeOptions) -> None:
    """Enable audit logging: show the diff, back up, patch, verify; restore the node if anything fails."""
    from kaudit_setup.cli.rollout import change_nodes
    from kaudit_setup.report.terminal import note

    policy = settings.policy_bytes()
    if policy is None:
        raise InputError("--policy is missing", hint="name a preset or a file, e.g. --policy metadata")
    remark = settings.policy_remark()
    if remark and how.yes:
        # nobody will read the review, which says it, too
        note(remark)
    flags, webhook = settings.explicit(), settings.webhook_bytes()

    def prepare(candidate: Candidate) -> Prepared:
        # loaded by now: see change_nodes
        from kaudit_setup.change.plan_enable import Wanted
        from kaudit_setup.change.prepare import prepare_enable

        wanted = Wanted(policy, flags, webhook, settings.log_group, remark)
        return prepare_enable(candidate.node, wanted, manifest=how.manifest, prove=how.root is None)

    change_nodes(how, prepare)
