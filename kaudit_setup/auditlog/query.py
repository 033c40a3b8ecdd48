"""The events that match a filter: found with all cores, one per request, ordered by time, in constant memory."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from os import fsdecode, fsencode
from typing import NamedTuple

import msgspec

from kaudit_setup.auditlog.decode import decode_leniently, decode_unit, project
from kaudit_setup.auditlog.event import ENDS_REQUEST, Decoder, Event, rank
from kaudit_setup.auditlog.fields import LAST_STAGE, ROW, SENT, TIMES, Fields
from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.filters import AnyOf, Filter
from kaudit_setup.auditlog.kinds import is_custom
from kaudit_setup.auditlog.prefilter import needles_of_any, patterns_of_any
from kaudit_setup.auditlog.raw_lines import PADDING, misshapen, not_an_event
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.record import Place, body_of, record_of
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import SMALL_BYTES, cores, scan
from kaudit_setup.auditlog.search import Found, matches
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource, OfRequests
from kaudit_setup.auditlog.timestamps import stamp

_HELD_REQUESTS = 20_000  # requests whose end has not been met; the oldest is given out as it is
_RECENT_REQUESTS = 50_000  # requests that were given out, to know a copy on another node
_SHARED_SHOWN = 3
_NODES_AT_ONCE = 8  # each costs a process


Key = tuple[str, str, str, str, str]
"""A request: its Audit-ID, when it was received, its verb, its URI and who sent it. The ID is what a client says
(AS/pkg/endpoints/filters/audit_init.go), so that it alone would let somebody hide a request behind another's.
"""


class Row(NamedTuple):
    """An event that fits: when it was written, which request it belongs to, how late its stage is, where it stands,
    and its line as logged (`raw`) or its record in JSON without the source. Without a body it is a later stage that
    does not fit, of a request of which an earlier one may.
    """

    time: str
    key: Key
    rank: int
    place: Place
    body: bytes

    @property
    def request(self) -> tuple[str, Key]:
        """Which request it belongs to, of which cluster."""
        return self.place.cluster, self.key


_Sent = tuple[str, Key, int, int, bytes]
_Kept = tuple[str, Key, int, tuple[bytes, bytes, bytes], int, bytes]


class _Form(NamedTuple):
    """How an event that fits is given out: what must be known of it, and the row that is made of that. `last`: the
    last stage of a request decides whether it fits.
    """

    fields: Fields
    row: Callable[[Event, bytes, int], _Sent]
    last: bool = False

    @property
    def decoder(self) -> Decoder:
        return project(self.fields)


def events(logs: LogSource, wanted: Filter, *, raw: bool = False, stages: bool = False) -> Iterator[Row]:
    """The events of `logs` that fit `wanted`, ordered by time as far as the nodes' clocks agree.

    `raw`: bodies are lines as they stand in the log, ordered as they were written. `stages`: each stage is given;
    otherwise the stages of one request, and copies of it on several nodes, are one row: its last stage, which is also
    the one that has to fit.
    """
    one = AnyOf((wanted,))
    form = _RAW if raw else _RECORD._replace(last=not stages and one.last_decides)
    rows = _rows_of(logs, one, form)
    if raw:
        return rows
    return _ordered(rows if stages else merged(rows))


def last_lines(logs: LogSource, wanted: AnyOf) -> Iterator[Row]:
    """As `events`, each request once, with the line of its last stage as it stands in the log."""
    return _ordered(merged(_rows_of(logs, wanted, _LINE._replace(last=wanted.last_decides))))


def _rows_of(logs: LogSource, wanted: AnyOf, form: _Form) -> Iterator[Row]:
    return _local(logs, wanted, form) if isinstance(logs, LocalLogs) else _remote(logs, wanted, form)


class LineReader:
    """Lines one by one, as rows where they fit a filter: for a log that is still being written."""

    def __init__(self, wanted: Filter, *, raw: bool) -> None:
        """`raw`: bodies are lines as they stand in the log, else records."""
        self._fits = wanted.test()
        self._decoder = project(wanted.fields())
        self._row = (_LINE if raw else _RECORD).row
        self._whole = _RECORD.decoder

    def row(self, text: bytes, place: Place) -> Row | None:
        """The row of one line; None if it is not an event, or does not fit."""
        event, _ = decode_leniently(self._decoder, text)
        if event is None or not self._fits(event):
            return None
        whole, _ = decode_leniently(self._whole, text)
        if whole is None:
            return None
        time, key, stage, _, body = self._row(whole, text.strip(PADDING), place.line)
        return Row(time, key, stage, place, body)


def merged(rows: Iterable[Row]) -> Iterator[Row]:
    """One row for each request: the last of its stages."""
    held: OrderedDict[tuple[str, Key], Row] = OrderedDict()
    recent: OrderedDict[tuple[str, Key], None] = OrderedDict()

    def give(row: Row) -> Iterator[Row]:
        recent[row.request] = None
        if len(recent) > _RECENT_REQUESTS:
            recent.popitem(last=False)
        if row.body:
            yield row

    for row in rows:
        if row.request in recent:
            continue
        known = held.get(row.request)
        if known is None and not row.body:
            continue
        if row.rank >= ENDS_REQUEST:
            held.pop(row.request, None)
            yield from give(row)
        elif known is None or row.rank > known.rank:
            held[row.request] = row
            if len(held) > _HELD_REQUESTS:
                yield from give(held.popitem(last=False)[1])
    for row in sorted(held.values()):
        yield from give(row)


class SharedIds(msgspec.Struct):
    """Audit-IDs of rows that came back in another request, as far as fifty thousand rows reach.

    `count` of them; `pairs`: the first ones, each with both rows.
    """

    count: int = 0
    pairs: list[tuple[Row, Row]] = msgspec.field(default_factory=list)
    _recent: OrderedDict[tuple[str, str], Row] = msgspec.field(default_factory=OrderedDict)

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """`rows`, as they come."""
        for row in rows:
            known = self._recent.setdefault((row.place.cluster, row.key[0]), row)
            if known.key != row.key and row.key[0] and not _passed_on(known, row):
                self.count += 1
                if len(self.pairs) < _SHARED_SHOWN:
                    self.pairs.append((known, row))
            if len(self._recent) > _RECENT_REQUESTS:
                self._recent.popitem(last=False)
            yield row


def _passed_on(one: Row, other: Row) -> bool:
    """Whether both may be one request that kube-apiserver passed on to the server of an aggregated API."""
    thing = record_of(one.body).object
    same = one.key[2:] == other.key[2:] and one.place.node != other.place.node
    return same and is_custom(thing.group, thing.resource)


def _ordered(rows: Iterable[Row]) -> Iterator[Row]:
    """`rows`, which come as they were written, as they were asked for: a watch is written when it ends. As far as
    twenty thousand rows reach; only requests that lasted longer than that stand too late.
    """
    waiting: list[tuple[str, int, Row]] = []
    for number, row in enumerate(rows):
        heapq.heappush(waiting, (row.key[1] or row.time, number, row))
        if len(waiting) > _HELD_REQUESTS:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _local(logs: LocalLogs, wanted: AnyOf, form: _Form) -> Iterator[Row]:
    files = within(logs.files, wanted.window)
    nodes = [list(group) for _, group in groupby(files, key=lambda file: file.log)]
    if len(nodes) < 2:
        return _node(files, wanted, form, logs.tallies, None)
    workers = 0 if len(nodes) > _NODES_AT_ONCE else max(1, cores() // len(nodes))
    if sum(file.size for file in files) < SMALL_BYTES:
        workers = 0
    return heapq.merge(
        *(_node(node, wanted, form, logs.tallies, workers) for node in nodes), key=lambda row: row.time
    )


def _node(
    files: Iterable[LogFile], wanted: AnyOf, form: _Form, tallies: dict[str, Tally], workers: int | None
) -> Iterator[Row]:
    def work(unit: Unit, tally: Tally) -> Iterator[list[_Sent]]:
        return _find(unit, tally, wanted, form)

    for file, before, part in scan(list(files), work, tallies, workers):
        for time, key, stage, line, body in part:
            yield Row(time, key, stage, Place(file.node, file.path, before + line, file.cluster), body)


def _find(unit: Unit, tally: Tally, wanted: AnyOf, form: _Form) -> Iterator[list[_Sent]]:
    fits = wanted.test()
    decoder = _decoder(wanted, form)
    literals = needles_of_any(wanted)
    if literals:
        for found in matches(unit, tally, literals, wanted.window, check=True):
            yield _kept(found, decoder, fits, form, tally)
        return
    begun: OrderedDict[tuple[str, str], None] = OrderedDict()
    for lines in decode_unit(unit, tally, decoder):
        fitting = [(index, True) for index, event in enumerate(lines.events) if event is not None and fits(event)]
        if form.last:
            fitting += [(index, False) for index in _unfit(lines.events, dict(fitting), begun, tally)]
        if fitting:
            texts = lines.texts
            fitting.sort()
            yield _rows(((lines.number(index), texts[index], fit) for index, fit in fitting), form, tally)


def _decoder(wanted: AnyOf, form: _Form) -> Decoder:
    return project(wanted.fields() | LAST_STAGE if form.last else wanted.fields())


def _unfit(
    events: Sequence[Event | None],
    fitting: Mapping[int, bool],
    begun: OrderedDict[tuple[str, str], None],
    tally: Tally,
) -> Iterator[int]:
    """Where the later stages stand that do not fit though an earlier one did, or may have in an earlier unit: what
    was received before this unit began. `begun`: requests of the unit that fit as far as they went.
    """
    before = _soon_after(tally.first)
    for index, event in enumerate(events):
        if event is None:
            continue
        received = event.request_received_timestamp
        if index in fitting:
            if rank(event) < ENDS_REQUEST:
                begun[event.audit_id, received] = None
                if len(begun) > _HELD_REQUESTS:
                    begun.popitem(last=False)
            elif begun:
                begun.pop((event.audit_id, received), None)
        elif received < before or (begun and (event.audit_id, received) in begun):
            yield index


def _soon_after(moment: str) -> str:
    """A little later than `moment`: lines are not written in the very order of their timestamps."""
    try:
        return stamp(datetime.fromisoformat(moment) + timedelta(seconds=5)) if moment else ""
    except OverflowError:
        return moment


def _kept(
    found: Iterable[Found],
    decoder: Decoder,
    fits: Callable[[Event], bool],
    form: _Form,
    tally: Tally,
) -> list[_Sent]:
    fitting = []
    for number, _, text, _ in found:
        event, why = decode_leniently(decoder, text)
        # what has not even the shape of an event was counted while it was searched
        if why and not not_an_event(text):
            tally.damage(number, why, text if event is None else b"")
        if event is not None and ((fit := fits(event)) or form.last):
            fitting.append((number, text, fit))
    return _rows(fitting, form, tally)


def _rows(fitting: Iterable[tuple[int, bytes, bool]], form: _Form, tally: Tally) -> list[_Sent]:
    """What is given out of lines that fit. A filter looks at a few fields, so the others may still be damaged."""
    rows, decoder = [], form.decoder
    for number, text, fit in fitting:
        event, why = decode_leniently(decoder, text)
        if event is None:
            tally.damage(number, why)
        else:
            rows.append(_sent(form, event, text, number, fit))
    return rows


def _sent(form: _Form, event: Event, text: bytes, line: int, fit: bool) -> _Sent:
    sent = form.row(event, text, line)
    return sent if fit else (*sent[:-1], b"")


def _remote(logs: LogSource, wanted: AnyOf, form: _Form) -> Iterator[Row]:
    """The rows of a source that gives hits node by node; a store that knows its only node needs no order."""
    rows = _of_hits(logs, wanted, form)
    known = {(cover.cluster, cover.node) for cover in logs.coverage()}
    if len(known) == 1:
        return rows
    from kaudit_setup.auditlog.sources.by_time import by_time

    return by_time(rows, _log_of, _encoded, _decoded)


def _log_of(row: Row) -> tuple[str, str]:
    return row.place.cluster, row.place.node


def _encoded(row: Row) -> bytes:
    place = row.place  # a path may have bytes that are not UTF-8
    names = (fsencode(place.node), fsencode(place.file), fsencode(place.cluster))
    return msgspec.msgpack.encode((row.time, row.key, row.rank, names, place.line, row.body))


def _decoded(data: bytes) -> Row:
    time, key, late, names, line, body = msgspec.msgpack.decode(data, type=_Kept)
    node, path, cluster = map(fsdecode, names)
    return Row(time, key, late, Place(node, path, line, cluster), body)


def _of_hits(logs: LogSource, wanted: AnyOf, form: _Form) -> Iterator[Row]:
    fits = wanted.test()
    # most of what a node or a store gives fits
    decoder = project(wanted.fields() | form.fields)
    found = (
        logs.requests(needles_of_any(wanted), wanted)
        if isinstance(logs, OfRequests)
        else logs.candidates(needles_of_any(wanted), wanted.window, patterns_of_any(wanted))
    )
    for hit in found:
        event, why = decode_leniently(decoder, hit.text)
        if event is not None and ((fit := fits(event)) or form.last):
            time, key, stage, line, body = _sent(form, event, hit.text, hit.line, fit)
            yield Row(time, key, stage, Place(hit.file.node, hit.file.path, line, hit.file.cluster), body)
        # the node counts what has not even the shape of an event, but not in its compressed files
        if why and (hit.file.gzipped or not misshapen(hit.text)):
            logs.damaged(hit, why)


def _raw_row(event: Event, text: bytes, line: int) -> _Sent:
    # lines are never merged: what else tells requests apart is not decoded for them
    return event.stage_timestamp, (event.audit_id, event.request_received_timestamp, "", "", ""), 0, line, text


def _line_row(event: Event, text: bytes, line: int) -> _Sent:
    return event.stage_timestamp, _key(event), rank(event), line, text


def _record_row(event: Event, text: bytes, line: int) -> _Sent:
    return event.stage_timestamp, _key(event), rank(event), line, body_of(event)


def _key(event: Event) -> Key:
    """At RequestReceived nobody is impersonated yet, so the sender counts."""
    sender = event.user.username
    return event.audit_id, event.request_received_timestamp, event.verb, event.request_uri, sender


_RAW = _Form(TIMES, _raw_row)
_LINE = _Form(LAST_STAGE | SENT, _line_row)
_RECORD = _Form(ROW, _record_row)
