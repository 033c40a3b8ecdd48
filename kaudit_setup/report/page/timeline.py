"""The timeline as values for the page's script: lanes, what an object was in between, a mark for each request.

Texts repeat a thousand times, so that they stand once in `words`, and the marks have their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from kaudit_setup.attribution.evidence.requests import (
    Object,
    Request,
    changes,
    creates,
    deletes,
    executes,
    reads,
    singular,
)
from kaudit_setup.attribution.many_objects.causes import Behind
from kaudit_setup.attribution.phrases import actor, past
from kaudit_setup.attribution.sentence import client
from kaudit_setup.attribution.timeline.lanes import Lane, Timeline
from kaudit_setup.attribution.timeline.states import How, State
from kaudit_setup.auditlog.overview.counting import Sighting
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.moments import moment_of

Sort = Literal["create", "change", "delete", "read", "connect", "other"]
SORTS: Final[tuple[Sort, ...]] = ("create", "change", "delete", "read", "connect", "other")
"""What requests do, in the order of the legend: each has a shape and a colour."""
_LONGEST = 300  # characters of a text that a client chose


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One request: a JSON array, in this order. `at`: seconds since 1970, 0 where the log has no time for it; `lane`:
    the number of its lane; `sort`: of SORTS; texts by their numbers in `words`, 0 for none.
    """

    at: float
    lane: int
    sort: int
    user: int
    verb: int
    resource: int
    object: int
    code: int
    client: int
    behind: int
    file: int
    line: int


class Stretch(Item, frozen=True, kw_only=True):
    """What an object was for a while. `begin`, `end`: null where the log does not tell; `by`: who made it so."""

    how: How
    begin: float | None
    end: float | None
    by: str


class PageLane(Item, frozen=True, kw_only=True):
    """One row of the picture: an object, or a reason to look; `depth`: how far below its owner's row it stands."""

    kind: str
    name: str
    depth: int = 0
    states: tuple[Stretch, ...] = ()


class PageTimeline(Item, frozen=True, kw_only=True):
    """All that the picture is drawn from. `left_out`: requests that are not on it."""

    words: tuple[str, ...] = ("",)
    lanes: tuple[PageLane, ...] = ()
    marks: tuple[Mark, ...] = ()
    left_out: int = 0


def of_question(found: Timeline) -> PageTimeline:
    """The timeline of an answer."""
    words = _Words()
    marks = [
        _of_request(words, request, number, found.behind.get(request))
        for number, lane in enumerate(found.lanes)
        for request in lane.requests
    ]
    return PageTimeline(
        words=words.all(),
        lanes=tuple(_lane(lane, found) for lane in found.lanes),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        left_out=found.left_out,
    )


def of_sightings(reasons: Sequence[tuple[str, Sequence[Sighting]]], left_out: int) -> PageTimeline:
    """The timeline of what deserves a look: a row for each reason (its title, its lines)."""
    words = _Words()
    marks = [_of_sighting(words, one, number) for number, (_, found) in enumerate(reasons) for one in found]
    return PageTimeline(
        words=words.all(),
        lanes=tuple(PageLane(kind="", name=title) for title, _ in reasons),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        left_out=left_out,
    )


class _Words:
    """Texts, each once, made harmless; number 0 is the empty one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        return self._numbers.setdefault(safe(short), len(self._numbers))

    def all(self) -> tuple[str, ...]:
        return tuple(self._numbers)


def _lane(lane: Lane, found: Timeline) -> PageLane:
    kind, name = _named(lane.object)
    stretches = tuple(_stretch(state, found) for state in lane.states)
    return PageLane(kind=kind, name=name, depth=lane.depth, states=stretches)


def _named(thing: Object) -> tuple[str, str]:
    """The kind and the name of an object as the labels have them."""
    if not thing.resource:
        return "", "(no resource)"
    where = f"{thing.namespace}/" if thing.namespace else ""
    if thing.name:
        return safe(singular(thing.resource)), safe(f"{where}{thing.name}")
    return safe(thing.resource), safe(f"{where}*")


def _stretch(state: State, found: Timeline) -> Stretch:
    return Stretch(how=state.how, begin=state.begin, end=state.end, by=safe(_by(state.request, found)))


def _by(request: Request | None, found: Timeline) -> str:
    if request is None:
        return ""
    behind = found.behind.get(request)
    who = request.controller or actor(request)
    return f"{who} for {actor(behind.root)}" if behind else who


def _of_request(words: _Words, request: Request, lane: int, behind: Behind | None) -> Mark:
    below = f"/{request.subresource}" if request.subresource else ""
    return Mark(
        at=request.at,
        lane=lane,
        sort=SORTS.index(_sort(request)),
        user=words.number(actor(request)),
        verb=words.number(request.verb),
        resource=words.number(f"{request.resource}{below}"),
        object=words.number(_place_of(request)),
        code=request.code,
        client=words.number(_client(request)),
        behind=words.number(_told(behind)),
        file=words.number(f"{request.source.node} {request.source.file}"),
        line=request.source.line,
    )


def _place_of(request: Request) -> str:
    if not request.resource:
        return request.uri.partition("?")[0]
    return "/".join(filter(None, (request.namespace, request.name)))


def _client(request: Request) -> str:
    """The address and the program that a request came from; the last address is the server's own word."""
    address = request.source_ips[-1] if request.source_ips else ""
    program = f"with {client(request.agent)}" if request.agent else ""
    return " ".join(filter(None, (address, program)))


def _told(behind: Behind | None) -> str:
    if behind is None:
        return ""
    return f"{actor(behind.root)} {past(behind.root)} {behind.object} ({behind.confidence})"


def _sort(request: Request) -> Sort:
    tests: Iterable[tuple[bool, Sort]] = (
        (deletes(request), "delete"),
        (creates(request), "create"),
        (executes(request), "connect"),
        (changes(request), "change"),
        (reads(request), "read"),
    )
    return next((sort for fits, sort in tests if fits), "other")


def _of_sighting(words: _Words, one: Sighting, lane: int) -> Mark:
    return Mark(
        at=moment_of(one.time),
        lane=lane,
        sort=SORTS.index(_sort_of_sighting(one)),
        user=words.number(one.user),
        verb=words.number(one.verb),
        resource=words.number(one.resource),
        object=words.number(one.object),
        code=one.code,
        client=0,
        behind=0,
        file=words.number(f"{one.place.node} {one.place.file}"),
        line=one.place.line,
    )


_SORTS_OF_VERBS: Final[dict[str, Sort]] = {
    "create": "create",
    "update": "change",
    "patch": "change",
    "delete": "delete",
    "deletecollection": "delete",
    "get": "read",
    "list": "read",
    "watch": "read",
}
_CONNECTS: Final = ("/exec", "/attach", "/portforward", "/proxy")


def _sort_of_sighting(one: Sighting) -> Sort:
    if one.resource.endswith(_CONNECTS):
        return "connect"
    return _SORTS_OF_VERBS.get(one.verb, "other")
