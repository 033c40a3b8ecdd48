"""`status`: whether audit logging is on and working, on one node or on many."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from time import sleep
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit, StoppedError
from kaudit_setup.report.progress import name_nodes, waiting
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.fleet.status import Row
    from kaudit_setup.fleet.survey import Candidate

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup status
  kaudit-setup status --host root@cp1 --host root@cp2 -o json
  kaudit-setup status --inventory inventory.ini --watch

\b
Exit status: 0 every node logs with the same settings, 1 otherwise."""
)
@takes(how=NodeOptions)
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[
        int, typer.Option("--every", metavar="SECONDS", min=1, help="Seconds between two looks with --watch.")
    ] = 5,
    *,
    how: NodeOptions,
) -> None:
    """Show whether audit logging is on and working, one line per node."""
    with how.candidates() as candidates:
        if watch:
            _watch(candidates, how, every)
        rows = _look(candidates, how)
    typer.echo(_text(rows, how.output))
    if not all(row.good for row in rows):
        raise typer.Exit(Exit.FAILED)


def _watch(candidates: Sequence[Candidate], how: NodeOptions, every: int) -> NoReturn:
    """Until Ctrl-C, which is how it is meant to end."""
    while True:
        try:
            text = _text(_look(candidates, how), how.output, indent=None)
        except StoppedError as error:
            raise typer.Exit(Exit.INTERRUPTED) from error
        if how.output is Output.text and sys.stdout.isatty():
            # home and clear: the table stays where it is
            typer.echo("\x1b[H\x1b[2J", nl=False)
        typer.echo(text)
        sys.stdout.flush()
        sleep(every)


def _look(candidates: Sequence[Candidate], how: NodeOptions) -> tuple[Row, ...]:
    """Raises the error of the only node; of several, those that did not answer stand in the table."""
    from kaudit_setup.fleet.status import compared, status_of
    from kaudit_setup.fleet.survey import ask_all

    with waiting(name_nodes(candidates)) as progress:
        progress("looking")
        asked = ask_all(candidates, lambda c: status_of(c, manifest=how.manifest, living=how.root is None))
    if len(asked) == 1 and asked[0].error:
        raise asked[0].error
    return compared(asked)


def _text(rows: Sequence[Row], output: Output, indent: int | None = 2) -> str:
    from kaudit_setup.report.nodes.status import as_data, as_text

    return json.dumps(as_data(rows), indent=indent) if output is Output.json else as_text(rows, colour=colour())
