"""`policy list`: the policies that come with the tool."""

from __future__ import annotations

import json

import typer

from kaudit_setup.cli.options.output import Output, OutputOption

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy list
  kaudit-setup policy list -o json"""


@app.command("list", epilog=_EPILOG)
def list_presets(output: OutputOption = Output.text) -> None:
    """List the policies that come with the tool, the recommended one first."""
    from kaudit_setup.policy import presets
    from kaudit_setup.report import policy_analysis as report

    found = [(p.name, p.summary) for p in map(presets.preset, presets.names())]
    if output is Output.json:
        typer.echo(json.dumps([{"name": name, "summary": summary} for name, summary in found], indent=2))
    else:
        typer.echo(report.presets(found))
