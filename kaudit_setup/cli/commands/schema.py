"""`schema`: the JSON Schemas of what `-o json` prints."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.errors import InputError

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup schema
  kaudit-setup schema NodeStatus > node-status.schema.json"""
)
def schema(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            autocompletion=complete.kinds_of_answers,
            help="The kind that an answer names. Default: list all kinds.",
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of a kind of answer. `kind` in the output of -o json says which it is."""
    from kaudit_setup.report.documents.kinds import KINDS, shipped

    if kind is None:
        typer.echo("\n".join(KINDS))
        return
    if kind not in KINDS:
        raise InputError(f"unknown kind {kind!r}", hint="`kaudit-setup schema` lists all kinds")
    typer.echo(shipped(kind), nl=False)
