"""`top`: what fills the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions, note_coverage, note_gaps
from kaudit_setup.cli.options.output import Output, OutputOption

if TYPE_CHECKING:
    from kaudit_setup.auditlog.reports.top import Top

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup top --log audit.log --by user,verb,resource

  kaudit-setup top --log /var/log/kubernetes/audit --by namespace --stage ResponseComplete -o json

Each stage of a request is a line of the log and counts as one event here, and so does a copy of it in
another log: that is what fills the disk. Rates are made of the time that the log covers, without its gaps.
Dimensions: user impersonator verb resource group namespace name code level stage ip agent decision path node
"""


@app.command(epilog=_EPILOG)
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
