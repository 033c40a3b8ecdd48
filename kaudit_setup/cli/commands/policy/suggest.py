"""`policy suggest`: what a policy could leave out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions, SinceOption, UntilOption
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption, exit_unless
from kaudit_setup.cli.options.policies import read_policy, require_policy, supported_version

if TYPE_CHECKING:
    from kaudit_setup.auditlog.coverage.node import Coverage
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.reports.suggestions import Log
    from kaudit_setup.cli.options.logs import Missing

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy suggest --log audit.log > smaller.yaml
  kaudit-setup policy suggest --policy my.yaml --log /var/log/kubernetes/audit
  kaudit-setup policy suggest --policy my.yaml --host cp1 --since 24h -o json
Only what Kubernetes' own components do is left out, and bodies; never what a
question of `policy answers` needs. Each rule says what it saves and trades."""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def suggest(
    policy: Annotated[
        str, typer.Option("--policy", metavar="FILE|PRESET", help="The policy that shall write less.")
    ] = "metadata",
    keep_bodies: Annotated[
        bool, typer.Option("--keep-bodies", help="Do not lower a level: drop events and stages only.")
    ] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    kube_version: KubeVersionOption = None,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Suggest, from a log, rules that make it smaller. Every question of `policy answers` keeps its answer."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable, unreadable_notes
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.reports.suggestions import suggest as suggested
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.policy.load import load
    from kaudit_setup.report.coverage import coverage_notes
    from kaudit_setup.report.documents.document import document, lost, warned
    from kaudit_setup.report.policy.suggest import PolicySuggestion, Request, as_item, as_text
    from kaudit_setup.report.terminal import notes

    version = supported_version(kube_version)
    name, data = read_policy(policy)
    base = require_policy(name, load(data, version), version)
    with _asked(source, Filter(window=Window.of(since, until))) as (log, covered, missing):
        found = suggested(log, base, version, bodies=not keep_bodies)
        cover = covered()
        said = [*unreadable_notes(cover), *coverage_notes(cover)]
        request = Request(name, data, version)
        if output is not Output.text or not nothing_readable(cover):
            show(
                output,
                lambda: document(
                    PolicySuggestion, [as_item(request, found)], lost(missing()), warned(said, code="log")
                ),
                lambda: as_text(request, found),
            )
        notes(said)
        exit_unless(not nothing_readable(cover))


@contextmanager
def _asked(source: LogOptions, wanted: Filter) -> Iterator[tuple[Log, Callable[[], Sequence[Coverage]], Missing]]:
    """The log, and what asks what it covers once that is known: a store counts it itself."""
    from kaudit_setup.auditlog.reports.suggestions import Files
    from kaudit_setup.auditlog.sources.local import LocalLogs, rereadable

    with source.counting() as stores:
        if stores is not None:
            from kaudit_setup.stores.suggestions import Counted

            yield Counted(stores, wanted), stores.coverage, stores.missing
            return
    # the log is read twice
    with source.fetch(wanted) as (fetched, missing), rereadable(fetched.files, sys.stdin.buffer) as files:
        logs = LocalLogs(files)
        yield Files(logs, wanted), logs.coverage, missing
