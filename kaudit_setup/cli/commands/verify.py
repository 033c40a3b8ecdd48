"""`verify`: the proof alone, without a change."""

from __future__ import annotations

import json

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit
from kaudit_setup.report.progress import waiting

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup verify
  kaudit-setup verify --host root@cp1 --timeout 30"""
)
@takes(how=NodeOptions)
def verify(*, how: NodeOptions) -> None:
    """Prove that events are being written: send a marked request and find it in the audit log."""
    from kaudit_setup.change.prepare import look
    from kaudit_setup.change.run import probe_now
    from kaudit_setup.errors import InputError
    from kaudit_setup.report.proof import as_data, as_text, is_proved

    if how.root is not None:
        raise InputError("verify needs a living node; --root is a folder")
    answers = []
    with how.nodes() as opened:
        for node in opened:
            with waiting(node.name) as progress:
                progress("sending a marked request")
                answers.append((node.name, probe_now(node, look(node, how.manifest), limit=how.timeout)))
    if how.output is Output.json:
        typer.echo(json.dumps([as_data(*answer) for answer in answers], indent=2))
    else:
        for answer in answers:
            typer.echo(as_text(*answer))
    if not all(is_proved(seen) for _, seen in answers):
        raise typer.Exit(Exit.FAILED)
