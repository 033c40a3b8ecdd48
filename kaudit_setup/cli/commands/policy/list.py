"""`policy list`: the policies that come with the tool."""

from __future__ import annotations

import typer

from kaudit_setup.cli.options.output import Output, OutputOption

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy list
  kaudit-setup policy list -o json"""


@app.command("list", epilog=_EPILOG)
def list_presets(output: OutputOption = Output.text) -> None:
    """List the policies that come with the tool (presets). The recommended one is first."""
    from kaudit_setup.policy import presets
    from kaudit_setup.report.json import to_json
    from kaudit_setup.report.policy.presets import as_data, as_text

    found = [presets.preset(name) for name in presets.names()]
    typer.echo(to_json(as_data(found)) if output is Output.json else as_text(found))
