"""The words of a question, for a look at whether the log has any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaudit_setup.attribution.answer import Question
from kaudit_setup.attribution.first_search import asks_once, by_name
from kaudit_setup.attribution.unanswered.missing_logs import SERVER_PODS
from kaudit_setup.attribution.user_activity import user_ending
from kaudit_setup.auditlog.filters import Filter, Values
from kaudit_setup.auditlog.reports.absent_values import AbsentValue, looked_for
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.second_reading import Expected
from kaudit_setup.auditlog.sources.unescaped import ESCAPES

if TYPE_CHECKING:
    from kaudit_setup.attribution.many_objects.question import ManyQuestion


def words_of(question: Question | ManyQuestion) -> Filter:
    """What a question names, as a filter on events: whatever was done, to whatever else, and whenever."""
    if isinstance(question, Question):
        kinds, space = [question.object.resource], question.object.namespace
    else:
        kinds, space = [kind.resource for kind in question.kinds], question.namespace
    typed = {"resource": kinds, "namespace": [space], "user": [question.user], "name": [question.name]}
    plain = {dimension: tuple(filter(None, values)) for dimension, values in typed.items()}
    return Filter({dimension: Values(values) for dimension, values in plain.items() if values})


def expected(question: Question | ManyQuestion, logs: LocalLogs) -> Expected:
    """What is looked for in `logs` where the first search tells nothing."""
    literals = [*ESCAPES]
    if isinstance(question, Question):
        literals += [user_ending(question.user)] if question.user else [by_name(question.object)]
        literals += [SERVER_PODS] if asks_once(question.verb) else []
    return Expected(frozenset(literals), looked_for(logs, words_of(question)))


def worth_saying(absent: AbsentValue) -> bool:
    """Whether it adds to "no request found"; that a namespace is nowhere always does."""
    return bool(absent.similar) or (absent.dimension == "namespace" and absent.value != "default")
