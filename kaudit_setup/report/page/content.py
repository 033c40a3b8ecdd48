"""What the page shows, as values: strings from the log are made harmless, lists are bounded and say what was cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.overview.counting import REUSED_IDS, Counts, Sighting
from kaudit_setup.auditlog.overview.notable import REASONS, RESTART
from kaudit_setup.auditlog.record import Place
from kaudit_setup.auditlog.scan_statistics import GAP_SECONDS
from kaudit_setup.auditlog.timestamps import seconds
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.moments import moment_of, whole
from kaudit_setup.report.page.timeline import SORTS, PageTimeline, of_sightings
from kaudit_setup.units import counted

_MOST_SERIES = 8  # lines of a chart; the others are summed up
_MOST_ROWS = 40  # rows of a table
_MOST_SHOWN = 100  # lines for one reason
_BURST = 10  # 403 of one user within a minute
_APART_SECONDS = 60.0  # a restart is many requests
_EARLY = 0.1  # the part of the time in which everybody is new
_LENGTHS: Final = {len("2026-11-25T14:28"): 60.0, len("2026-11-25T14"): 3600.0, len("2026-11-25"): 86400.0}
_EVERY: Final = {len("2026-11-25T14:28"): "minute", len("2026-11-25T14"): "hour", len("2026-11-25"): "day"}
_CHARTED: Final = ("level", "verb", "resource", "user", "code", "node")
_NO_VALUE = {"resource": "(no resource)", "user": "(nobody)", "code": "(none)"}


class Series(Item, frozen=True, kw_only=True):
    """One line of a chart: how many events at each step of time; null where the line is broken, in a gap."""

    name: str
    total: int
    events: tuple[int | None, ...]


class Chart(Item, frozen=True, kw_only=True):
    """Events over time by one dimension; the heaviest values, the others summed up."""

    by: str
    series: tuple[Series, ...]


class Gap(Item, frozen=True, kw_only=True):
    """Time that a node's log does not cover, in seconds since 1970."""

    node: str
    begin: float
    end: float


class Start(Item, frozen=True, kw_only=True):
    """When the kube-apiserver of a node started, in seconds since 1970."""

    node: str
    at: float


class Line(Item, frozen=True, kw_only=True):
    """One request, as a table shows it."""

    time: str
    user: str
    verb: str
    resource: str
    object: str
    code: int
    where: str


class Weight(Item, frozen=True, kw_only=True):
    """What fills the log; `own`: reads by Kubernetes' own parts, which a policy can drop without losing an answer."""

    user: str
    verb: str
    resource: str
    events: int
    bytes: int
    share: float
    own: bool


class Notable(Item, frozen=True, kw_only=True):
    """What deserves a look: `count` lines, the first of them in `lines`."""

    id: str
    title: str
    count: int
    lines: tuple[Line, ...]


class Source(Item, frozen=True, kw_only=True):
    """A file that was read, and its SHA-256 as it lies there."""

    node: str
    file: str
    bytes: int
    sha256: str


class Content(Item, frozen=True, kw_only=True):
    """All that the page's script is given. `steps`: of the charts, in seconds since 1970, each one `every` long."""

    steps: tuple[float, ...]
    every: str
    charts: tuple[Chart, ...]
    gaps: tuple[Gap, ...]
    restarts: tuple[Start, ...]
    sorts: tuple[str, ...]
    timeline: PageTimeline


def content(counts: Counts, cover: Sequence[Coverage], timeline: PageTimeline) -> Content:
    """What the charts and the timeline are drawn from."""
    steps = _steps(counts)
    return Content(
        steps=tuple(moment for _, moment in steps),
        every=_EVERY[counts.step],
        charts=tuple(_chart(counts, by, [step for step, _ in steps]) for by in _CHARTED),
        gaps=tuple(
            Gap(node=safe(one.name), begin=seconds(first), end=seconds(last))
            for one in cover
            for first, last in one.gaps
        ),
        restarts=tuple(_restarts(counts.sightings.get(RESTART, []))),
        sorts=SORTS,
        timeline=timeline,
    )


def untimed_note(counts: Counts) -> list[str]:
    """A sentence about events that are in no chart because their times cannot be read; none if there are none."""
    levels = (times for (dimension, _), times in counts.over_time.items() if dimension == "level")
    events = sum(n for times in levels for time, n in times.items() if not moment_of(whole(time)))
    if not events:
        return []
    those = counted(events, "event")
    return [f"The time of {those} cannot be read: counted in the tables, not shown in the charts or on the timeline."]


def looked_at(counts: Counts) -> PageTimeline:
    """The timeline of a report without a question: what deserves a look."""
    found = [(reason, sorted(counts.sightings.get(reason.id, []))[:_MOST_SHOWN]) for reason in REASONS]
    left_out = sum(counts.seen.get(reason.id, 0) - len(lines) for reason, lines in found)
    return of_sightings([(reason.title, lines) for reason, lines in found if lines], left_out)


def weights(counts: Counts) -> tuple[Weight, ...]:
    """The heaviest kinds of requests."""
    whole = sum(size for _, size in counts.kinds.values()) or 1
    heavy = sorted(counts.kinds.items(), key=lambda item: (-item[1][1], item[0]))[:_MOST_ROWS]
    return tuple(
        Weight(
            user=safe(user) or _NO_VALUE["user"],
            verb=safe(verb),
            resource=safe(resource) or _NO_VALUE["resource"],
            events=events,
            bytes=size,
            share=size / whole,
            own=_is_own_read(user, verb, resource),
        )
        for (user, verb, resource), (events, size) in heavy
    )


def notables(counts: Counts, cover: Sequence[Coverage]) -> tuple[Notable, ...]:
    """What deserves a look, each with its first lines; only what there is."""
    found = [_notable(reason.id, reason.title, counts) for reason in REASONS]
    found.append(_notable(REUSED_IDS, "Audit-IDs that came back in another request: somebody may be hiding", counts))
    found += [_bursts(counts), *_newcomers(counts, cover)]
    return tuple(one for one in found if one.count)


def _line(one: Sighting) -> Line:
    return Line(
        time=safe(one.time),
        user=safe(one.user) or _NO_VALUE["user"],
        verb=safe(one.verb),
        resource=safe(one.resource),
        object=safe(one.object),
        code=one.code,
        where=_where(one.place),
    )


def _where(place: Place) -> str:
    return safe(f"{place.node} {place.file}:{place.line}")


def _steps(counts: Counts) -> list[tuple[str | None, float]]:
    """The steps of time that have events, in order, as they are counted and in seconds since 1970. In between, what
    has none is an empty step at each side, so that no line is drawn across; None breaks the line: a gap.
    """
    found = {time for key, times in counts.over_time.items() if key[0] == "level" for time in times}
    moments = {time: moment_of(whole(time)) for time in found}
    known = sorted((moments[time], time) for time in found if moments[time])
    length = _LENGTHS[counts.step]
    steps: list[tuple[str | None, float]] = []
    for moment, time in known:
        if steps and moment - steps[-1][1] > length + GAP_SECONDS:
            steps.append((None, steps[-1][1] + length))
        elif steps and moment - steps[-1][1] > length:
            steps += [("", at) for at in sorted({steps[-1][1] + length, moment - length})]
        steps.append((time, moment))
    return steps


def _chart(counts: Counts, by: str, steps: Sequence[str | None]) -> Chart:
    found = {value: times for (dimension, value), times in counts.over_time.items() if dimension == by}
    heavy = sorted(found, key=lambda value: (-sum(found[value].values()), value))
    series = [_series(by, value, found[value], steps) for value in heavy[:_MOST_SERIES]]
    if rest := heavy[_MOST_SERIES:]:
        others: dict[str, int] = {}
        for value in rest:
            for time, events in found[value].items():
                others[time] = others.get(time, 0) + events
        series.append(_series(by, f"{len(rest)} others", others, steps))
    return Chart(by=by, series=tuple(series))


def _series(by: str, value: str, times: dict[str, int], steps: Sequence[str | None]) -> Series:
    events = tuple(None if step is None else times.get(step, 0) for step in steps)
    return Series(name=safe(value) or _NO_VALUE.get(by, "(none)"), total=sum(times.values()), events=events)


def _restarts(found: Sequence[Sighting]) -> Iterable[Start]:
    """One for each start of a server, which reads many roles."""
    before: dict[str, float] = {}
    for one in sorted(found):
        at = moment_of(one.time)
        if at - before.get(one.place.node, 0.0) > _APART_SECONDS:
            yield Start(node=safe(one.place.node), at=at)
        before[one.place.node] = at


def _is_own_read(user: str, verb: str, resource: str) -> bool:
    ours = user.startswith(("system:kube-", "system:apiserver", "system:node:"))
    return ours and verb in {"get", "list", "watch"} and resource != "secrets"


def _notable(reason: str, title: str, counts: Counts) -> Notable:
    found = sorted(counts.sightings.get(reason, []))[:_MOST_SHOWN]
    return Notable(id=reason, title=title, count=counts.seen.get(reason, 0), lines=tuple(map(_line, found)))


def _bursts(counts: Counts) -> Notable:
    found = sorted((minute, user, events) for (user, minute), events in counts.refused.items() if events >= _BURST)
    lines = tuple(
        Line(
            time=minute,
            user=safe(user),
            verb="",
            resource="",
            object=f"{events} requests in a minute",
            code=403,
            where="",
        )
        for minute, user, events in found[:_MOST_SHOWN]
    )
    return Notable(id="bursts", title="Bursts of requests that were forbidden", count=len(found), lines=lines)


def _newcomers(counts: Counts, cover: Sequence[Coverage]) -> Iterable[Notable]:
    """Users, addresses and programs that were not there in the first tenth of the log."""
    begin = min((moment_of(one.first) for one in cover if one.first), default=0.0)
    end = max((moment_of(one.last) for one in cover if one.last), default=0.0)
    late = begin + _EARLY * (end - begin)
    titles = {"user": "Users seen for the first time", "ip": "Addresses seen for the first time"}
    titles["agent"] = "Programs seen for the first time (a client chooses how it calls itself)"
    for what, title in titles.items():
        found = sorted(
            (first.time, value, first.place)
            for (kind, value), first in counts.firsts.items()
            if kind == what and value and moment_of(first.time) > late
        )
        lines = [_line(Sighting(time, value, "", "", "", 0, place)) for time, value, place in found[:_MOST_SHOWN]]
        yield Notable(id=f"new-{what}", title=title, count=len(found), lines=tuple(lines))
