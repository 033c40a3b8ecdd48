"""What an object was between its changes: there since before the log, made, changed, being deleted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from kaudit_setup.attribution.evidence.requests import Request, changes, creates, deletes
from kaudit_setup.values import replace

How = Literal["before", "made", "changed", "going"]


class State(msgspec.Struct, frozen=True):
    """One stretch of an object's life. `begin`: Unix seconds, None where it was there before the log tells; `end`:
    None where nothing ended it. `request`: what began it. `going`: deleted, and waiting for its finalizers or its
    kubelet.
    """

    how: How
    begin: float | None
    end: float | None
    request: Request | None


def states(requests: Sequence[Request]) -> tuple[State, ...]:
    """The states of one object from all requests on it, in order of time. What was refused, changed nothing, or is
    not known to have ended changes no state.
    """
    turns = [request for request in requests if request.done and not request.no_op and _turns(request)]
    found: list[State] = []
    if turns and not creates(turns[0]):
        found.append(State("before", None, None, None))
    for number, request in enumerate(turns):
        if found and found[-1].end is None:
            found[-1] = replace(found[-1], end=request.at)
        how = _how(request, turns[number + 1 :])
        if how is not None:
            found.append(State(how, request.at, None, request))
    return tuple(found)


def _turns(request: Request) -> bool:
    return creates(request) or changes(request) or deletes(request)


def _how(request: Request, later: Iterable[Request]) -> How | None:
    """What the object is after a request; None if it is gone."""
    if creates(request):
        return "made"
    if not deletes(request):
        return "changed"
    # kubelet deletes a Pod again when its containers have ended; a finalizer's owner changes the object once more
    following = next(iter(later), None)
    return "going" if following is not None and not creates(following) else None
