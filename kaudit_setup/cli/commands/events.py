"""`events`: the events that fit."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions, note_coverage, note_nothing

if TYPE_CHECKING:
    from kaudit_setup.auditlog.query import Row

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup events --log /var/log/kubernetes/audit --user alice --verb delete --since 2h

  kaudit-setup events --log audit.log --resource secrets --code '4*' -o jsonl

  kaudit-setup events --host cp1 --host cp2 --resource pods/exec --namespace shop

A request is one row, its last stage, which is the one that has to fit; with --stage, and with -o raw, each line
stands for itself. -o raw prints the lines as they are logged; on a terminal their control characters are escaped.
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
    limit: Annotated[int, typer.Option("--limit", min=0, help="Stop after so many; 0 means all.")] = 0,
    output: Annotated[
        EventOutput, typer.Option("-o", "--output", help="table for people, json, jsonl, raw lines.")
    ] = EventOutput.table,
    *,
    source: LogOptions,
    wanted: FilterOptions,
) -> None:
    """Show the events that fit all filters; a filter that is given twice accepts either value."""
    from kaudit_setup.auditlog.query import events as query

    fits = wanted.filter()
    with source.logs() as logs:
        rows = query(logs, fits, raw=output is EventOutput.raw, stages=bool(wanted.stage))
        first = list(itertools.islice(rows, 1))
        _print_events(itertools.islice(itertools.chain(first, rows), limit or None), output)
        cover = logs.coverage()
        if not first:
            note_nothing(cover)
        note_coverage(cover)


def _print_events(rows: Iterable[Row], output: EventOutput) -> None:
    if output is EventOutput.table:
        for text in _table(rows):
            typer.echo(text)
        return
    # bytes, so that a line of the log comes out as it went in
    out = sys.stdout.buffer
    for line in _lines(rows, output, sys.stdout.isatty()):
        out.write(line + b"\n")
    out.flush()


def _lines(rows: Iterable[Row], output: EventOutput, terminal: bool) -> Iterator[bytes]:
    from kaudit_setup.auditlog.record import in_ascii, with_source
    from kaudit_setup.report.escape import safe

    if output is EventOutput.raw:
        for row in rows:
            yield safe(row.body.decode("utf-8", "replace")).encode() if terminal else row.body
        return
    # always, for a pipe may end at a terminal, too
    texts = (in_ascii(with_source(row.body, row.place)) for row in rows)
    if output is EventOutput.jsonl:
        yield from texts
        return
    before = b"["
    for text in texts:
        yield before + text
        before = b","
    yield b"]" if before == b"," else b"[]"


def _table(rows: Iterable[Row]) -> Iterator[str]:
    from kaudit_setup.auditlog.record import record_of
    from kaudit_setup.report.columns import columns

    def cells() -> Iterator[list[str]]:
        for row in rows:
            one = record_of(row.body)
            thing = one.object
            what = f"{thing.resource}/{thing.subresource}" if thing.subresource else thing.resource
            where = "/".join(part for part in (thing.namespace, thing.name) if part)
            who = f"{one.user} (by {one.impersonated_by})" if one.impersonated_by else one.user
            yield [
                one.time[:19].replace("T", " "),
                str(one.code or one.stage),
                one.verb,
                f"{what} {where}".strip() or one.request_uri,
                who or "(nobody)",
                one.source_ips[-1] if one.source_ips else "",
                one.user_agent.partition(" ")[0],
                f"{row.place.node}:{row.place.file.rpartition('/')[2]}:{row.place.line}",
            ]

    return columns(("TIME (UTC)", "CODE", "VERB", "OBJECT", "USER", "FROM", "AGENT", "LINE"), cells())
