"""The requests on the objects that were looked up, by object: searched by literals, merged, indexed.

Each literal is searched once; several are searched in one pass (in two passes where more is found than is kept). Of
requests that only mention an object (a kubelet's reports, reads) the first and the last are kept, so that a busy
object costs no more than a quiet one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from kaudit_setup.attribution.evidence.absence import is_not_found
from kaudit_setup.attribution.evidence.requests import (
    Object,
    Request,
    changes,
    creates,
    deletes,
    executes,
    stage_rank,
    through_kubelet,
)
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.attribution.living_object.metadata import Living
from kaudit_setup.attribution.timing import AROUND, CLOCK_SKEW
from kaudit_setup.auditlog.kinds import is_custom
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.values import replace

LIMIT = 60_000
"""Requests that are kept, about 1 KB each, before they are thinned out."""
_REPEATED, _CROWD, _WEIGHTY = range(3)
# What components write all the time; of an event object, only its message matters.
_ROUTINE = frozenset({("", "events"), ("coordination.k8s.io", "leases")})


class Log(Protocol):
    """Where requests are searched: local files, nodes over SSH, a list in a test."""

    def find(self, search: Search) -> Iterable[Request]:
        """What is on the lines that `search` looks for, one request for each."""
        ...


class EventIndex:
    """The requests found so far, by object; no more than `LIMIT` of them.

    `nodes` are the sources they came from.
    `left_out` counts the requests that were too many to keep.
    """

    def __init__(
        self,
        log: Log,
        keep: Callable[[Request], bool] = lambda _: False,
        focus: bytes = b"",
        about: Object | None = None,
        window: Window = ALWAYS,
    ) -> None:
        """`keep`: which mere mentions are kept as well (a timeline's reads). `focus`: see `Search`.

        `about` and `window`: the object and the time asked about, which are the last to be thinned out.
        """
        self._focus = focus
        self._about = about
        self._window = window
        self._log = log
        self._keep = keep
        self._searched: set[tuple[bytes, bytes, bytes]] = set()
        self._requests: dict[tuple[str, ...], Request] = {}
        self._index: dict[Object, list[Request]] = {}
        self._stale = False
        self._known: tuple[float, ...] = ()
        self._lost: list[tuple[float, float]] = []
        self.nodes: set[str] = set()
        self.left_out = 0
        self._reported: set[Object] = set()
        self.living: Mapping[Object, Living] = {}

    def know_living(self, shown: Iterable[Living]) -> None:
        """Take what living objects say of themselves beside what the log says: `living`, by object."""
        self.living = {one.object: one for one in shown}

    def look_up(self, literals: Iterable[bytes], within: bytes = b"") -> None:
        """Search what was not searched yet, in one pass; see `Search`."""
        self.look_for(Search(tuple(literals), within=within))

    def look_for(self, wanted: Search) -> None:
        """As `look_up`; whatever it focuses on, and is about, is the same for all searches."""
        search = Search(
            self._new(wanted.literals, wanted.within),
            self._focus,
            self._about,
            wanted.within,
            self._new(wanted.anywhere, b""),
            wanted.name,
            wanted.ahead,
            wanted.by_others,
            wanted.window,
        )
        if not (search.literals or search.anywhere):
            return
        self._searched.update((one, search.within, search.name.encode()) for one in search.literals)
        self._searched.update((one, b"", b"") for one in search.anywhere)
        mentions: dict[tuple[str, ...], list[Request]] = {}
        for request in self._log.find(search):
            self.nodes.add(request.source.node)
            if request.done and self._own(request):
                self._known = (min((request.at, *self._known)), max((request.at, *self._known)))
            if _lasting(request) or self._keep(request):
                self._add(request)
            elif self._tells(request):
                self._mention(request, mentions)
        for pair in mentions.values():
            for request in pair:
                self._add(request)
        if any(begin - AROUND < at < end + AROUND for begin, end in self._lost for at in self._known):
            self._look_around(search)
        self._lost = []
        self._stale = True

    def _tells(self, request: Request) -> bool:
        """Whether a request that changed nothing tells something: that its object existed, or that it did not."""
        return request.done or (self._own(request) and is_not_found(request))

    def _new(self, literals: Iterable[bytes], within: bytes) -> tuple[bytes, ...]:
        """Those that were not searched yet."""
        new = [one for one in dict.fromkeys(literals) if not self._is_searched(one, within)]
        # whatever holds a literal also holds each part of it
        return tuple(one for one in new if not any(other in one for other in new if other != one))

    def _is_searched(self, literal: bytes, within: bytes) -> bool:
        """Whether every line that holds both was found by an earlier search."""
        return any(
            old in literal and (there in literal or there in within) and (old == literal or _has_word(literal, name))
            for old, there, name in self._searched
        )

    def _look_around(self, search: Search) -> None:
        """Read again what was dropped before the log showed when the object existed."""
        for request in self._log.find(search):
            if (
                self._weight(request) == _CROWD
                and self._distance(request) < AROUND
                and request.key not in self._requests
            ):
                self.left_out -= 1
                self._add(request)

    def sift(self, literals: Sequence[bytes], wanted: Callable[[Request], bool], focus: bytes = b"") -> list[Request]:
        """The requests on lines that hold one of `literals`, of whatever kind, that are `wanted`; in order of time.

        `focus`: see `Search`.

        A pass of its own over the log, without the thinning of `look_up`: for questions that are rarely asked.
        """
        found: dict[tuple[str, ...], Request] = {}
        for request in self.every(Search(tuple(literals), focus)):
            if wanted(request):
                keep_better(found, request)
        return in_order(found.values())

    def take_reports(self, obj: Object, literals: Sequence[bytes]) -> None:
        """Take in controllers' reports on `obj`, found by `literals`, whose bodies tell how often it was changed: a
        search for something else leaves them out. A pass of its own, once for each object.
        """
        if obj in self._reported:
            return
        self._reported.add(obj)
        for request in self.sift(literals, lambda one: one.object == obj and bool(one.facts.generation)):
            self._add(request)
        self._stale = True

    def every(self, search: Search) -> Iterable[Request]:
        """What is on each line that `search` looks for, as it is read: its own pass, nothing is kept."""
        return self._log.find(search)

    def on(self, obj: Object) -> list[Request]:
        """Everything known about `obj`, in order of time."""
        return self._read().get(obj, [])

    def done(self, obj: Object, until: float = float("inf")) -> list[Request]:
        """What took effect on `obj` up to `until` (Unix seconds), in order of time."""
        return [request for request in self.on(obj) if request.done and request.at <= until]

    def nameless(self, obj: Object) -> list[Request]:
        """What is known about the collection that `obj` is in: creates without a name, deletions of it all, lists."""
        return self._read().get(replace(obj, name=""), [])

    def starting(self, obj: Object) -> list[Object]:
        """The objects known that are of `obj`'s kind and place and whose names begin with its name."""
        place = (obj.group, obj.resource, obj.namespace)
        return [
            one
            for one in self._read()
            if one.name.startswith(obj.name) and (one.group, one.resource, one.namespace) == place
        ]

    def all(self) -> Iterator[Request]:
        """Every request known, in no order."""
        return iter(self._requests.values())

    @property
    def tolerance(self) -> float:
        """Seconds by which the clocks of the sources may differ."""
        return CLOCK_SKEW if len(self.nodes) > 1 else 0.0

    def _add(self, request: Request) -> None:
        keep_better(self._requests, request)
        if len(self._requests) >= LIMIT:
            self._prune()

    def _prune(self) -> None:
        """Drop half of what matters least, until there is room for more.

        First of repeated requests (leader elections, heartbeats, reads), then of requests on other objects of the
        same kind, at last of everything: what is outside of the time asked for, or earlier.
        """
        for weight in (_REPEATED, _CROWD, _WEIGHTY):
            if len(self._requests) <= LIMIT * 3 // 4:
                return
            requests = [request for request in self._requests.values() if self._weight(request) == weight]
            if weight == _CROWD and self._known:
                requests.sort(key=self._distance, reverse=True)
            else:
                requests.sort(key=lambda request: (self._window.holds(request.time), request.at))
            spare = requests[: len(requests) // 2]
            for request in spare:
                del self._requests[request.key]
            self.left_out += len(spare)
            if weight == _CROWD:
                for begin, end in pairwise((float("-inf"), *self._known, float("inf"))):
                    times = [request.at for request in spare if begin <= request.at <= end]
                    self._lost += [(min(times), max(times))] if times else []

    def _weight(self, request: Request) -> int:
        """How much is lost with a request."""
        if not (creates(request) or deletes(request) or executes(request)):
            return _WEIGHTY if self._own(request) and not (_lasting(request) or self._keep(request)) else _REPEATED
        return _CROWD if self._alike(request) or (creates(request) and not request.name) else _WEIGHTY

    def _own(self, request: Request) -> bool:
        about = self._about
        return about is not None and request.name == about.name and request.namespace in {about.namespace, ""}

    def _alike(self, request: Request) -> bool:
        about = self._about
        return about is not None and request.resource == about.resource and request.name not in {about.name, ""}

    def _distance(self, request: Request) -> float:
        """Seconds between a request and the first or the last mention of the object asked about."""
        return min((abs(request.at - at) for at in self._known), default=0.0)

    def _mention(self, request: Request, mentions: dict[tuple[str, ...], list[Request]]) -> None:
        # a controller's report tells which generation of its owner it knew
        generation = str(request.facts.generation)
        key = (
            request.group,
            request.resource,
            request.namespace,
            request.name,
            request.subresource,
            request.node,
            generation,
            request.outcome,
        )
        pair = mentions.get(key)
        if pair is None and len(mentions) > LIMIT // 2 and not self._own(request):
            self.left_out += 1
        elif pair is None:
            mentions[key] = [request, request]
        elif request.at < pair[0].at:
            pair[0] = request
        elif request.at >= pair[1].at:
            pair[1] = request

    def _read(self) -> dict[Object, list[Request]]:
        if self._stale:
            self._index = {}
            for request in in_order(self._requests.values()):
                self._index.setdefault(request.object, []).append(request)
                if (inside := through_kubelet(request)) is not None:
                    self._index.setdefault(inside.object, []).append(inside)
            self._stale = False
        return self._index


def _has_word(literal: bytes, name: bytes) -> bool:
    """Whether a literal says that `name` is no end of a longer word; any does if there is no name."""
    return not name or any(before + name in literal for before in (b'"', b"/", b" "))


def in_order(requests: Iterable[Request]) -> list[Request]:
    """`requests` in order of time, each once.

    kube-apiserver and the server of an aggregated API both log what the one passes on to the other, each with its own
    time, under one Audit-ID. kube-apiserver does not read the body then, so it does not know the name in a create.
    """
    found: dict[tuple[str, ...], Request] = {}
    for request in sorted(requests, key=_when):
        key = (request.audit_id, *request.shape)
        old = found.setdefault(key, request)
        if old is request:
            continue
        if not passed_on(old, request):
            found[*key, *request.key] = request
        elif (request.done, bool(request.name)) > (old.done, bool(old.name)):
            found[key] = request
    return sorted(found.values(), key=_when)


def passed_on(one: Request, other: Request) -> bool:
    """Whether two requests may be one that kube-apiserver passed on to the server of an aggregated API.

    Somebody may choose one Audit-ID for many requests: only what two servers logged at the same time can be one
    request, and only of an API that kube-apiserver does not serve itself.
    """
    if one.audit_id != other.audit_id or one.shape != other.shape or one.source.node == other.source.node:
        return False
    if abs(one.at - other.at) > CLOCK_SKEW or not is_custom(one.group, one.resource):
        return False
    return not (one.name and other.name and one.name != other.name)


def _when(request: Request) -> tuple[float, float]:
    return request.at, request.end


def keep_better(found: dict[tuple[str, ...], Request], request: Request) -> None:
    """Put a request into those found so far, by `Request.key`, unless it is there with a stage that tells more."""
    old = found.get(request.key)
    found[request.key] = request if old is None else _better(old, request)


def _better(old: Request, new: Request) -> Request:
    """Of two stages of one request the one that tells more; of two copies of one stage the first by file and line."""
    first, second = stage_rank(old.stage), stage_rank(new.stage)
    if first != second:
        return old if first > second else new
    here, there = old.source, new.source
    return new if (there.node, there.file, there.line) < (here.node, here.file, here.line) else old


def _lasting(request: Request) -> bool:
    """Whether a request matters by itself: it made, altered, ended or entered something, or tried to."""
    if (request.group, request.resource) in _ROUTINE:
        return bool(request.facts.message)
    if request.stage == "RequestReceived" and request.verb in {"get", "list", "watch"}:
        return False
    return creates(request) or changes(request) or deletes(request) or executes(request)
