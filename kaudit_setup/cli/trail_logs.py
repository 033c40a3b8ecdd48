"""`estimate`, `stats` and `collect`: what another policy would write, what the log is like, and bringing it home."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.log_options import (
    LogOptions,
    SinceOption,
    UntilOption,
    note_coverage,
    note_gaps,
    show_progress,
)
from kaudit_setup.cli.node_options import takes
from kaudit_setup.cli.options import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.policy_files import policy_of, version_of
from kaudit_setup.errors import InputError
from kaudit_setup.model import KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.auditlog.reports.estimate import Compiled, Estimate, Replay, Rotation
    from kaudit_setup.auditlog.reports.stats import NodeStats
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.policy.model import Policy

app = typer.Typer(rich_markup_mode=None)

_ESTIMATE_HELP = """Examples:

  kaudit-setup estimate metadata quiet ./mine.yaml --log /var/log/kubernetes/audit

  kaudit-setup estimate forensics --host cp1 --log-maxsize 200 --log-maxbackup 20

A log can only show what was logged: a level can be lowered, but what a higher one would add is unknown.
"""
_STATS_HELP = """Examples:

  kaudit-setup stats --log /var/log/kubernetes/audit

  kaudit-setup stats --host cp1 --host cp2 -o json

Lines are counted: each stage of a request is one, and so is a copy of it in another log.
"""
_COLLECT_HELP = """Examples:

  kaudit-setup collect --host cp1 --host cp2 -d audit-logs

  cd audit-logs && sha256sum -c SHA256SUMS && kaudit-setup stats --log .

What is there already is not fetched again; a transfer that was stopped goes on where it was. What a node has deleted
since it was collected is kept. A copy that was altered here is fetched again, and kept beside it as FILE.altered.
"""


@app.command(epilog=_ESTIMATE_HELP)
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
    from kaudit_setup.auditlog.reports.estimate import Rotation
    from kaudit_setup.auditlog.reports.estimate import estimate as replay
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.report.escape import safe

    version = version_of(kube_version)
    loaded = [_policy(name, version) for name in policies]
    # 0 was lumberjack's default before kube-apiserver had one of its own (lumberjack.go:defaultMaxSize)
    rotation = Rotation(maxage, maxbackup, maxsize or (100 if version < KubeVersion(1, 36) else 0))
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


@app.command(epilog=_STATS_HELP)
@takes(source=LogOptions)
def stats(
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Describe the log: time covered by node, gaps, levels, event sizes, rotation, damaged lines."""
    from kaudit_setup.auditlog.reports.stats import stats as count

    with source.brought() as logs:
        nodes = count(logs)
        if output is Output.json:
            typer.echo(json.dumps({"nodes": [_node_json(node) for node in nodes]}, indent=2))
            return
        for node in nodes:
            for line in _node_text(node):
                typer.echo(line)


@app.command(epilog=_COLLECT_HELP)
@takes(source=LogOptions)
def collect(
    into: Annotated[Path | None, typer.Option("-d", "--directory", metavar="DIR", help="Where to put them.")] = None,
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Fetch the logs of nodes into a folder, with a manifest of SHA-256 sums."""
    from kaudit_setup.auditlog.sources.collect import collect as fetch
    from kaudit_setup.node.shell import script
    from kaudit_setup.report.columns import size
    from kaudit_setup.report.escape import safe
    from kaudit_setup.resources import counted

    if not source.remote or into is None:
        missing = "-d DIR" if source.remote else "--host or --inventory"
        raise InputError(
            f"collect needs {missing}", hint="for example: kaudit-setup collect --host cp1 -d audit-logs"
        )
    with source.nodes() as nodes:
        done = fetch(nodes, script("lib") + script("logs"), source.log or [], into, show_progress)
    if output is Output.json:
        from msgspec import to_builtins

        plain = {
            "directory": str(into),
            "files": to_builtins(done.entries),
            "fetched": done.fetched,
            "bytesMoved": done.moved,
            "notes": done.notes,
        }
        typer.echo(json.dumps(plain, indent=2))
        return
    for entry in done.entries:
        typer.echo(f"{entry.sha256}  {safe(entry.file)}  {size(entry.size)}")
    files = counted(len(done.entries), "file")
    typer.echo(f"{files} in {safe(str(into))}, {done.fetched} fetched, {size(done.moved)} moved")
    for note in done.notes:
        typer.echo(f"note: {safe(note)}", err=True)


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


def _node_json(node: NodeStats) -> dict[str, Any]:
    cover, count, hours = node.coverage, node.count, node.extent.hours
    return {
        **cover.plain(),
        "hours": round(hours, 3),
        "gapHours": round(node.extent.gaps, 3),
        "lines": cover.lines,
        "events": cover.events,
        "bytes": cover.size,
        "eventsPerHour": round(cover.events / hours, 1) if hours else None,
        "bytesPerHour": round(cover.size / hours, 1) if hours else None,
        "levels": dict(count.levels),
        "stages": dict(count.stages),
        "apiVersions": dict(count.versions),
        "eventBytes": {
            "mean": round(count.total / cover.events) if cover.events else 0,
            "p50": count.percentile(0.5),
            "p95": count.percentile(0.95),
            "p99": count.percentile(0.99),
            "max": count.largest,
        },
        "rotation": {
            "rotated": node.rotation.rotated,
            "compressed": node.rotation.compressed,
            "meanBytes": node.rotation.mean_size,
            "meanHours": round(node.rotation.mean_hours, 3),
        },
        "damagedLines": [{"file": file, "line": d.line, "what": d.what} for file, d in cover.located],
        "notes": list(cover.notes),
    }


def _node_text(node: NodeStats) -> Iterator[str]:
    from kaudit_setup.report.columns import hours, size
    from kaudit_setup.report.escape import safe
    from kaudit_setup.resources import counted

    cover, count, rotation = node.coverage, node.count, node.rotation
    time, gaps = node.extent.hours, node.extent.gaps
    rate = f", {counted(round(cover.events / time), 'event')} and {size(cover.size / time)} an hour" if time else ""
    yield safe(cover.node)
    long = f"{hours(time + gaps)}, {hours(gaps)} of which are gaps" if gaps else hours(time)
    span = f"{cover.first} to {cover.last} ({long})" if cover.first else "nothing"
    yield f"  covers    {span}"
    files = counted(cover.files, "file")
    yield f"  holds     {counted(cover.events, 'event')}, {size(cover.size)} in {files}{rate}"
    yield f"  gaps      {len(cover.gaps) or 'none'}"
    for first, last in cover.gaps[:10]:
        yield f"            {first} to {last}"
    yield f"  levels    {_shares(count.levels)}"
    yield f"  stages    {_shares(count.stages)}"
    if count.versions.keys() - {"audit.k8s.io/v1"}:
        yield f"  versions  {_shares(count.versions)}"
    sizes = ", ".join(f"{name} {size(count.percentile(at))}" for name, at in (("half", 0.5), ("95 %", 0.95)))
    yield f"  sizes     {f'{sizes} or less, largest {size(count.largest)}' if count.largest else 'none'}"
    often = f", one every {hours(rotation.mean_hours)}" if rotation.mean_hours else ""
    rotated = f"{counted(rotation.rotated, 'rotated file')}, {rotation.compressed} compressed{often}"
    yield f"  rotation  {rotated if rotation.rotated or rotation.compressed else 'none'}"
    yield f"  damaged   {cover.damaged or 'nothing'}"
    for file, damage in cover.located[:10]:
        yield f"            {safe(file)}:{damage.line or '?'} {safe(damage.what)}"
    if cover.damaged > 10:
        yield f"            and {cover.damaged - min(10, len(cover.located))} more"
    for note in cover.notes:
        yield f"  note      {safe(note)}"


def _shares(counts: dict[str, int]) -> str:
    from kaudit_setup.report.escape import safe

    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{safe(name) or '(none)'} {number}" for name, number in ranked) or "none"
