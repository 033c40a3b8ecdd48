"""What the page shows, as values: strings from the log are made harmless, lists are bounded and say what was cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kaudit_setup.auditlog.event import ENDS_REQUEST
from kaudit_setup.auditlog.overview.counting import REUSED_IDS, Counts, Sighting
from kaudit_setup.auditlog.overview.notable import REASONS, RESTART
from kaudit_setup.auditlog.query import Row
from kaudit_setup.auditlog.record import Place, record_of
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.auditlog.timestamps import seconds, stamp_or_nothing
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe

MOST_DEEDS: Final = 5_000
"""Requests on the timeline."""
_MOST_SERIES = 8  # lines of a chart; the others are summed up
_MOST_ROWS = 40  # rows of a table
_MOST_SHOWN = 100  # lines for one reason
_BURST = 10  # 403 of one user within a minute
_APART_SECONDS = 60.0  # a restart is many requests
_EARLY = 0.1  # the part of the time in which everybody is new
_CHARTED: Final = ("level", "verb", "resource", "user", "code", "node")
_NO_VALUE = {"resource": "(no resource)", "user": "(nobody)", "code": "(none)"}


class Series(Item, frozen=True, kw_only=True):
    """One line of a chart: how many events at each step of time."""

    name: str
    total: int
    events: tuple[int, ...]


class Chart(Item, frozen=True, kw_only=True):
    """Events over time by one dimension; the heaviest values, the others summed up."""

    by: str
    series: tuple[Series, ...]


class Gap(Item, frozen=True, kw_only=True):
    """Time that a node's log does not cover, in seconds since 1970."""

    node: str
    begin: float
    end: float


class Deed(Item, frozen=True, kw_only=True):
    """One request on the timeline; `at` in seconds since 1970."""

    at: float
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
    lines: tuple[Deed, ...]


class Source(Item, frozen=True, kw_only=True):
    """A file that was read, and its SHA-256 as it lies there."""

    node: str
    file: str
    bytes: int
    sha256: str


class Content(Item, frozen=True, kw_only=True):
    """All that the page's script is given. `steps`: of the charts, in seconds since 1970."""

    steps: tuple[float, ...]
    charts: tuple[Chart, ...]
    gaps: tuple[Gap, ...]
    restarts: tuple[Deed, ...]
    deeds: tuple[Deed, ...]


def content(counts: Counts, cover: Sequence[Coverage], deeds: Sequence[Deed]) -> Content:
    """What the charts and the timeline are drawn from."""
    steps, moments = _steps(counts)
    return Content(
        steps=tuple(moments),
        charts=tuple(_chart(counts, by, steps) for by in _CHARTED),
        gaps=tuple(
            Gap(node=safe(one.name), begin=seconds(first), end=seconds(last))
            for one in cover
            for first, last in one.gaps
        ),
        restarts=tuple(_restarts(counts.sightings.get(RESTART, []))),
        deeds=tuple(deeds),
    )


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


def deed_of(row: Row) -> Deed:
    """A row of `events` on the timeline."""
    record = record_of(row.body)
    thing = record.object
    below = f"{thing.resource}/{thing.subresource}" if thing.subresource else thing.resource
    return _deed(
        Sighting(
            record.time,
            record.user,
            record.verb,
            below,
            "/".join(filter(None, (thing.namespace, thing.name))) or record.request_uri[:200],
            record.code,
            row.place,
        )
    )


def ends(row: Row) -> bool:
    """Whether a row says how its request ended."""
    return row.rank >= ENDS_REQUEST


def _deed(one: Sighting) -> Deed:
    return Deed(
        at=_moment(one.time),
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


def _moment(time: str) -> float:
    """Seconds since 1970; 0 for what is not a time: a stranger may have written the line."""
    return seconds(time) if stamp_or_nothing(time) else 0.0


def _steps(counts: Counts) -> tuple[list[str], list[float]]:
    """The steps of time that have events, in order, as they are counted and in seconds since 1970."""
    found = {time for key, times in counts.over_time.items() if key[0] == "level" for time in times}
    moments = {time: _moment(_whole(time)) for time in found}
    known = sorted((time for time in found if moments[time]), key=lambda time: moments[time])
    return known, [moments[time] for time in known]


def _whole(step: str) -> str:
    """`2026-11-25T14` as a whole time."""
    return step + "2000-01-01T00:00:00Z"[len(step) :]


def _chart(counts: Counts, by: str, steps: Sequence[str]) -> Chart:
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


def _series(by: str, value: str, times: dict[str, int], steps: Sequence[str]) -> Series:
    events = tuple(times.get(step, 0) for step in steps)
    return Series(name=safe(value) or _NO_VALUE.get(by, "(none)"), total=sum(events), events=events)


def _restarts(found: Sequence[Sighting]) -> Iterable[Deed]:
    """One for each start of a server, which reads many roles."""
    before: dict[str, float] = {}
    for one in sorted(found):
        deed = _deed(one)
        if deed.at - before.get(one.place.node, 0.0) > _APART_SECONDS:
            yield deed
        before[one.place.node] = deed.at


def _is_own_read(user: str, verb: str, resource: str) -> bool:
    ours = user.startswith(("system:kube-", "system:apiserver", "system:node:"))
    return ours and verb in {"get", "list", "watch"} and resource != "secrets"


def _notable(reason: str, title: str, counts: Counts) -> Notable:
    found = sorted(counts.sightings.get(reason, []))[:_MOST_SHOWN]
    return Notable(id=reason, title=title, count=counts.seen.get(reason, 0), lines=tuple(map(_deed, found)))


def _bursts(counts: Counts) -> Notable:
    found = sorted((minute, user, events) for (user, minute), events in counts.refused.items() if events >= _BURST)
    lines = tuple(
        Deed(
            at=_moment(_whole(minute)),
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
    begin = min((_moment(one.first) for one in cover if one.first), default=0.0)
    end = max((_moment(one.last) for one in cover if one.last), default=0.0)
    late = begin + _EARLY * (end - begin)
    titles = {"user": "Users seen for the first time", "ip": "Addresses seen for the first time"}
    titles["agent"] = "Programs seen for the first time (a client chooses how it calls itself)"
    for what, title in titles.items():
        found = sorted(
            (first.time, value, first.place)
            for (kind, value), first in counts.firsts.items()
            if kind == what and value and _moment(first.time) > late
        )
        lines = [_deed(Sighting(time, value, "", "", "", 0, place)) for time, value, place in found[:_MOST_SHOWN]]
        yield Notable(id=f"new-{what}", title=title, count=len(found), lines=tuple(lines))
