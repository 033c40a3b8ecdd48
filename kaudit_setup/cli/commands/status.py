"""`status`: whether audit logging is on and working, on one node or on many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from kaudit_setup.cli.answer import answered, remember_form
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import LookOptions
from kaudit_setup.cli.options.unused import UnusedYes
from kaudit_setup.errors import Exit, KauditError, StoppedError
from kaudit_setup.report.progress import asking
from kaudit_setup.report.terminal import colour
from kaudit_setup.report.times import clock

if TYPE_CHECKING:
    from kaudit_setup.fleet.status import Row
    from kaudit_setup.fleet.survey import Candidate

app = typer.Typer(rich_markup_mode=None)


class StatusOutput(StrEnum):
    """How the state of nodes is printed."""

    text = "text"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    tsv = "tsv"
    prometheus = "prometheus"


class StatusOptions(LookOptions, frozen=True, kw_only=True):
    """Which nodes, how to reach them, in which form the answer is printed and kept."""

    output: Annotated[
        StatusOutput,
        typer.Option(
            "-o",
            "--output",
            callback=remember_form,
            help="text for people; json, yaml, csv, tsv for programs; prometheus for its text format.",
            show_default=True,
        ),
    ] = StatusOutput.text
    textfile: Annotated[
        Path | None,
        typer.Option(
            "--textfile",
            metavar="PATH",
            help="Also write the metrics to this file (NAME.prom, for node_exporter's textfile collector).",
        ),
    ] = None
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="[FILE]",
            help="Also write a page to look at and to hand on (status.html if no file is named).",
        ),
    ] = None
    yes: UnusedYes = False


@app.command(
    epilog="""\b
Examples:
  kaudit-setup status
  kaudit-setup status --host root@cp1 --host root@cp2 -o json
  kaudit-setup status --inventory inventory.ini --watch
  kaudit-setup status --inventory inventory.ini --html control-planes.html
  kaudit-setup status --textfile /var/lib/node_exporter/kaudit-setup.prom

\b
Exit status: 0 every node logs with the same settings (and those of the
inventory, if it has any), 1 otherwise.

\b
DIFFERS: settings unlike those of most other nodes, or of the inventory.
RESTART: pending where kube-apiserver runs without the manifest's settings.
SURVIVES UPGRADE: whether kubeadm upgrade keeps them. -v explains all columns."""
)
@takes(how=StatusOptions)
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[
        int, typer.Option("--every", metavar="SECONDS", min=1, help="Seconds between two looks with --watch.")
    ] = 5,
    *,
    how: StatusOptions,
) -> None:
    """Show whether audit logging is on and working, one line per node."""
    if how.textfile:
        from kaudit_setup.cli.textfile import check_name

        check_name(how.textfile)
    with how.candidates() as candidates:
        if watch:
            _watch(candidates, how, every)
        rows = _look(candidates, how)
    typer.echo(_text(rows, how.output, how.words()))
    if not all(row.good for row in rows):
        raise typer.Exit(Exit.FAILED)


def _watch(candidates: Sequence[Candidate], how: StatusOptions, every: int) -> NoReturn:
    """Until Ctrl-C, which is how it is meant to end."""
    while True:
        try:
            text = _text(_look(candidates, how), how.output, how.words(), indent=None)
        except StoppedError as error:
            raise typer.Exit(Exit.INTERRUPTED) from error
        if how.output is StatusOutput.text and sys.stdout.isatty():
            # home and clear: the table stays where it is
            typer.echo(f"\x1b[H\x1b[2JEvery {every} s: {clock()}  (Ctrl-C ends)\n")
        typer.echo(text)
        sys.stdout.flush()
        sleep(every)


def _look(candidates: Sequence[Candidate], how: StatusOptions) -> tuple[Row, ...]:
    """Raises the error of the only node, after the metrics say that it did not answer; of several nodes, those that
    did not answer stand in the table.
    """
    from kaudit_setup.fleet.status import compared, status_of
    from kaudit_setup.fleet.survey import ask_all

    with asking(candidates, "looking") as waiting:
        asked = ask_all(
            candidates, lambda c: status_of(c, manifest=how.manifest, living=how.root is None), waiting=waiting
        )
    rows = compared(asked, [_wanted(candidate, how) for candidate in candidates])
    _keep(rows, how)
    if len(asked) == 1 and asked[0].error:
        _fail(rows, how.output, asked[0].error)
    return rows


def _wanted(candidate: Candidate, how: StatusOptions) -> dict[str, str]:
    """What the inventory wants of the node, empty without a word of it. Raises InputError."""
    if candidate.audit is None or how.inventory is None:
        return {}
    from kaudit_setup.change.plan import sha256
    from kaudit_setup.cli.inventory_settings import wanted_of
    from kaudit_setup.fleet.drift import LOG_GROUP, POLICY

    wanted = wanted_of(candidate.audit, how.inventory)
    group = {} if wanted.log_group is None else {LOG_GROUP: wanted.log_group}
    return {**wanted.flags, **group, POLICY: sha256(wanted.policy)}


def _keep(rows: Sequence[Row], how: StatusOptions) -> None:
    """Raises InputError if a file cannot be written."""
    if how.html:
        from kaudit_setup.cli.files import replace_file
        from kaudit_setup.report.page.nodes import status_page

        replace_file("--html", how.html, status_page(rows))
    if how.textfile:
        from kaudit_setup.cli.textfile import write_textfile
        from kaudit_setup.report.nodes.prometheus import as_metrics

        write_textfile(how.textfile, as_metrics(rows))


def _fail(rows: Sequence[Row], output: StatusOutput, error: KauditError) -> NoReturn:
    if output is StatusOutput.prometheus:
        typer.echo(_text(rows, output, ()))
    raise error


def _text(rows: Sequence[Row], output: StatusOutput, reach: Sequence[tuple[str, str]], indent: int | None = 2) -> str:
    """Without the last newline. `reach`: the options by which the nodes were reached."""
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.documents.formats import render
    from kaudit_setup.report.documents.json import to_json
    from kaudit_setup.report.nodes.prometheus import as_metrics
    from kaudit_setup.report.nodes.status import NodeStatus, as_items, as_text, faults, status_warnings

    match output:
        case StatusOutput.prometheus:
            return as_metrics(rows).removesuffix("\n")
        case StatusOutput.text:
            return as_text(rows, colour=colour(), reach=reach)
        case _:
            answered()
            found = document(NodeStatus, as_items(rows), faults(rows), status_warnings(rows))
            return to_json(found, indent) if output is StatusOutput.json else render(found, output.value)
