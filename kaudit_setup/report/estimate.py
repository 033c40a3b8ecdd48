"""What other policies would have written, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.reports.estimate import Estimate as Figures
from kaudit_setup.auditlog.reports.estimate import Replay
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.policy.model import Stage
from kaudit_setup.report.columns import columns
from kaudit_setup.report.coverage import LogCoverage, covered, gap_notes
from kaudit_setup.report.documents.document import Bytes, Item, Seconds
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, share, size
from kaudit_setup.report.wrap import fitted
from kaudit_setup.rotation import Rotation


def as_text(result: Replay, rotation: Rotation, asked: Window) -> str:
    """A line for each policy, what the figures are made of, and what they cannot say; `asked`: the time asked for."""
    notes = (fitted(f"note: {safe(note)}") for note in replay_notes(result, asked))
    return "\n".join([*_lines(result, rotation), *notes])


def _lines(result: Replay, rotation: Rotation) -> Iterator[str]:
    def cells(one: Figures) -> Sequence[str]:
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
    yield from columns(("POLICY", "EVENTS", "SHARE", "BYTES", "SHARE", "KEPT FOR"), rows, frozenset({1, 2, 3, 4, 5}))
    together = f" on {result.nodes} nodes together" if result.nodes > 1 else ""
    yield fitted(
        f"from {hours(result.extent.hours)} of log{together}; kept for: --log-maxsize {rotation.maxsize} "
        f"--log-maxbackup {rotation.maxbackup} --log-maxage {rotation.maxage}"
    )


def _kept(time: float | None, at_most: str) -> str:
    if time is None:
        return "-"
    return at_most + hours(time) if isfinite(time) else "no limit"


def replay_notes(result: Replay, asked: Window) -> Iterator[str]:
    """What the figures cannot say."""
    if not result.logged.events:
        yield "the log has no events" if asked.open else "the log has no events in the requested time"
    else:
        yield "only events in this log are counted: what its own policy left out is not in these figures"
        if not result.extent.hours:
            yield "the events cover no time, so it is unknown how long they would be kept"
    yield from gap_notes(result.extent.gaps)
    for one in result.estimates:
        if one.unknown:
            yield (
                f"{one.name}: {one.unknown} of its events would be logged at a higher level than they were; "
                "their bodies are not in this log, so the bytes are a lower bound"
            )
        if one.missing_stages:
            stages = ", ".join(one.missing_stages)
            yield (
                f"{one.name}: it also logs {stages}, which this log does not have for all requests, "
                "so the number of events is a lower bound"
            )


class PolicyFigures(Item, frozen=True, kw_only=True):
    """What one policy would have written. `share` of the logged bytes; `kept_seconds`: null without a limit, or where
    that is unknown; `unknown_events`: those whose bytes are a lower bound; `missing_stages`: those whose number is.
    """

    policy: str
    events: int
    bytes: Bytes
    share: float | None
    kept_seconds: Seconds | None
    unknown_events: int
    missing_stages: tuple[Stage, ...]


class RotationSettings(Item, frozen=True, kw_only=True):
    """The flags --audit-log-maxage (days), --audit-log-maxbackup (files) and --audit-log-maxsize (MiB)."""

    maxage: int
    maxbackup: int
    maxsize: int


class Estimate(Item, frozen=True, kw_only=True):
    """The log as it is, and what other policies would have written of it."""

    logged: PolicyFigures
    policies: tuple[PolicyFigures, ...]
    seconds: Seconds
    gap_seconds: Seconds
    nodes: int
    rotation: RotationSettings
    coverage: tuple[LogCoverage, ...]


def as_item(result: Replay, rotation: Rotation, cover: Sequence[Coverage]) -> Estimate:
    """The same for programs, with what the logs cover."""
    return Estimate(
        logged=_figures(result.logged, result.logged),
        policies=tuple(_figures(one, result.logged) for one in result.estimates),
        seconds=round(result.extent.hours * 3600, 3),
        gap_seconds=round(result.extent.gaps * 3600, 3),
        nodes=result.nodes,
        rotation=RotationSettings(maxage=rotation.maxage, maxbackup=rotation.maxbackup, maxsize=rotation.maxsize),
        coverage=covered(cover),
    )


def _figures(one: Figures, logged: Figures) -> PolicyFigures:
    return PolicyFigures(
        policy=one.name,
        events=one.events,
        bytes=one.size,
        share=round(one.size / logged.size, 4) if logged.size else None,
        kept_seconds=round(one.hours * 3600, 1) if one.hours is not None and isfinite(one.hours) else None,
        unknown_events=one.unknown,
        missing_stages=one.missing_stages,
    )
