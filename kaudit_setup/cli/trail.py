"""`events` and `top`: what stands in the log, and what fills it."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.filter_options import FilterOptions
from kaudit_setup.cli.log_options import LogOptions, note_coverage, note_gaps, note_nothing
from kaudit_setup.cli.node_options import takes
from kaudit_setup.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from kaudit_setup.auditlog.query import Row
    from kaudit_setup.auditlog.reports.top import Top

app = typer.Typer(rich_markup_mode=None)


class EventOutput(StrEnum):
    """How events are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    raw = "raw"


_EVENTS_HELP = """Examples:

  kaudit-setup events --log /var/log/kubernetes/audit --user alice --verb delete --since 2h

  kaudit-setup events --log audit.log --resource secrets --code '4*' -o jsonl

  kaudit-setup events --host cp1 --host cp2 --resource pods/exec --namespace shop

A request is one row, its last stage, which is the one that has to fit; with --stage, and with -o raw, each line
stands for itself. -o raw prints the lines as they are logged; on a terminal their control characters are escaped.
"""
_TOP_HELP = """Examples:

  kaudit-setup top --log audit.log --by user,verb,resource

  kaudit-setup top --log /var/log/kubernetes/audit --by namespace --stage ResponseComplete -o json

Each stage of a request is a line of the log and counts as one event here, and so does a copy of it in
another log: that is what fills the disk. Rates are made of the time that the log covers, without its gaps.
Dimensions: user impersonator verb resource group namespace name code level stage ip agent decision path node
"""


@app.command(epilog=_EVENTS_HELP)
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


@app.command(epilog=_TOP_HELP)
@takes(source=LogOptions, wanted=FilterOptions)
def top(
    by: Annotated[str, typer.Option("--by", metavar="DIMENSIONS", help="What to group by, separated by commas.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many groups to show.")] = 20,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
    wanted: FilterOptions,
) -> None:
    """Count events, bytes and rates by any combination of dimensions: what to drop from a policy first."""
    from kaudit_setup.auditlog.reports.top import dimensions
    from kaudit_setup.auditlog.reports.top import top as count

    names = dimensions(by)
    fits = wanted.filter()
    with source.brought(fits) as logs:
        counted = count(logs, names, fits, limit)
        cover = logs.coverage()
        if output is Output.json:
            typer.echo(json.dumps(_top_json(counted) | {"coverage": [c.plain() for c in cover]}, indent=2))
        else:
            for line in _top_text(counted):
                typer.echo(line)
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


def _top_json(top: Top) -> dict[str, Any]:
    hours = top.extent.hours

    def per_hour(count: int) -> float | None:
        return round(count / hours, 1) if hours else None

    others = _not_shown(top)
    return {
        "by": list(top.by),
        "total": {
            "events": top.events,
            "bytes": top.size,
            "hours": round(hours, 3),
            "gapHours": round(top.extent.gaps, 3),
            "groups": top.groups,
        },
        "rows": [
            {
                **dict(zip(top.by, key, strict=True)),
                "events": events,
                "bytes": size,
                "share": round(size / top.size, 4),
                "eventsPerHour": per_hour(events),
                "bytesPerHour": per_hour(size),
            }
            for key, events, size in top.rows
        ],
        "others": {"events": others[0], "bytes": others[1]},
        "rare": {"events": top.rare[0], "bytes": top.rare[1]},
    }


def _not_shown(top: Top) -> tuple[int, int]:
    """Events and bytes of all groups that have no row of their own, the rare ones among them."""
    return top.events - sum(events for _, events, _ in top.rows), top.size - sum(size for _, _, size in top.rows)


def _top_text(top: Top) -> Iterator[str]:
    from kaudit_setup.report.columns import columns, hours, share, size
    from kaudit_setup.resources import counted

    time = top.extent.hours

    def cells(key: Sequence[str], events: int, bytes_: int) -> list[str]:
        rate = [f"{events / time:.0f}", size(bytes_ / time)] if time else ["-", "-"]
        return [*key, str(events), share(events, top.events), size(bytes_), share(bytes_, top.size), *rate]

    header = [*(name.upper() for name in top.by), "EVENTS", "", "BYTES", "", "EVENTS/H", "BYTES/H"]
    shown = [cells(key, events, bytes_) for key, events, bytes_ in top.rows]
    yield from columns(header, shown, frozenset(range(len(top.by), len(header))))
    total = f"{counted(top.events, 'event')}, {size(top.size)} in {hours(time)}"
    yield f"{total}, {'more than ' if top.rare[0] else ''}{counted(top.groups, 'group')}"
    yield from note_gaps(top.extent.gaps)
    more, bytes_more = (whole - rare for whole, rare in zip(_not_shown(top), top.rare, strict=True))
    if more:
        were = "is" if more == 1 else "are"
        yield f"{counted(more, 'event')} ({size(bytes_more)}) {were} in groups that are not shown; --limit shows more"
    if top.rare[0]:
        were = "was" if top.rare[0] == 1 else "were"
        rare = f"{counted(top.rare[0], 'event')} ({size(top.rare[1])}) of rare groups {were} summed up"
        yield f"{rare}: too many to keep apart"
