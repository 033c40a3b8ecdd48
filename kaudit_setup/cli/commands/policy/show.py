"""`policy show`: one of the policies that come with the tool."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.options.output import Output, OutputOption
from kaudit_setup.cli.options.policies import print_policy

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy show forensics
  kaudit-setup policy show quiet > my-policy.yaml
  kaudit-setup policy show quiet -o json | jq '.items[0].policy'"""


@app.command(epilog=_EPILOG)
def show(
    name: Annotated[str, typer.Argument(metavar="PRESET", help="A name from `policy list`.")],
    output: OutputOption = Output.text,
) -> None:
    """Print a preset. Its comments say whom it is for, what it answers and what it does not log."""
    from kaudit_setup.policy import presets

    print_policy(name, presets.preset(name).data.decode(), output)
