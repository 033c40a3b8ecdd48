"""`collect`: copy the audit logs of nodes to a local directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions
from kaudit_setup.cli.options.output import Output, OutputOption
from kaudit_setup.errors import InputError

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup collect --host cp1 --host cp2 -d audit-logs

  cd audit-logs && sha256sum -c SHA256SUMS && kaudit-setup stats --log .

Files that are already there are not copied again; an interrupted transfer continues. Files that a node has deleted
since are kept. A copy that was changed here is kept as FILE.altered, and the original is copied again. If a node
fails, the others are copied all the same; the exit status is 1.
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def collect(
    into: Annotated[
        Path | None, typer.Option("-d", "--directory", metavar="DIR", help="Directory to copy them to.")
    ] = None,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Copy the audit logs of nodes to a local directory, with their SHA-256 sums."""
    from kaudit_setup.auditlog.sources.collecting.collect import collect as fetch
    from kaudit_setup.node.shell import script
    from kaudit_setup.report.collect import Collection, as_item, as_text
    from kaudit_setup.report.documents.document import document, fault, warned
    from kaudit_setup.report.progress import show_bytes
    from kaudit_setup.report.terminal import notes

    example = "for example: kaudit-setup collect --host cp1 -d audit-logs"
    if not source.remote:
        raise InputError("collect needs --host or --inventory", hint=example)
    if into is None:
        raise InputError("collect needs -d DIR", hint=example)
    with source.nodes() as nodes:
        done = fetch(nodes, script("lib") + script("logs"), source.log or [], into, show_bytes)
    show(
        output,
        lambda: document(
            Collection, [as_item(done, into)], list(map(fault, done.failures)), warned(done.notes, code="log")
        ),
        lambda: as_text(done, into),
    )
    notes(done.notes)
    if done.failure:
        # with the answer, which was given
        raise done.failure
