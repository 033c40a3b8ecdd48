"""The lanes of a timeline: an object each, with every request on it and who is behind those of controllers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.answer import Answer, Searched, Verb
from kaudit_setup.attribution.evidence.index import EventIndex, in_order, keep_better
from kaudit_setup.attribution.evidence.literals import quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes, executes, reads
from kaudit_setup.attribution.first_search import literals
from kaudit_setup.attribution.many_objects.answer import ManyAnswer
from kaudit_setup.attribution.many_objects.causes import Behind
from kaudit_setup.attribution.no_op_updates import no_op_updates
from kaudit_setup.attribution.timeline.causes import causes
from kaudit_setup.attribution.timeline.states import State, states
from kaudit_setup.values import replace

MOST: Final = 5_000
"""Requests on a timeline."""


class Lane(msgspec.Struct, frozen=True):
    """What was done to one object, in order of time. `depth`: how many owners above it have lanes of their own.

    `states`: what it was in between; none where not all requests on it are known.
    """

    object: Object
    requests: tuple[Request, ...]
    states: tuple[State, ...] = ()
    depth: int = 0


class Timeline(msgspec.Struct, frozen=True):
    """Lanes, owners above what they own; who is behind requests of controllers; how many requests are left out."""

    lanes: tuple[Lane, ...] = ()
    behind: Mapping[Request, Behind] = msgspec.field(default_factory=dict)
    left_out: int = 0


def timeline_of(log: Searched, answer: Answer | ManyAnswer) -> Timeline:
    """Of a question about one object: its chain of owners and itself, each with all that was done to it. Of a user:
    all that they did. Of many objects: what is listed.
    """
    if isinstance(answer, ManyAnswer):
        known = {row.request: row.behind for row in answer.newest if row.behind is not None}
        return Timeline(_by_object([row.request for row in answer.newest]), known, answer.total - len(answer.newest))
    if answer.question.user:
        return _of_user(log, answer)
    return _of_chain(log, answer)


def joined(timelines: Sequence[Timeline]) -> Timeline:
    """The timelines of several clusters as one."""
    known = {request: behind for one in timelines for request, behind in one.behind.items()}
    lanes = tuple(lane for one in timelines for lane in one.lanes)
    return Timeline(lanes, known, sum(one.left_out for one in timelines))


# --- the chain of one object


def _of_chain(log: Searched, answer: Answer) -> Timeline:
    objects = list(dict.fromkeys(link.object for link in reversed(answer.links))) or [answer.object]
    index = _index(log, objects, answer)
    histories = {obj: _history(index, obj, answer) for obj in objects}
    kept, left_out = _weightiest([request for history in histories.values() for request in history])
    known = causes(index, kept)
    places = {request.key: request for request in _numbered(log, kept)}
    lanes = tuple(
        Lane(
            obj,
            tuple(places[request.key] for request in histories[obj] if request.key in places),
            states(histories[obj]),
            depth,
        )
        for depth, obj in enumerate(objects)
    )
    return Timeline(lanes, {places[request.key]: behind for request, behind in known.items()}, left_out)


def _index(log: Searched, objects: Sequence[Object], answer: Answer) -> EventIndex:
    """All that a pass over the log finds about the objects, and about what the rules for their controllers ask."""
    wanted = set(objects)
    index = EventIndex(
        log,
        keep=lambda request: request.object in wanted and request.stage != "RequestReceived",
        about=answer.object,
        window=answer.question.window,
    )
    asked = [one for obj in objects for verb in (Verb.created, Verb.deleted) for one in literals(verb, obj)]
    index.look_up([*(quoted(obj.name) for obj in objects if obj.name), *asked])
    return index


def _history(index: EventIndex, obj: Object, answer: Answer) -> list[Request]:
    """Every request on an object, with those that the chain knows although they do not name it."""
    found: dict[tuple[str, ...], Request] = {}
    linked = [link.request for link in answer.links if link.object == obj and link.request is not None]
    # reads and deletions of a whole collection may have met it, too
    swept = answer.events if obj == answer.object else ()
    for request in (*index.on(obj), *linked, *swept):
        if request.resource and answer.question.window.holds(request.time):
            keep_better(found, request)
    same = no_op_updates(index, obj)
    return in_order(replace(one, no_op=changes(one)) if one.key in same else one for one in found.values())


def _weightiest(requests: Sequence[Request]) -> tuple[list[Request], int]:
    """The requests that fit on a timeline, and how many do not: what changed something stays longest."""
    heavy = sorted(requests, key=lambda request: (_is_routine(request), -request.at))
    return heavy[:MOST], max(len(requests) - MOST, 0)


def _is_routine(request: Request) -> bool:
    told = creates(request) or changes(request) or deletes(request) or executes(request)
    return not told and (request.by_kubernetes or not reads(request))


# --- what one user did, and requests on many objects


def _of_user(log: Searched, answer: Answer) -> Timeline:
    """What a user did and tried: the latest."""
    requests = in_order([*answer.events, *answer.tried])
    return Timeline(_by_object(_numbered(log, requests[-MOST:])), left_out=max(len(requests) - MOST, 0))


def _by_object(requests: Iterable[Request]) -> tuple[Lane, ...]:
    """A lane for each object, in the order in which they were met."""
    lanes: dict[Object, list[Request]] = {}
    for request in requests:
        lanes.setdefault(request.object, []).append(request)
    return tuple(Lane(obj, tuple(found)) for obj, found in lanes.items())


def _numbered(log: Searched, requests: Sequence[Request]) -> list[Request]:
    lines = log.numbered(requests)
    return [lines.get(request, request) for request in requests]
