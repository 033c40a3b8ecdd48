"""`apply`: make the nodes of an inventory audit as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ChangeOptions
from kaudit_setup.errors import InputError
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.change.prepare import Prepared
    from kaudit_setup.fleet.survey import Candidate

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup apply -i clusters.yaml
  kaudit-setup apply -i clusters.yaml --check
  kaudit-setup apply -i clusters.yaml --group production --yes

\b
The settings stand below a cluster's name, or at the top for all:
  clusters:
    production:
      audit: {policy: production, log-maxage: 90}
      hosts: ["cp[1:3].example.com"]"""
)
@takes(how=ChangeOptions)
def apply(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit status 3 if anything would change, 0 if not.")
    ] = False,
    *,
    how: ChangeOptions,
) -> None:
    """Make nodes audit as their inventory says: `enable` with the settings that are written there."""
    from kaudit_setup.change.prepare import prepare_enable
    from kaudit_setup.cli.inventory_settings import wanted_of
    from kaudit_setup.cli.rollout import change_nodes

    inventory = how.inventory
    if inventory is None or how.host:
        raise InputError(
            "apply needs --inventory, and no --host", hint="for nodes without an inventory there is `enable`"
        )

    def prepare(candidate: Candidate) -> Prepared:
        if candidate.audit is None:
            name = candidate.node.name
            raise InputError(
                f"{candidate.where or inventory}: the inventory gives {name} no audit settings",
                hint="write `audit: {policy: production}` below its cluster, in this tool's own YAML format",
            )
        return prepare_enable(candidate.node, wanted_of(candidate.audit, inventory), manifest=how.manifest)

    change_nodes(replace(how, dry_run=how.dry_run or check), prepare)
