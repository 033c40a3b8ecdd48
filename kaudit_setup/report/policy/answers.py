"""Which questions a log written under a policy answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kaudit_setup.policy.classes.need import Grade
from kaudit_setup.policy.model import Level
from kaudit_setup.policy.questions import Answer
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import fitted, wrap


def as_text(name: str, found: Sequence[Answer]) -> str:
    """The answer in front, the question, and why below it."""
    lines = [f"A log written under {safe(name)} answers:"]
    for a in found:
        lines.append(fitted(f"  {a.answer:<7}{a.question}"))
        lines += wrap(safe(a.why), " " * 11, " " * 15)
    counts = [f"{sum(a.answer == word for a in found)} {word}" for word in ("yes", "partly", "no")]
    lines.append(f"{len(found)} questions: {', '.join(counts)}")
    return "\n".join(lines)


class PolicyAnswerRule(Item, frozen=True, kw_only=True):
    """A rule that has a part in an answer; `rule` counts from 0, null where no rule matches; `line` 0 if unknown."""

    rule: int | None
    line: int
    level: Level
    effect: Grade
    example: Words


class PolicyAnswer(Item, frozen=True, kw_only=True):
    """One question, and whether a log written under the policy answers it."""

    id: str
    question: Words
    answer: Literal["yes", "partly", "no"]
    why: Words
    rules: tuple[PolicyAnswerRule, ...]


def as_items(found: Sequence[Answer]) -> list[PolicyAnswer]:
    """The same for programs."""
    return [
        PolicyAnswer(
            id=a.id,
            question=a.question,
            answer=a.answer,
            why=a.why,
            rules=tuple(
                PolicyAnswerRule(
                    rule=r.rule if r.rule >= 0 else None,
                    line=r.line,
                    level=r.level,
                    effect=r.effect,
                    example=r.example,
                )
                for r in a.rules
            ),
        )
        for a in found
    ]
