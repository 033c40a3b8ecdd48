"""`policy list`: the policies that come with the tool."""

from __future__ import annotations

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import RowOutput, RowOutputOption

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy list
  kaudit-setup policy list -o json"""


@app.command("list", epilog=_EPILOG)
def list_presets(output: RowOutputOption = RowOutput.text) -> None:
    """List the policies that come with the tool (presets). The recommended one is first."""
    from kaudit_setup.policy import presets
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.presets import PolicyPreset, as_items, as_text

    found = [presets.preset(name) for name in presets.names()]
    show(output, lambda: document(PolicyPreset, as_items(found)), lambda: as_text(found))
