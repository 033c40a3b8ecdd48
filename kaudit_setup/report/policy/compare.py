"""What one policy logs and another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from kaudit_setup.policy.compare import Change, Comparison, Difference, Written
from kaudit_setup.policy.model import Level, Stage
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrap

_HEADS = {
    "gained": "Only {b} logs",
    "lost": "Only {a} logs",
    "more": "{b} logs more about",
    "less": "{b} logs less about",
    "other": "{b} logs differently",
}


def as_text(a: str, b: str, found: Comparison) -> str:
    """Differences by kind, then the answers that change; `a` and `b` are the names of the policies."""
    if not found.differences:
        return f"{safe(a)} and {safe(b)} always log the same events."
    lines = []
    for change, head in _HEADS.items():
        mine = [d for d in found.differences if d.change == change]
        if mine:
            lines.append(head.format(a=safe(a), b=safe(b)) + ":")
            lines += [line for d in mine for line in _difference(d)]
    lines.append("Answers that change:" if found.answers else "No answer changes.")
    lines += [f"  {c.a:>6} -> {c.b:<7}{c.question}" for c in found.answers]
    return "\n".join(lines)


class WrittenEvents(Item, frozen=True, kw_only=True):
    """What a policy writes for a class of requests; `rule` counts from 0, null: none fits; `line` 0 if unknown."""

    level: Level
    stages: tuple[Stage, ...]
    rule: int | None
    line: int
    omit_managed_fields: bool


class PolicyDifference(Item, frozen=True, kw_only=True):
    """Requests that the two policies treat differently: only the second logs them (`gained`), and so on."""

    change: Change
    requests: Words
    a: WrittenEvents
    b: WrittenEvents
    example: Words


class PolicyChangedAnswer(Item, frozen=True, kw_only=True):
    """A question that logs of the two policies answer differently."""

    id: str
    question: Words
    a: Literal["yes", "partly", "no"]
    b: Literal["yes", "partly", "no"]


class PolicyComparison(Item, frozen=True, kw_only=True):
    """Everything in which two policies differ."""

    a: str
    b: str
    same: bool
    differences: tuple[PolicyDifference, ...]
    answers: tuple[PolicyChangedAnswer, ...]


def as_item(a: str, b: str, found: Comparison) -> PolicyComparison:
    """The same for programs."""
    return PolicyComparison(
        a=a,
        b=b,
        same=not found.differences,
        differences=tuple(
            PolicyDifference(
                change=d.change, requests=d.requests, a=_as_data(d.a), b=_as_data(d.b), example=d.example
            )
            for d in found.differences
        ),
        answers=tuple(PolicyChangedAnswer(id=c.id, question=c.question, a=c.a, b=c.b) for c in found.answers),
    )


def _as_data(w: Written) -> WrittenEvents:
    return WrittenEvents(
        level=w.level,
        stages=w.stages,
        rule=w.rule if w.rule >= 0 else None,
        line=w.line,
        omit_managed_fields=w.omit_managed_fields,
    )


def _difference(d: Difference) -> Iterator[str]:
    yield from wrap(f"- {safe(d.requests)}", "  ", "      ")
    yield from wrap(f"{_written(d.a)} -> {_written(d.b)}", "      ", "          ")
    yield from wrap(f"e.g. {safe(d.example)}", "      ", "          ")


def _written(w: Written) -> str:
    where = "no rule" if w.rule < 0 else f"rule {w.rule + 1}" + (f", line {w.line}" if w.line else "")
    if not w.stages:
        return f"nothing ({where})"
    # a panic is not what the difference is about, unless it is all there is
    stages: Sequence[str] = [s for s in w.stages if s != "Panic"] or w.stages
    return f"{w.level} at {' and '.join(stages)} ({where})"
