"""`events`: search the audit log."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions
from kaudit_setup.cli.options.output import exit_unless

if TYPE_CHECKING:
    from kaudit_setup.auditlog.query import Row

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup events --log /var/log/kubernetes/audit --user alice --verb delete --since 2h

  kaudit-setup events --log audit.log --resource secrets --code '4*' -o jsonl

  kaudit-setup events --host cp1 --host cp2 --resource pods/exec --namespace shop

Each request is one row: its last stage, which must match. With --stage, and with -o raw, each line is its own
row. -o raw prints the lines as they are logged; on a terminal their control characters are escaped.
"""


class EventOutput(StrEnum):
    """How events are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    raw = "raw"


@app.command(epilog=_EPILOG)
@takes(source=LogOptions, wanted=FilterOptions)
def events(
    limit: Annotated[int, typer.Option("--limit", min=0, help="Number of events to show; 0 means all.")] = 0,
    output: Annotated[
        EventOutput, typer.Option("-o", "--output", help="table for people, json, jsonl, raw lines.")
    ] = EventOutput.table,
    *,
    source: LogOptions,
    wanted: FilterOptions,
) -> None:
    """Show the events that match all filters; a filter given twice accepts either value."""
    from kaudit_setup.auditlog.query import SharedIds
    from kaudit_setup.auditlog.query import events as query
    from kaudit_setup.auditlog.scan_statistics import nothing_readable, unreadable_notes
    from kaudit_setup.report.coverage import coverage_notes, no_event_note
    from kaudit_setup.report.events import shared_id_notes
    from kaudit_setup.report.terminal import note, notes

    fits = wanted.filter()
    with source.logs() as logs:
        raw, shared = output is EventOutput.raw, SharedIds()
        rows = query(logs, fits, raw=raw, stages=bool(wanted.stage))
        rows = rows if raw else shared.watch(rows)
        first = list(itertools.islice(rows, 1))
        _print(itertools.islice(itertools.chain(first, rows), limit or None), output)
        cover = logs.coverage()
        notes(unreadable_notes(cover))
        nothing = nothing_readable(cover)
        if not first and not nothing:
            note(no_event_note(cover))
        notes(shared_id_notes(shared))
        notes(coverage_notes(cover))
        exit_unless(not nothing)


def _print(rows: Iterable[Row], output: EventOutput) -> None:
    from kaudit_setup.report import events as report

    if output is EventOutput.table:
        for text in report.as_table(rows):
            typer.echo(text)
        return
    if output is EventOutput.raw:
        lines = report.as_logged(rows, terminal=sys.stdout.isatty())
    else:
        lines = report.as_json_list(rows) if output is EventOutput.json else report.as_json_lines(rows)
    # bytes, so that a line of the log comes out as it went in
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()
