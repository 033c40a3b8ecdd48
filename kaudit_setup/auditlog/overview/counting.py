"""One pass over a log, with all cores and in bounded memory, that counts what the report shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

import msgspec

from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.event import ENDS_REQUEST, Event, acted_as, impersonator, rank
from kaudit_setup.auditlog.fields import Fields, resource
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.overview.notable import RESTART, Kind, reasons
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.record import Place
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.sources.local import LocalLogs

REUSED_IDS: Final = "audit-ids"
"""The reason of a line whose Audit-ID came before in another request."""
_MINUTE: Final = len("2026-11-25T14:28")
_HOUR: Final = len("2026-11-25T14")
_MOST_TIMES = 4_000  # steps of time; beyond that, hours instead of minutes, then days
_MOST_VALUES = 2_000  # values of a dimension that are kept apart; a report shows the heaviest few
_MOST_FIRSTS = 20_000  # users, addresses and programs whose first event is known
_MOST_SIGHTINGS = 1_000  # lines that are kept for a reason; all are counted
_FIELDS: Final[Fields] = frozenset(
    {
        "level",
        "verb",
        "user.username",
        "impersonated_user.username",
        "object_ref",
        "response_status.code",
        "source_ips",
        "user_agent",
        "request_received_timestamp",
    }
)


class Sighting(NamedTuple):
    """A line that deserves a look. `object`: `namespace/name`, as much of it as there is."""

    time: str
    user: str
    verb: str
    resource: str
    object: str
    code: int
    place: Place


class First(NamedTuple):
    """Where somebody or something was seen for the first time."""

    time: str
    place: Place


K = TypeVar("K")
Times = dict[str, int]


class Counts(msgspec.Struct):
    """What was counted. `over_time`: (dimension, value) → step of time → events. `kinds`: (user, verb, resource) →
    events and bytes. `firsts`: (`user`, `ip` or `agent`, value) → its first event. `refused`: (user, minute) → how
    many 403 they met. `sightings` by reason, `seen` how many there were of each.
    """

    over_time: dict[tuple[str, str], Times] = msgspec.field(default_factory=dict)
    kinds: dict[tuple[str, str, str], list[int]] = msgspec.field(default_factory=dict)
    firsts: dict[tuple[str, str], First] = msgspec.field(default_factory=dict)
    refused: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    sightings: dict[str, list[Sighting]] = msgspec.field(default_factory=dict)
    seen: dict[str, int] = msgspec.field(default_factory=dict)
    step: int = _MINUTE

    def merge(self, other: Counts) -> None:
        """Take in what another unit counted."""
        for key, times in other.over_time.items():
            _add(self.over_time.setdefault(key, {}), ((time[: self.step], n) for time, n in times.items()))
        for kind, (events, size) in other.kinds.items():
            cell = self.kinds.setdefault(kind, [0, 0])
            cell[0] += events
            cell[1] += size
        for value, first in other.firsts.items():
            known = self.firsts.get(value)
            if (known is None and len(self.firsts) < _MOST_FIRSTS) or (known is not None and first < known):
                self.firsts[value] = first
        _add(self.refused, other.refused.items())
        _add(self.seen, other.seen.items())
        for reason, found in other.sightings.items():
            kept = self.sightings.setdefault(reason, [])
            kept += found[: _MOST_SIGHTINGS - len(kept)]
        self._bound()

    def _bound(self) -> None:
        """Coarser steps of time where there are too many, fewer values where there are too many."""
        if len(self.over_time) > 8 * _MOST_VALUES:
            heavy = sorted(self.over_time, key=lambda key: -sum(self.over_time[key].values()))[: 4 * _MOST_VALUES]
            self.over_time = {key: self.over_time[key] for key in heavy}
        if len(self.kinds) > 16 * _MOST_VALUES:
            weighty = sorted(self.kinds, key=lambda key: -self.kinds[key][1])[: 8 * _MOST_VALUES]
            self.kinds = {key: self.kinds[key] for key in weighty}
        while self.step > _HOUR - 3 and max(map(len, self.over_time.values()), default=0) > _MOST_TIMES:
            self.step -= 3
            for key, times in self.over_time.items():
                coarse: Times = {}
                _add(coarse, ((time[: self.step], n) for time, n in times.items()))
                self.over_time[key] = coarse


def count(logs: LocalLogs) -> Counts:
    """Read all of `logs`."""
    whole = Counts()
    for file, before, part in scan(logs.files, _count, logs.tallies):
        whole.merge(_placed(part, file, before))
    return whole


def _add(into: dict[K, int], more: Iterable[tuple[K, int]]) -> None:
    for key, number in more:
        into[key] = into.get(key, 0) + number


def _placed(part: Counts, file: LogFile, before: int) -> Counts:
    """`part`, whose lines count from the beginning of its unit, with the places in the file."""

    def there(place: Place) -> Place:
        return Place(file.node, file.path, before + place.line, file.cluster)

    part.firsts = {key: First(first.time, there(first.place)) for key, first in part.firsts.items()}
    part.sightings = {
        reason: [one._replace(place=there(one.place)) for one in found] for reason, found in part.sightings.items()
    }
    return part


def _count(unit: Unit, tally: Tally) -> Iterator[Counts]:
    counts = Counts()
    by_minute: defaultdict[str, dict[Kind, list[int]]] = defaultdict(dict)
    known: dict[Kind, tuple[str, ...]] = {}
    ids: dict[str, str] = {}
    for lines in decode_unit(unit, tally, project(_FIELDS)):
        for index, (event, size) in enumerate(zip(lines.events, lines.sizes, strict=True)):
            if event is None:
                continue
            kind = _kind(event)
            cells = by_minute[event.request_received_timestamp[:_MINUTE]]
            cell = cells.get(kind)
            if cell is None:
                cells[kind] = [1, size]
                _greet(counts, event, kind, lines.number(index))
            else:
                cell[0] += 1
                cell[1] += size
            why = known.get(kind)
            if why is None:
                why = known[kind] = reasons(kind)
            if ids.setdefault(event.audit_id, event.request_received_timestamp) != event.request_received_timestamp:
                why = (*why, REUSED_IDS)
            if why and rank(event) >= ENDS_REQUEST:
                _see(counts, why, event, kind, lines.number(index))
    _sum(counts, by_minute, unit.file)
    yield counts


def _kind(event: Event) -> Kind:
    return Kind(
        event.level,
        event.verb,
        resource(event),
        acted_as(event),
        event.response_status.code,
        impersonator(event),
    )


def _greet(counts: Counts, event: Event, kind: Kind, number: int) -> None:
    """Remember whom and what was not seen before. Called for the first event of a kind in each minute: who is new
    makes a kind of its own; an address or a program of a known user is new within a minute.
    """
    first = First(event.request_received_timestamp, Place("", "", number))
    counts.firsts.setdefault(("user", kind.user), first)
    if event.source_ips:
        counts.firsts.setdefault(("ip", event.source_ips[-1]), first)
    counts.firsts.setdefault(("agent", event.user_agent), first)


def _see(counts: Counts, why: tuple[str, ...], event: Event, kind: Kind, number: int) -> None:
    ref = event.object_ref
    for reason in why:
        counts.seen[reason] = counts.seen.get(reason, 0) + 1
        found = counts.sightings.setdefault(reason, [])
        if reason == RESTART and found and found[-1].time[:_MINUTE] == event.request_received_timestamp[:_MINUTE]:
            # a start is a hundred requests; one of each minute tells when it was
            continue
        if len(found) < _MOST_SIGHTINGS:
            thing = "/".join(part for part in (ref.namespace, ref.name) if part)
            found.append(
                Sighting(
                    event.request_received_timestamp,
                    kind.user,
                    kind.verb,
                    kind.resource,
                    thing,
                    kind.code,
                    Place("", "", number),
                )
            )


def _sum(counts: Counts, by_minute: dict[str, dict[Kind, list[int]]], file: LogFile) -> None:
    """Move what was counted by minute and kind into `counts`."""
    for minute, cells in by_minute.items():
        for kind, (events, size) in cells.items():
            for key in (
                ("level", kind.level),
                ("verb", kind.verb),
                ("resource", kind.resource),
                ("user", kind.user),
                ("code", str(kind.code)),
                ("node", file.node),
            ):
                times = counts.over_time.setdefault(key, {})
                times[minute] = times.get(minute, 0) + events
            cell = counts.kinds.setdefault((kind.user, kind.verb, kind.resource), [0, 0])
            cell[0] += events
            cell[1] += size
            if kind.code == 403:
                refused = (kind.user, minute)
                counts.refused[refused] = counts.refused.get(refused, 0) + events
