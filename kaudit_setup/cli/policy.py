"""`kaudit-setup policy …`: audit policies as kube-apiserver reads them."""

from __future__ import annotations

import typer

from kaudit_setup.cli import policy_analysis, policy_explain

app = typer.Typer(
    help="Read, explain, check, compare and build audit policies.", no_args_is_help=True, rich_markup_mode=None
)
policy_explain.register(app)
policy_analysis.register(app)
