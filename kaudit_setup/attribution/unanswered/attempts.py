"""What was only tried: refused, a dry run, or a request whose end is not in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kaudit_setup.attribution.evidence.choose import without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import outlived
from kaudit_setup.attribution.evidence.requests import TIMED_OUT, Object, Request, creates, deletes
from kaudit_setup.attribution.evidence.uri_query import asks_dry_run
from kaudit_setup.attribution.phrases import actor, doing, infinitive
from kaudit_setup.units import counted

SHOWN: Final = 5
_UNTOLD: Final = (
    "its URI asks for a dry run, which the server heeds only if the request has no body; the log does not show that"
)


def attempts(index: EventIndex, obj: Object, match: Callable[[Request], bool]) -> list[str]:
    """What people tried to do to `obj` of the kind that `match` takes, and what became of it, in sentences."""
    said = [_attempt(request, obj) for request in _without_effect(index, obj) if match(request)]
    return few(said, f"and {counted(len(said) - SHOWN, 'more attempt')}")


def untold(index: EventIndex, obj: Object, match: Callable[[Request], bool]) -> str:
    """That the log does not tell whether the last of such requests took effect; empty if there is none."""
    met = index.done(obj)
    found = [
        request
        for request in _without_effect(index, obj)
        # what only creates name may have been there before
        if match(request) and may_have_worked(request) and not creates(request) and not _survived(request, met)
    ]
    if not found:
        return ""
    last = found[-1]
    return f"This log does not tell whether {actor(last)} {doing(last)} {obj} at {last.time}: {_unclear(last)}"


def _survived(request: Request, met: Sequence[Request]) -> bool:
    """Whether an object was met after its deletion was asked for."""
    return deletes(request) and outlived(request, met) is not None


def may_have_worked(request: Request) -> bool:
    """Whether a request that is not known to have taken effect may have: its end is not in the log, or no proof."""
    return request.outcome == "open" or request.stage == "Panic"


def _unclear(request: Request) -> str:
    """Why it is not known whether a request took effect."""
    if request.stage == "Panic":
        return f"the server panicked over it ({request.code}), and it may have taken effect before"
    if request.code == TIMED_OUT:
        return f"timed out ({request.code}), may have taken effect anyway"
    if is_untold(request):
        return _UNTOLD
    return f"outcome unknown, this log has only stage {request.stage or 'unknown'}"


def is_untold(request: Request) -> bool:
    """Whether a deletion may have been a dry run for all that its URI says."""
    return (
        request.outcome == "open" and request.code != TIMED_OUT and bool(request.code) and asks_dry_run(request.uri)
    )


def _without_effect(index: EventIndex, obj: Object) -> list[Request]:
    """What people asked for, of the object or of all of its kind, and what is not known to have taken effect."""
    return without((*index.on(obj), *filter(_is_open_on_all, index.nameless(obj))), _is_no_attempt)


def _is_open_on_all(request: Request) -> bool:
    """Whether a request without a name may have met the object, if it took effect."""
    return request.outcome == "open" and not creates(request)


def _is_no_attempt(request: Request) -> bool:
    return request.done or request.by_kubernetes


def few(sentences: list[str], rest: str) -> list[str]:
    """The first few of some sentences, and one about the rest."""
    return sentences if len(sentences) <= SHOWN else [*sentences[:SHOWN], rest]


def _attempt(request: Request, obj: Object) -> str:
    what = f"{actor(request)} tried to {infinitive(request)} {obj} at {request.time}"
    if request.outcome == "dry-run":
        return f"{what}: a dry run, without effect"
    if may_have_worked(request):
        return f"{what}: {_unclear(request)}"
    why = f" ({request.reason})" if request.code == 403 and request.reason else ""
    if request.code >= 500:
        return f"{what}: failed with {request.code}"
    return f"{what}: refused with {request.code}{why}"
