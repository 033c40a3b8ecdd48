"""`policy show`: one of them."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy show forensics
  kaudit-setup policy show quiet > my-policy.yaml"""


@app.command(epilog=_EPILOG)
def show(name: Annotated[str, typer.Argument(metavar="PRESET", help="A name from `policy list`.")]) -> None:
    """Print a preset. Its comments say whom it is for, what it answers and what it does not log."""
    from kaudit_setup.policy import presets

    typer.echo(presets.preset(name).data.decode(), nl=False)
