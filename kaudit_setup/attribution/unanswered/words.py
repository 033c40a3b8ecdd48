"""The words of a question, for a look at whether the log has any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaudit_setup.attribution.answer import Question
from kaudit_setup.auditlog.filters import Filter, Values
from kaudit_setup.auditlog.reports.absent_values import AbsentValue

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


def worth_saying(absent: AbsentValue) -> bool:
    """Whether it adds to "no request found"; that a namespace is nowhere always does."""
    return bool(absent.similar) or (absent.dimension == "namespace" and absent.value != "default")
