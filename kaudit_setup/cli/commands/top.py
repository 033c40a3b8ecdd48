"""`top`: what fills the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.cluster_logs import ClusterLogOptions
from kaudit_setup.cli.options.filters import FilterOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import Missing
from kaudit_setup.cli.options.output import RowOutput, RowOutputOption, exit_unless

if TYPE_CHECKING:
    from kaudit_setup.auditlog.coverage.node import Coverage
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.reports.top import Top as Counted
    from kaudit_setup.auditlog.sources.port import LogSource

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup top --log audit.log --by user,verb,resource

  kaudit-setup top --log /var/log/kubernetes/audit --by namespace --stage ResponseComplete -o json

Every line of the log counts as one event: each stage of a request, and each copy of it in another log. Rates are
per hour that the log covers, without gaps.

Dimensions: user impersonator verb resource group namespace name code level stage ip agent decision path node cluster
"""


@app.command(epilog=_EPILOG)
@takes(source=ClusterLogOptions, wanted=FilterOptions)
def top(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="DIMENSIONS",
            autocompletion=complete.dimensions,
            help="What to group by, separated by commas.",
        ),
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of groups to show.")] = 20,
    output: RowOutputOption = RowOutput.text,
    *,
    source: ClusterLogOptions,
    wanted: FilterOptions,
) -> None:
    """Count events and bytes by any combination of dimensions, to see what to drop from a policy first."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable, unreadable_notes
    from kaudit_setup.auditlog.reports.top import dimensions
    from kaudit_setup.report.coverage import coverage_notes, no_event_note
    from kaudit_setup.report.documents.document import document, lost, warned
    from kaudit_setup.report.terminal import notes
    from kaudit_setup.report.top import Top, TopRow, as_item, as_text

    names = dimensions(by)
    fits = wanted.filter()
    with _counted(source, names, fits, limit) as (counted, cover, missing, absent):
        nothing = [] if absent or counted.events or nothing_readable(cover) else [no_event_note(cover)]
        said = [*unreadable_notes(cover), *absent, *nothing, *coverage_notes(cover)]
        if output in {RowOutput.csv, RowOutput.tsv}:
            show(output, lambda: document(TopRow, as_item(counted, cover).rows), str)
        elif output is not RowOutput.text or not nothing_readable(cover):
            show(
                output,
                lambda: document(Top, [as_item(counted, cover)], lost(missing()), warned(said, code="log")),
                lambda: as_text(counted),
            )
        notes(said)
        exit_unless(not nothing_readable(cover))


@contextmanager
def _counted(
    source: ClusterLogOptions, names: Sequence[str], fits: Filter, limit: int
) -> Iterator[tuple[Counted, tuple[Coverage, ...], Missing, list[str]]]:
    """The groups, what the logs cover, and what was asked for and is in none of them: a store counts them itself."""
    from kaudit_setup.auditlog.reports.top import top as count

    with source.counting() as stores:
        if stores is not None:
            found = stores.top(names, fits, limit)
            yield found, stores.coverage(), stores.missing, _absent(stores, found, fits)
            return
    with source.fetch(fits) as (logs, missing):
        found = count(logs, names, fits, limit)
        yield found, logs.coverage(), missing, _absent(logs, found, fits)


def _absent(logs: LogSource, found: Counted, fits: Filter) -> list[str]:
    if found.events:
        return []
    from kaudit_setup.auditlog.reports.absent_values import absent_values

    return list(map(str, absent_values(logs, fits)))
