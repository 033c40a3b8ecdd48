"""What of an object's history is asked for beside an answer: its changes, or what it was at last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kaudit_setup.attribution.answer import Answer, Question, Verb
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.many_objects.question import ManyQuestion
from kaudit_setup.errors import InputError
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.attribution.changes.history import History

_NEWEST = 20


class Shown(msgspec.Struct, frozen=True):
    """What is asked for: each change as a difference, the last known object. Both need bodies in the log."""

    differences: bool = False
    last_known: bool = False

    def check(self, question: Question | ManyQuestion) -> None:
        """Raises InputError where the question is not about one object that was changed, or deleted."""
        verb = question.verb if isinstance(question, Question) and not question.user else None
        if self.differences and verb is not Verb.changed:
            raise InputError("--diff shows the changes of one object", hint="who changed KIND/NAME --diff")
        if self.last_known and verb is not Verb.deleted:
            raise InputError("--show shows one object that was deleted", hint="who deleted KIND/NAME --show")

    def added_to(self, answer: Answer, log: EventLog, last: int | None = None) -> Answer:
        """The answer with what is asked for; one more pass over the log. `last`: how many of the newest changes."""
        if self.differences:
            return replace(answer, differences=_changes(log, answer, last or _NEWEST))
        return replace(answer, last_known=_last_known(log, answer)) if self.last_known else answer


def _changes(log: EventLog, answer: Answer, count: int) -> History:
    """The newest changes of the object in the time asked about."""
    from kaudit_setup.attribution.changes.history import history_of

    history = history_of(log, answer.object, answer.question.window)
    kept = history.changes[-count:]
    lines = log.numbered([change.request for change in kept])
    placed = (replace(change, request=lines.get(change.request, change.request)) for change in kept)
    return replace(history, changes=tuple(placed))


def _last_known(log: EventLog, answer: Answer) -> History:
    """What the object was when it was deleted."""
    from kaudit_setup.attribution.changes.history import history_of

    until = answer.answer.at if answer.answer is not None else float("inf")
    history = history_of(log, answer.object, until=until)
    if history.last is None:
        return history
    request = history.last.request
    return replace(history, last=replace(history.last, request=log.numbered([request]).get(request, request)))
