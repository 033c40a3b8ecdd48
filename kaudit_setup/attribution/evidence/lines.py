"""Candidate lines of the logs → requests with the place where they stand: the door from search to answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from kaudit_setup.attribution.evidence.actors import on_all_by_others
from kaudit_setup.attribution.evidence.requests import Request, Source, request_of
from kaudit_setup.attribution.evidence.search import Ahead, Search
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.coverage.unreadable import together, unreadable
from kaudit_setup.auditlog.decode import decode_leniently
from kaudit_setup.auditlog.event import EVENT, Event
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.literals import OWN_ORDER, holder
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.port import LogSource, OfRequests
from kaudit_setup.auditlog.timestamps import credible, latest_credible
from kaudit_setup.values import replace

_STAGE, _VERB, _REF = b'"stage":"', b'"verb":"', b'"objectRef":{'
_REPORT = b'"observedGeneration":'
_READS = (b'get"', b'list"', b'watch"')


def passing(line: bytes) -> bool:
    """Whether nothing was done on a line: stage RequestReceived, a read, or a status report.

    Found without decoding, from the fields before the bodies, in the order in which kube-apiserver writes them: a
    label that somebody put into a body must not hide a line. Of lines in any other order this is not said.
    """
    if not line.startswith(OWN_ORDER):
        return False
    at = line.find(_STAGE) + len(_STAGE)
    if line.startswith(b'RequestReceived"', at):
        return True
    at = line.find(_VERB, at) + len(_VERB)
    if line.startswith(_READS, at):
        return True
    at = line.find(_REF, at)
    if at < 0 or line.find(b'"subresource":"status"', at, line.find(b"}", at)) < 0:
        return False
    # a controller's logged report on the generation that it has seen shows whether a change is missing
    return _REPORT not in line


class Stored(Protocol):
    """What is known of logs beside their lines, since they were packed into a store."""

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """Of each node on which an API server ran, what its kubelet asked about it; None if only the lines tell."""
        ...


class EventLog:
    """Logs, asked for requests. `unreadable` counts the lines that hold a literal and are no events.

    An event whose time cannot be true is no part of what is found, for every rule goes by what came before and after:
    it is set aside, in `untimed`.
    """

    def __init__(
        self, logs: LogSource, *, one_cluster: bool = False, stored: Stored | None = None, cluster: str = ""
    ) -> None:
        """`one_cluster`: whether the logs are known to be of one cluster. `stored`: what knows more of them, and
        searches them so quickly that nothing is looked for ahead of time; there they are those of `cluster`.
        """
        self._logs = logs
        self._stored = stored
        self._cluster = cluster
        self._ahead: Ahead | None = None
        self._one_cluster = one_cluster
        self._latest = latest_credible(datetime.now(UTC))
        self._untimed: dict[tuple[str, int], Request] = {}
        self._unreadable: set[tuple[str, int]] = set()
        self._tallies: dict[LogFile, Tally] = {}

    @property
    def unreadable(self) -> int:
        """How many lines that were looked at could not be decoded; each counts once."""
        return len(self._unreadable)

    @property
    def looks_up(self) -> bool:
        """Whether a search reads only what it may find, so that several cost no more than one for all."""
        return isinstance(self._logs, OfRequests)

    @property
    def untimed(self) -> tuple[Request, ...]:
        """The events that were looked at and set aside: their times cannot be read, or cannot be true."""
        return tuple(self._untimed.values())

    def find(self, search: Search) -> Iterator[Request]:
        """See `Log.find`."""
        return (request for _, request in self.events(search))

    def events(self, search: Search) -> Iterator[tuple[Event, Request]]:
        """As `find`, each request with its event, which has the bodies."""
        focus = search.focus
        for hit in self._hits(search):
            if focus and focus not in hit.text and passing(hit.text):
                continue
            # what lies too deep to be read is nothing that a question is about
            event, why = decode_leniently(EVENT, hit.text)
            if event is None or not event.stage:
                # damaged, or an event that something wrapped into a field of its own, or no event at all
                self._give_up(hit, why or "not an audit event")
                continue
            place = replace(hit, text=b"")
            source = Source(hit.file.node, hit.file.path, hit.line, place, self._one_cluster)
            request = request_of(event, source, search.about)
            if credible(request.time, self._latest):
                yield event, request if credible(event.stage_timestamp, self._latest) else _ended_at_once(request)
            else:
                self._untimed.setdefault(_spot(hit), request)

    def servers(self) -> list[Request] | None:
        """See `Searched.servers`."""
        seen = self._stored.servers(self._cluster) if self._stored is not None else None
        return None if seen is None else [request_of(event, Source("", "", 0)) for event in seen]

    def _hits(self, search: Search) -> Iterable[Hit]:
        """The lines that `search` looks for; those that it comes by ahead of time are kept."""
        known = self._ahead.hits(search) if self._ahead is not None else None
        if known is not None:
            return known
        return self._looked_up(search) if self._stored is not None else self._read(search)

    def _looked_up(self, search: Search) -> Iterator[Hit]:
        """The lines from a store, which looks up each word that they hold."""
        if search.literals:
            patterns = [one for one in (search.place, search.word) if one]
            needed = [re.compile(one.encode()).search for one in patterns]
            found = self._logs.candidates(search.literals, patterns=patterns)
            yield from (hit for hit in found if all(has(hit.text) for has in needed))
        wide = [one for one in search.anywhere if one == search.on_all and isinstance(self._logs, OfRequests)]
        if wide and isinstance(self._logs, OfRequests):
            yield from self._logs.requests(wide, on_all_by_others(search.by_others, search.window))
        if anywhere := [one for one in search.anywhere if one not in wide]:
            yield from self._logs.candidates(anywhere)

    def _read(self, search: Search) -> Iterator[Hit]:
        """The lines of logs that are read as a whole."""
        self._ahead = Ahead(search) if search.ahead else None
        here, named = (re.compile(one.encode()).search for one in (search.place, search.word))
        wanted, anywhere = holder(search.literals), holder(search.anywhere)
        patterns = [search.place] if search.place and not search.anywhere else []
        for hit in self._logs.candidates([*search.literals, *search.anywhere, *search.ahead], patterns=patterns):
            if not here(hit.text) and not anywhere(hit.text):
                continue
            if named(hit.text) and (self._ahead is None or wanted(hit.text)):
                yield hit
            elif self._ahead is not None:
                self._ahead.keep(hit)

    def _give_up(self, hit: Hit, why: str) -> None:
        """Count a line that is not an event, once, however often it is found."""
        place = _spot(hit)
        if place not in self._unreadable:
            self._unreadable.add(place)
            self._tallies.setdefault(hit.file, Tally()).damage(hit.line, why, hit.text)

    def coverage(self) -> tuple[Coverage, ...]:
        """What the searches so far found out about each node's log, and which lines turned out not to be events."""
        return tuple(map(self._with_unreadable, self._logs.coverage()))

    def _with_unreadable(self, cover: Coverage) -> Coverage:
        tallies = [(file.path, tally) for file, tally in self._tallies.items() if file.log == cover.log]
        found = filter(None, (unreadable(path, tally) for path, tally in tallies))
        return replace(cover, unreadable=together(cover.unreadable, found)) if tallies else cover

    def numbered(self, requests: Sequence[Request]) -> dict[Request, Request]:
        """Requests whose lines were not counted while searching, with the same ones and their line numbers."""
        waiting: list[tuple[Request, Hit]] = [
            (request, request.source.hit)
            for request in dict.fromkeys(requests)
            if not request.source.line and request.source.hit
        ]
        if not waiting:
            return {}
        hits = self._logs.numbered([hit for _, hit in waiting])
        return {
            request: replace(request, source=replace(request.source, line=hit.line))
            for (request, _), hit in zip(waiting, hits, strict=True)
        }


def _spot(hit: Hit) -> tuple[str, int]:
    """What tells a line from all others, however often it is found."""
    return hit.file.path, hit.offset or hit.line


def _ended_at_once(request: Request) -> Request:
    """A request of which nothing is known but when it came."""
    return replace(request, end=request.at)
