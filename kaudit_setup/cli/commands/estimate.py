"""`estimate`: what another policy would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions, SinceOption, UntilOption
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption, exit_unless
from kaudit_setup.cli.options.policies import require_policy, supported_version
from kaudit_setup.model import KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.auditlog.coverage.node import Coverage
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.reports.estimate import Compiled, Replay
    from kaudit_setup.cli.options.logs import Missing
    from kaudit_setup.policy.model import Policy
    from kaudit_setup.rotation import Rotation

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup estimate metadata quiet ./mine.yaml --log audit.log

  kaudit-setup estimate forensics --host cp1 --log-maxsize 200 --log-maxbackup 20

The estimate is made from the existing log: what it does not contain cannot be counted. A level can be lowered, but
what a higher level would add is unknown.
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def estimate(
    policies: Annotated[list[str], typer.Argument(metavar="POLICY...", help="Files or presets.")],
    maxage: Annotated[
        int, typer.Option("--log-maxage", metavar="DAYS", min=0, help="Days to keep rotated logs; 0 means no limit.")
    ] = 30,
    maxbackup: Annotated[
        int,
        typer.Option("--log-maxbackup", metavar="N", min=0, help="Number of rotated logs to keep; 0 means no limit."),
    ] = 10,
    maxsize: Annotated[
        int, typer.Option("--log-maxsize", metavar="MB", min=0, help="Size in MB at which the log is rotated.")
    ] = 100,
    since: SinceOption = None,
    until: UntilOption = None,
    kube_version: KubeVersionOption = None,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Estimate what other policies would log: events, bytes, share, and how long the log is kept."""
    from kaudit_setup.auditlog.coverage.node import nothing_readable, unreadable_notes
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.report.coverage import coverage_notes
    from kaudit_setup.report.documents.document import document, lost, warned
    from kaudit_setup.report.estimate import Estimate, as_item, as_text, replay_notes
    from kaudit_setup.report.terminal import notes
    from kaudit_setup.rotation import Rotation, effective_maxsize

    version = supported_version(kube_version)
    loaded = [_policy(name, version) for name in policies]
    rotation = Rotation(maxage, maxbackup, effective_maxsize(maxsize, version))
    wanted = Filter(window=Window.of(since, until))
    with _replayed(source, loaded, wanted, rotation) as (result, cover, missing):
        said = [*unreadable_notes(cover), *coverage_notes(cover), *_container_notes(cover)]
        if output is not Output.text or not nothing_readable(cover):
            limits = list(replay_notes(result, wanted.window))
            show(
                output,
                lambda: document(
                    Estimate,
                    [as_item(result, rotation, cover)],
                    lost(missing()),
                    (*warned(limits, code="estimate"), *warned(said, code="log")),
                ),
                lambda: as_text(result, rotation, wanted.window),
            )
        notes(said)
        exit_unless(not nothing_readable(cover))


@contextmanager
def _replayed(
    source: LogOptions, policies: Sequence[tuple[str, Policy, Compiled]], wanted: Filter, rotation: Rotation
) -> Iterator[tuple[Replay, tuple[Coverage, ...], Missing]]:
    """The answer, and what the logs cover: a store counts them itself."""
    from kaudit_setup.auditlog.coverage.extent import extent
    from kaudit_setup.auditlog.reports.estimate import estimate, replay

    with source.counting() as stores:
        if stores is not None:
            classes = stores.weigh([policy for _, policy, _ in policies], wanted)
            cover = stores.coverage()
            extents = [extent([one], wanted.window) for one in cover]
            yield replay(classes, policies, extents, rotation), cover, stores.missing
            return
    with source.fetch(wanted) as (logs, missing):
        yield estimate(logs, policies, wanted, rotation), logs.coverage(), missing


def _container_notes(cover: Sequence[Coverage]) -> list[str]:
    """What is kept of a log on standard output, which the flags of the server say nothing about."""
    from kaudit_setup.auditlog.shapes.recognition.names import CONTAINER_LOGS
    from kaudit_setup.rotation import CONTAINER_LOG_FILES, CONTAINER_LOG_SIZE

    if not any(shape in CONTAINER_LOGS for one in cover for _, shape in one.shapes):
        return []
    kept = f"{CONTAINER_LOG_FILES} files of {CONTAINER_LOG_SIZE} (containerLogMaxFiles, containerLogMaxSize)"
    said = (
        f"this log is what the server wrote to standard output: unless told otherwise, kubelet keeps {kept}; "
        "--log-maxbackup and --log-maxsize with those numbers estimate how long that is"
    )
    return [said]


def _policy(name: str, version: KubeVersion) -> tuple[str, Policy, Compiled]:
    from kaudit_setup.policy import evaluate, presets
    from kaudit_setup.policy.load import load

    shown, data = presets.read(name)
    policy = require_policy(shown, load(data, version), version)
    return shown, policy, evaluate.compile(policy, version)
