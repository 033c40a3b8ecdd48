"""`status`: what state auditing is in, on one node or on all of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import Exit, StoppedError
from kaudit_setup.report.progress import crowd, waiting
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.fleet.status import NodeStatus
    from kaudit_setup.fleet.survey import Asked, Candidate

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup status
  kaudit-setup status --host root@cp1 --host root@cp2 -o json
  kaudit-setup status --inventory inventory.ini --watch

\b
Exit status 0: every node writes, and all have the same settings; 1 otherwise."""
)
@takes(how=NodeOptions)
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again; Ctrl-C ends it.")] = False,
    every: Annotated[int, typer.Option("--every", metavar="SECONDS", min=1, help="Pause of --watch.")] = 5,
    *,
    how: NodeOptions,
) -> None:
    """Say what state auditing is in; several nodes in one table, one line each."""
    from kaudit_setup.fleet.status import compared
    from kaudit_setup.report.status import as_data, as_text

    with how.candidates() as candidates:
        while True:
            try:
                asked = _look(candidates, how)
            except StoppedError as error:
                if watch:
                    # that is how it is ended
                    raise typer.Exit(Exit.INTERRUPTED) from error
                raise
            if len(asked) == 1 and asked[0].error:
                raise asked[0].error
            rows = compared(asked)
            if how.output is Output.json:
                text = json.dumps(as_data(rows), indent=None if watch else 2)
            else:
                text = as_text(rows, colour=colour())
            if watch and how.output is Output.text and sys.stdout.isatty():
                # home and clear: the table stays where it is
                typer.echo("\x1b[H\x1b[2J", nl=False)
            typer.echo(text)
            if not watch:
                break
            sys.stdout.flush()
            sleep(every)
    if not all(row.good for row in rows):
        raise typer.Exit(Exit.FAILED)


def _look(candidates: Sequence[Candidate], how: NodeOptions) -> list[Asked[NodeStatus]]:
    from kaudit_setup.fleet.status import status_of
    from kaudit_setup.fleet.survey import ask_all

    with waiting(crowd(candidates)) as progress:
        progress("looking")
        return ask_all(candidates, lambda c: status_of(c, manifest=how.manifest, living=how.root is None))
