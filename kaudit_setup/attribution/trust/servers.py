"""API servers whose requests the logs do not have, or not all: what an answer may say in spite of that.

Each API server writes its own log. That somebody did something stays certain where the evidence says it. That nobody
did, that this was the last time or that these were all is only as good as the log of the server that lacks most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from kaudit_setup.attribution.answer import Answer, Verb
from kaudit_setup.attribution.chain import both, weakest
from kaudit_setup.attribution.trust.spans import by_coverage
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.units import counted
from kaudit_setup.unlogged_servers import UnloggedServer
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.attribution.many_objects.answer import ManyAnswer

_SHOWN: Final = 3
_LATEST: Final = frozenset({Verb.changed, Verb.read, Verb.exec, Verb.touched})
"""What is asked for the last time of: it may have been done once more."""


def with_servers(answer: Answer, known: Sequence[UnloggedServer]) -> Answer:
    """The answer with what the logs lack; `known`: servers that are known to write no log, or were not asked."""
    lacking = _lacking([*known, *answer.unlogged], answer.coverage, _window_of(answer))
    if not lacking:
        return replace(answer, unlogged=())
    answer, said = replace(answer, unlogged=tuple(lacking)), _proviso(lacking)
    if not answer.found:
        first, *others = answer.notes
        return replace(answer, notes=(f"{first.rstrip('.')}; {said}.", *others))
    notes = (*answer.notes, f"{said[0].upper()}{said[1:]}")
    if answer.question.verb in _LATEST or answer.question.user:
        proviso = both(answer.proviso, said)
        return replace(answer, confidence=weakest(answer.confidence, "inferred"), proviso=proviso, notes=notes)
    return replace(answer, notes=notes)


def many_with_servers(answer: ManyAnswer, known: Sequence[UnloggedServer]) -> ManyAnswer:
    """The same for a list: there may be more of it."""
    lacking = _lacking(known, answer.coverage, answer.question.window)
    return replace(answer, proviso=_proviso(lacking)) if lacking else answer


def _window_of(answer: Answer) -> Window:
    """The time in which what the logs lack matters: where the last one is asked for, after that."""
    question, found = answer.question, answer.answer
    if found is None or question.user or question.verb not in _LATEST:
        return question.window
    return Window(max(found.time, question.window.since), question.window.until)


def _lacking(known: Iterable[UnloggedServer], coverage: Sequence[Coverage], window: Window) -> list[UnloggedServer]:
    """The servers of whose requests in `window` some are not in the logs, each once."""
    last = {one.node: one.last for one in coverage}
    found: dict[str, UnloggedServer] = {}
    for one in known:
        # what was logged there before is there
        found.setdefault(one.name, replace(one, since=one.since or last.get(one.name, "")))
    for one in by_coverage(coverage) if len(coverage) > 1 else ():
        found.setdefault(one.name, one)
    return [one for one in found.values() if _touches(one, window)]


def _touches(one: UnloggedServer, window: Window) -> bool:
    return one.since < window.until and (not one.until or window.since < one.until)


def _proviso(lacking: Sequence[UnloggedServer]) -> str:
    said = [str(one) for one in lacking[:_SHOWN]]
    more = len(lacking) - len(said)
    return "; ".join([*said, *([f"nor those through {counted(more, 'more server')}"] if more else [])])
