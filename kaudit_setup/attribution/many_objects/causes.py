"""Who is behind what controllers made or deleted: the rules of inference, asked for a few requests at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.chain import Confidence, Finding
from kaudit_setup.attribution.deletion.causes import deletion_chain
from kaudit_setup.attribution.evidence.actors import NAMESPACES
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.evidence.literals import place
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.first_search import literals
from kaudit_setup.attribution.owner_chain import creation_chain

_SECONDS: Final = 5.0
_MOST_LITERALS: Final = 120
"""Of a search in one pass; each costs a pass over the bytes. Objects of one owner share theirs."""


class Behind(msgspec.Struct, frozen=True):
    """Who caused a controller's request, and how sure that is: `root`, by what it did to `object`."""

    root: Request
    object: Object
    confidence: Confidence


class _Asked(NamedTuple):
    """A controller's request, and the object whose history says who is behind it."""

    request: Request
    object: Object


class Causes(msgspec.Struct, frozen=True):
    """Who is behind some requests, and how many were not looked up: in a large log each takes its time."""

    known: Mapping[Request, Behind] = msgspec.field(default_factory=dict)
    left_out: int = 0


def behind(log: EventLog, verb: Verb, requests: Sequence[Request], seconds: float = _SECONDS) -> Causes:
    """Who is behind those of `requests` (creations or deletions) that a controller sent, the newest first, as far as
    the log tells in about `seconds` seconds.
    """
    chain = _CHAINS.get(verb)
    asked = list(_sent_by_controllers(verb, requests)) if chain else []
    if not asked or chain is None:
        return Causes()
    end = time.monotonic() + seconds
    within = _within_reach(verb, asked)
    index = EventIndex(log)
    _look_up(index, verb, within, apart=log.looks_up)
    known: dict[Request, Behind] = {}
    for done, one in enumerate(within):
        if done and time.monotonic() > end:
            return Causes(known, len(asked) - done)
        told = _behind(one, chain(index, one.object, one.request.at))
        known |= {one.request: told} if told is not None else {}
    return Causes(known, len(asked) - len(within))


def _look_up(index: EventIndex, verb: Verb, asked: Sequence[_Asked], *, apart: bool) -> None:
    """Look for the objects and their owners. `apart`: in each namespace by itself, where many hold the same names;
    what is in one namespace only is looked for there in any case.
    """
    places: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for one in asked:
        places[place(one.object)] += literals(verb, one.object)
    if apart or len(places) == 1:
        for where, wanted in places.items():
            index.look_up(wanted, where)
    else:
        index.look_up(literal for wanted in places.values() for literal in wanted)


def cause(index: EventIndex, verb: Verb, request: Request) -> Behind | None:
    """Who is behind one creation or deletion by a controller, as far as the log tells."""
    chain = _CHAINS.get(verb)
    return _behind(_Asked(request, request.object), chain(index, request.object, request.at)) if chain else None


def _sent_by_controllers(verb: Verb, requests: Sequence[Request]) -> Iterator[_Asked]:
    """Those of `requests` that controllers sent, the newest first."""
    for request in reversed(requests):
        if request.controller and request.name:
            yield _Asked(request, request.object)
        elif request.controller == NAMESPACES and verb is Verb.deleted:
            # it empties a namespace that somebody deleted
            yield _Asked(request, Object("", "namespaces", "", request.namespace))


def _within_reach(verb: Verb, asked: Iterable[_Asked]) -> list[_Asked]:
    """The first of those asked about, whose literals are not too many for one pass."""
    kept: list[_Asked] = []
    wanted: set[bytes] = set()
    for one in asked:
        wanted.update(literals(verb, one.object))
        if len(wanted) > _MOST_LITERALS:
            break
        kept.append(one)
    return kept


def _behind(asked: _Asked, found: Finding) -> Behind | None:
    """What a chain tells about a request; None if it is about another one, or ends there."""
    request, root = asked.request, found.root
    if found.request is None or root is None or root.key == request.key:
        return None
    about = asked.object != request.object or found.request.key == request.key
    return Behind(root, found.links[-1].object, found.confidence) if about else None


_CHAINS: Final[dict[Verb, Callable[[EventIndex, Object, float], Finding]]] = {
    Verb.created: creation_chain,
    Verb.deleted: deletion_chain,
}
