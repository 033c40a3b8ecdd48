"""`stats`: what the log is like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.cluster_logs import ClusterLogOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import Missing
from kaudit_setup.cli.options.output import RowOutput, RowOutputOption, exit_unless

if TYPE_CHECKING:
    from kaudit_setup.auditlog.reports.stats import NodeStats

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup stats --log /var/log/kubernetes/audit

  kaudit-setup stats --host cp1 --host cp2 -o json

Every line of the log counts: each stage of a request, and each copy of it in another log.
"""


@app.command(epilog=_EPILOG)
@takes(source=ClusterLogOptions)
def stats(
    output: RowOutputOption = RowOutput.text,
    *,
    source: ClusterLogOptions,
) -> None:
    """Describe the audit log of each node: time covered, gaps, levels, sizes, rotation, damaged lines."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable
    from kaudit_setup.report.documents.document import document, lost
    from kaudit_setup.report.stats import LogStats, as_items, as_text, stats_warnings

    with _counted(source) as (nodes, missing):
        show(
            output,
            lambda: document(LogStats, as_items(nodes), lost(missing()), stats_warnings(nodes)),
            lambda: as_text(nodes),
        )
        exit_unless(not nothing_readable([node.coverage for node in nodes]))


@contextmanager
def _counted(source: ClusterLogOptions) -> Iterator[tuple[tuple[NodeStats, ...], Missing]]:
    """What each node's log is like: a store knows it since the logs were packed."""
    from kaudit_setup.auditlog.reports.stats import stats as count

    with source.counting() as stores:
        if stores is not None:
            yield stores.stats(), stores.missing
            return
    with source.fetch() as (logs, missing):
        yield count(logs), missing
