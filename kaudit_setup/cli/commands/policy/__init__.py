"""`policy …`: audit policies as kube-apiserver reads them; one module for each sub-command."""

from __future__ import annotations

import typer

from kaudit_setup.cli.commands.policy import answers, build, compare, explain, lint, schema, show, suggest, validate
from kaudit_setup.cli.commands.policy import list as list_

app = typer.Typer(
    help="Explain, check, compare and build audit policies.", no_args_is_help=True, rich_markup_mode=None
)
for command in (validate, explain, list_, show, lint, answers, compare, build, suggest, schema):
    app.add_typer(command.app)
