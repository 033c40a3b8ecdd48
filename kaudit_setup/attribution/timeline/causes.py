"""Who is behind what controllers made, changed and deleted, request by request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.chain import Child, Finding, certain_if
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Request, changes, creates, deletes
from kaudit_setup.attribution.many_objects.causes import Behind, cause
from kaudit_setup.attribution.owner_chain import CHANGE_RULES, follow_up

_PATIENCE_S: Final = 2.0


def causes(index: EventIndex, requests: Iterable[Request]) -> dict[Request, Behind]:
    """Who is behind those of `requests` that controllers sent, as far as that is found in about two seconds."""
    known: dict[Request, Behind] = {}
    end = time.monotonic() + _PATIENCE_S
    for request in filter(_is_asked_for, requests):
        if time.monotonic() > end:
            break
        if (found := _cause(index, request)) is not None:
            known[request] = found
    return known


def _is_asked_for(request: Request) -> bool:
    return bool(request.controller and request.name) and request.done and not request.no_op


def _cause(index: EventIndex, request: Request) -> Behind | None:
    rule = next((rule for fits, rule in _RULES if fits(request)), None)
    return rule(index, request) if rule else None


def _of_creation(index: EventIndex, request: Request) -> Behind | None:
    return cause(index, Verb.created, request)


def _of_deletion(index: EventIndex, request: Request) -> Behind | None:
    return cause(index, Verb.deleted, request)


def _of_change(index: EventIndex, request: Request) -> Behind | None:
    sure = certain_if(request.facts.body)
    child = Child(index, request.object, request.at, request, sure, request, deleted=True)
    rule = CHANGE_RULES.get(request.controller)
    found = follow_up((rule(child) if rule else None) or Finding(next=child))
    return Behind(found.root, found.links[-1].object, found.confidence) if found.root and found.links else None


_RULES: Final[tuple[tuple[Callable[[Request], bool], Callable[[EventIndex, Request], Behind | None]], ...]] = (
    (creates, _of_creation),
    (deletes, _of_deletion),
    (changes, _of_change),
)
"""What a request did, and how it is found who is behind that; the first that fits."""
