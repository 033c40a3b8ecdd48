"""`events`: search the audit log."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import answered, remember_form
from kaudit_setup.cli.options.cluster_logs import ClusterLogOptions
from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import exit_unless

if TYPE_CHECKING:
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.query import Row
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.port import LogSource
    from kaudit_setup.auditlog.sources.second_reading import Expected
    from kaudit_setup.report.events import Problems

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup events --log /var/log/kubernetes/audit --user alice --verb delete --since 2h

  kaudit-setup events --log audit.log --resource secrets --code '4*' -o jsonl

  kaudit-setup events --host cp1 --host cp2 --resource pods/exec --namespace shop

  kaudit-setup events -f -i clusters.yaml --resource secrets --user '!system:*'

Each request is one row: its last stage, which must match. With --stage, and with -o raw, each line is its own
row. -o raw prints the lines as they are logged; on a terminal their control characters are escaped.
"""


class EventOutput(StrEnum):
    """How events are printed."""

    table = "table"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    raw = "raw"


@app.command(epilog=_EPILOG)
@takes(source=ClusterLogOptions, wanted=FilterOptions)
def events(
    limit: Annotated[int, typer.Option("--limit", min=0, help="Number of events to show; 0 means all.")] = 0,
    output: Annotated[
        EventOutput,
        typer.Option(
            "-o",
            "--output",
            callback=remember_form,
            help="table for people; json, yaml, jsonl (an object each line), csv, tsv; raw lines.",
        ),
    ] = EventOutput.table,
    follow: Annotated[
        bool,
        typer.Option(
            "-f",
            "--follow",
            help="Print new events as they are written, until Ctrl-C; with --since also those from then on.",
        ),
    ] = False,
    *,
    source: ClusterLogOptions,
    wanted: FilterOptions,
) -> None:
    """Show the events that match all filters; a filter given twice accepts either value."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable, unreadable_notes
    from kaudit_setup.auditlog.query import SharedIds
    from kaudit_setup.auditlog.scanning.meter import make_way
    from kaudit_setup.report.coverage import coverage_notes, no_event_note
    from kaudit_setup.report.documents.document import lost, warned
    from kaudit_setup.report.events import shared_id_notes
    from kaudit_setup.report.terminal import is_file, notes

    fits = wanted.filter()
    if follow:
        from kaudit_setup.cli.follow import follow as follow_logs

        follow_logs(source, fits, output.value, stages=bool(wanted.stage), limit=limit)
        return
    with source.logs() as (logs, missing):
        raw, shared = output is EventOutput.raw, SharedIds()
        rows = _found(logs, fits, raw=raw, stages=bool(wanted.stage))
        rows = rows if raw else shared.watch(rows)
        first = list(itertools.islice(rows, 1))
        if not first:
            missing()  # raises if nothing at all could be asked: that is not an empty answer
        if not is_file(sys.stdout):
            make_way()

        absent = [] if first else _absent(logs, fits)

        def said() -> list[str]:
            """When all was read."""
            cover = logs.coverage()
            nothing = [] if first or nothing_readable(cover) else [no_event_note(cover)]
            return [*unreadable_notes(cover), *nothing, *absent, *shared_id_notes(shared), *coverage_notes(cover)]

        _print(
            itertools.islice(itertools.chain(first, rows), limit or None),
            output,
            lambda: (lost(missing()), warned(said(), code="log")),
            clusters=len(logs.clusters()) > 1,
        )
        notes(said())
        exit_unless(not nothing_readable(logs.coverage()))


def _found(logs: LogSource, fits: Filter, *, raw: bool, stages: bool) -> Iterator[Row]:
    """The events that fit; if none does, those in lines with escaped letters are looked at, too."""
    from kaudit_setup.auditlog.query import events as query
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.unescaped import UnescapedLogs, escaped_lines

    if isinstance(logs, LocalLogs):
        logs.expect(partial(_expected, logs, fits))
    rows = query(logs, fits, raw=raw, stages=stages)
    first = next(rows, None)
    if first is not None:
        return itertools.chain([first], rows)
    if next(escaped_lines(logs), None) is None:
        return iter(())
    return query(UnescapedLogs(logs, as_logged=True), fits, raw=raw, stages=stages)


def _expected(logs: LocalLogs, fits: Filter) -> Expected:
    """What is looked for where nothing fits."""
    from kaudit_setup.auditlog.reports.absent_values import looked_for
    from kaudit_setup.auditlog.sources.second_reading import Expected
    from kaudit_setup.auditlog.sources.unescaped import ESCAPES

    return Expected(frozenset(ESCAPES), looked_for(logs, fits))


def _absent(logs: LogSource, fits: Filter) -> list[str]:
    """What was asked for and is nowhere in the logs, as far as there are any."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable
    from kaudit_setup.auditlog.reports.absent_values import absent_values

    return [] if nothing_readable(logs.coverage()) else list(map(str, absent_values(logs, fits)))


def _print(rows: Iterable[Row], output: EventOutput, problems: Callable[[], Problems], *, clusters: bool) -> None:
    from kaudit_setup.report import events as report

    answered()
    match output:
        case EventOutput.table:
            _print_lines(report.as_table(rows, clusters=clusters))
        case EventOutput.csv | EventOutput.tsv:
            _print_lines(report.as_rows(rows, output.value, headers=True))
        case EventOutput.yaml:
            _print_lines([report.as_yaml(rows, problems)])
        case EventOutput.json:
            _print_bytes(report.as_json_document(rows, problems))
        case EventOutput.jsonl:
            _print_bytes(report.as_json_lines(rows))
        case EventOutput.raw:
            _print_bytes(report.as_logged(rows, terminal=sys.stdout.isatty()))


def _print_lines(lines: Iterable[str]) -> None:
    for text in lines:
        typer.echo(text)


def _print_bytes(lines: Iterable[bytes]) -> None:
    """A line of the log comes out as it went in."""
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()
