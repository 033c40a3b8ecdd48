"""Events whose times cannot be read, or cannot be true: what they say counts, but not as earlier or later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.attribution.answer import MATCHES, Answer
from kaudit_setup.attribution.chain import both, weakest
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.phrases import actor, past, thing
from kaudit_setup.units import counted
from kaudit_setup.values import replace

_WHEN: Final = "when another such request came cannot be read"
_SHOWN: Final = 3
_LONGEST: Final = 60  # characters of what stands in place of a time


def with_untimed(answer: Answer, untimed: Sequence[Request]) -> Answer:
    """The answer with the `untimed` events that were met while it was searched; it is not certain where one of them
    may be the one asked for.
    """
    if not untimed:
        return answer
    meant = [request for request in untimed if _is_meant(answer, request)]
    said = _set_aside(untimed, meant)
    if not answer.found:
        first, *others = answer.notes
        return replace(answer, notes=((said, first, *others) if meant else (first, said, *others)))
    if not meant or answer.question.user:
        return replace(answer, notes=(said, *answer.notes))
    proviso = f"{_deed(meant[-1])} too, at a time that cannot be read"
    doubted = (link.doubted(_WHEN) if link.request == answer.answer else link for link in answer.links)
    return replace(
        answer,
        notes=(said, *answer.notes),
        confidence=weakest(answer.confidence, "inferred"),
        links=tuple(doubted),
        proviso=both(answer.proviso, proviso),
    )


def untimed_note(untimed: Sequence[Request]) -> list[str]:
    """A sentence about events without a time that a list leaves out; none if there are none."""
    return [f"{_set_aside(untimed, untimed)}."] if untimed else []


def _is_meant(answer: Answer, request: Request) -> bool:
    """Whether an event is of the verb and object, or of the user, that was asked about."""
    question = answer.question
    ours = question.user in {request.user, request.impersonator} if question.user else request.object == answer.object
    return ours and request.done and MATCHES[question.verb](request)


def _set_aside(untimed: Sequence[Request], meant: Sequence[Request]) -> str:
    shown = (meant or untimed)[:_SHOWN]
    which = "; ".join(f"{_deed(one)} at {_time(one)} ({_place(one)})" for one in shown)
    more = len(untimed) - len(shown)
    rest = f"; and {more} more" if more else ""
    return (
        f"{counted(len(untimed), 'event')} with an unreadable time count{'s' if len(untimed) == 1 else ''} neither as"
        f" earlier nor as later than others: {which}{rest}"
    )


def _deed(request: Request) -> str:
    return f"{actor(request)} {past(request) if request.done else f'asked to {request.verb}'} {thing(request)}"


def _place(request: Request) -> str:
    return f"{request.source.file}{f':{request.source.line}' if request.source.line else ''}"


def _time(request: Request) -> str:
    return repr(request.time[:_LONGEST]) if request.time else "no time"
