"""That an object did not exist: somebody asked for it by name and was told so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.attribution.evidence.requests import Request

_NOT_FOUND: Final = 404
_EXISTS: Final = 409
_BY_NAME: Final = frozenset({"get", "update", "patch", "delete"})


def found_missing(requests: Sequence[Request], at: float) -> Request | None:
    """The first of `requests`, all on one name and in order of time, that was told that the object does not exist, if
    nothing shows it again before `at` (Unix seconds); None if there is none.
    """
    found: Request | None = None
    for request in requests:
        if request.at >= at:
            break
        if shows_existence(request):
            found = None
        elif is_not_found(request):
            found = found or request
    return found


def shows_existence(request: Request) -> bool:
    """Whether a request on a name shows that there was such an object: lists and watches succeed without it, a create
    that conflicts does not.
    """
    if request.code == _EXISTS and not request.subresource:
        return True
    return request.done and request.verb not in {"list", "watch"}


def is_not_found(request: Request) -> bool:
    """Whether a request on an object was told that it does not exist."""
    return request.code == _NOT_FOUND and request.verb in _BY_NAME and not request.subresource
