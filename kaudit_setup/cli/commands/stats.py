"""`stats`: what the log is like."""

from __future__ import annotations

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions
from kaudit_setup.cli.options.output import Output, OutputOption, exit_unless

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup stats --log /var/log/kubernetes/audit

  kaudit-setup stats --host cp1 --host cp2 -o json

Every line of the log counts: each stage of a request, and each copy of it in another log.
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def stats(
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Describe the audit log of each node: time covered, gaps, levels, sizes, rotation, damaged lines."""
    from kaudit_setup.auditlog.reports.stats import stats as count
    from kaudit_setup.auditlog.scan_statistics import nothing_readable
    from kaudit_setup.report.json import to_json
    from kaudit_setup.report.stats import as_data, as_text

    with source.fetch() as logs:
        nodes = count(logs)
        typer.echo(to_json(as_data(nodes)) if output is Output.json else as_text(nodes))
        exit_unless(not nothing_readable([node.coverage for node in nodes]))
