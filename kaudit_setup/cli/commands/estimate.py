"""`estimate`: what another policy would write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions, SinceOption, UntilOption, note_coverage, note_gaps
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.options.policies import policy_of, version_of
from kaudit_setup.model import KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.auditlog.reports.estimate import Compiled, Estimate, Replay
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.policy.model import Policy
    from kaudit_setup.rotation import Rotation

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup estimate metadata quiet ./mine.yaml --log /var/log/kubernetes/audit

  kaudit-setup estimate forensics --host cp1 --log-maxsize 200 --log-maxbackup 20

A log can only show what was logged: a level can be lowered, but what a higher one would add is unknown.
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def estimate(
    policies: Annotated[list[str], typer.Argument(metavar="POLICY...", help="Files or presets.")],
    maxage: Annotated[int, typer.Option("--log-maxage", min=0, help="Days to keep; 0 means no limit.")] = 30,
    maxbackup: Annotated[int, typer.Option("--log-maxbackup", min=0, help="Rotated files; 0 means no limit.")] = 10,
    maxsize: Annotated[int, typer.Option("--log-maxsize", min=0, help="Megabytes before a file is rotated.")] = 100,
    since: SinceOption = None,
    until: UntilOption = None,
    kube_version: KubeVersionOption = None,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Replay the log through other policies: events, bytes, share, and hours kept, side by side."""
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.reports.estimate import estimate as replay
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.report.escape import safe
    from kaudit_setup.rotation import Rotation, effective_maxsize

    version = version_of(kube_version)
    loaded = [_policy(name, version) for name in policies]
    rotation = Rotation(maxage, maxbackup, effective_maxsize(maxsize, version))
    wanted = Filter(window=Window.of(since, until))
    with source.brought(wanted) as logs:
        result = replay(logs, loaded, wanted, rotation)
        cover = logs.coverage()
        notes = list(_notes(result, wanted.window))
        if output is Output.json:
            plain = _replay_json(result, rotation)
            typer.echo(json.dumps({**plain, "coverage": [c.plain() for c in cover], "notes": notes}, indent=2))
        else:
            for line in _replay_text(result, rotation):
                typer.echo(line)
            for note in notes:
                typer.echo(f"note: {safe(note)}")
        note_coverage(cover)


def _policy(name: str, version: KubeVersion) -> tuple[str, Policy, Compiled]:
    from kaudit_setup.policy import evaluate, presets
    from kaudit_setup.policy.load import load

    shown, data = presets.read(name)
    policy = policy_of(shown, load(data, version), version)
    return shown, policy, evaluate.compile(policy, version)


def _notes(result: Replay, asked: Window) -> Iterator[str]:
    if not result.logged.events:
        yield "the log holds no event" if asked.open else "no event of the log lies in the time that was asked for"
    else:
        yield "a log can only show what was logged: what its own policy left out is not in these figures"
        if not result.extent.hours:
            yield "the events cover no time, so there is no rate to tell how long they would be kept"
    yield from note_gaps(result.extent.gaps)
    for one in result.estimates:
        if one.unknown:
            yield (
                f"{one.name}: {one.unknown} of its events would be logged at a higher level than they were; "
                "their bodies are not in this log, so its bytes are a lower bound"
            )
        if one.missing_stages:
            stages = ", ".join(one.missing_stages)
            yield (
                f"{one.name}: it also writes {stages}, which this log lacks for some requests or all, "
                "so its events are a lower bound"
            )


def _replay_json(result: Replay, rotation: Rotation) -> dict[str, Any]:
    def plain(one: Estimate) -> dict[str, Any]:
        return {
            "policy": one.name,
            "events": one.events,
            "bytes": one.size,
            "share": round(one.size / result.logged.size, 4) if result.logged.size else None,
            "hoursKept": round(one.hours, 2) if one.hours is not None and isfinite(one.hours) else None,
            "unknownEvents": one.unknown,
            "missingStages": list(one.missing_stages),
        }

    return {
        "logged": plain(result.logged),
        "policies": [plain(one) for one in result.estimates],
        "hours": round(result.extent.hours, 3),
        "gapHours": round(result.extent.gaps, 3),
        "nodes": result.nodes,
        "rotation": {"maxage": rotation.maxage, "maxbackup": rotation.maxbackup, "maxsize": rotation.maxsize},
    }


def _replay_text(result: Replay, rotation: Rotation) -> Iterator[str]:
    from kaudit_setup.report.columns import columns, hours, share, size

    def cells(one: Estimate) -> Sequence[str]:
        more = "at least " if one.unknown or one.missing_stages else ""
        return (
            one.name,
            str(one.events),
            share(one.events, result.logged.events),
            more + size(one.size),
            share(one.size, result.logged.size),
            _kept(one.hours, "at most " if more else ""),
        )

    rows = [cells(result.logged), *(cells(one) for one in result.estimates)]
    yield from columns(("POLICY", "EVENTS", "", "BYTES", "", "KEPT FOR"), rows, frozenset({1, 2, 3, 4, 5}))
    together = f" on {result.nodes} nodes together" if result.nodes > 1 else ""
    yield (
        f"from {hours(result.extent.hours)} of log{together}; kept for: --log-maxsize {rotation.maxsize} "
        f"--log-maxbackup {rotation.maxbackup} --log-maxage {rotation.maxage}"
    )


def _kept(time: float | None, at_most: str) -> str:
    from kaudit_setup.report.columns import hours

    if time is None:
        return "-"
    return at_most + hours(time) if isfinite(time) else "no limit"
