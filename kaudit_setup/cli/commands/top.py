"""`top`: what fills the log."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions
from kaudit_setup.cli.options.output import Output, OutputOption, exit_unless

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup top --log audit.log --by user,verb,resource

  kaudit-setup top --log /var/log/kubernetes/audit --by namespace --stage ResponseComplete -o json

Every line of the log counts as one event: each stage of a request, and each copy of it in another log. Rates are
per hour that the log covers, without gaps.

Dimensions: user impersonator verb resource group namespace name code level stage ip agent decision path node
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions, wanted=FilterOptions)
def top(
    by: Annotated[str, typer.Option("--by", metavar="DIMENSIONS", help="What to group by, separated by commas.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of groups to show.")] = 20,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
    wanted: FilterOptions,
) -> None:
    """Count events and bytes by any combination of dimensions, to see what to drop from a policy first."""
    from kaudit_setup.auditlog.reports.top import dimensions
    from kaudit_setup.auditlog.reports.top import top as count
    from kaudit_setup.auditlog.scan_statistics import nothing_readable, unreadable_notes
    from kaudit_setup.report.coverage import coverage_notes
    from kaudit_setup.report.json import to_json
    from kaudit_setup.report.terminal import notes
    from kaudit_setup.report.top import as_data, as_text

    names = dimensions(by)
    fits = wanted.filter()
    with source.fetch(fits) as logs:
        counted = count(logs, names, fits, limit)
        cover = logs.coverage()
        notes(unreadable_notes(cover))
        if output is Output.json:
            typer.echo(to_json(as_data(counted, cover)))
        elif not nothing_readable(cover):
            typer.echo(as_text(counted))
        notes(coverage_notes(cover))
        exit_unless(not nothing_readable(cover))
