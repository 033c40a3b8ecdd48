"""Findings, answers and comparisons as text for people; what they are made of is described by its shape alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from kaudit_setup.report.escape import safe

_WIDTH = 110


class FindingShape(Protocol):
    """policy.finding.Finding."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def mend(self) -> str: ...


class AnswerShape(Protocol):
    """policy.answers.Answer."""

    @property
    def question(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def why(self) -> str: ...


class WrittenShape(Protocol):
    """policy.compare.Written."""

    @property
    def level(self) -> str: ...
    @property
    def stages(self) -> Sequence[str]: ...
    @property
    def rule(self) -> int: ...
    @property
    def line(self) -> int: ...


class DifferenceShape(Protocol):
    """policy.compare.Difference."""

    @property
    def change(self) -> str: ...
    @property
    def requests(self) -> str: ...
    @property
    def a(self) -> WrittenShape: ...
    @property
    def b(self) -> WrittenShape: ...
    @property
    def example(self) -> str: ...


class ChangedShape(Protocol):
    """policy.compare.ChangedAnswer."""

    @property
    def question(self) -> str: ...
    @property
    def a(self) -> str: ...
    @property
    def b(self) -> str: ...


def findings(name: str, found: Sequence[FindingShape]) -> str:
    """A line for each finding with its place and code, the mend below it, and a count."""
    lines = []
    for f in found:
        place = f"{safe(name)}:{f.line}" if f.line else safe(name)
        lines += _wrapped(f"{place}: {f.severity}: {safe(f.message)} [{f.code}]", "")
        lines += _wrapped(f"mend: {safe(f.mend)}", "    ")
    counts = {s: sum(f.severity == s for f in found) for s in ("error", "warning", "info")}
    told = ", ".join(f"{n} {severity}{'s' * (n != 1 and severity != 'info')}" for severity, n in counts.items() if n)
    lines.append(f"{safe(name)}: {told or 'nothing found'}")
    return "\n".join(lines)


def answers(name: str, found: Sequence[AnswerShape]) -> str:
    """The answer in front, the question, and why below it."""
    lines = [f"A log written under {safe(name)} answers:"]
    for a in found:
        lines.append(f"  {a.answer:<7}{a.question}")
        lines += _wrapped(safe(a.why), " " * 11)
    counts = [f"{sum(a.answer == word for a in found)} {word}" for word in ("yes", "partly", "no")]
    lines.append(f"{len(found)} questions: {', '.join(counts)}")
    return "\n".join(lines)


_HEADS = {
    "gained": "Only {b} logs",
    "lost": "Only {a} logs",
    "more": "{b} says more about",
    "less": "{b} says less about",
    "other": "{b} says something else about",
}


def comparison(a: str, b: str, differences: Sequence[DifferenceShape], changed: Sequence[ChangedShape]) -> str:
    """Differences by kind, then the answers that change."""
    if not differences:
        return f"{safe(a)} and {safe(b)} always write the same events."
    lines = []
    for change, head in _HEADS.items():
        mine = [d for d in differences if d.change == change]
        if mine:
            lines.append(head.format(a=safe(a), b=safe(b)) + ":")
            lines += [line for d in mine for line in _difference(d)]
    lines.append("Answers that change:" if changed else "No answer changes.")
    lines += [f"  {c.a:>6} -> {c.b:<7}{c.question}" for c in changed]
    return "\n".join(lines)


def _difference(d: DifferenceShape) -> Iterator[str]:
    yield from _wrapped(f"- {safe(d.requests)}", "  ")
    yield f"      {_written(d.a)} -> {_written(d.b)}"
    yield from _wrapped(f"e.g. {safe(d.example)}", "      ")


def _written(w: WrittenShape) -> str:
    where = "no rule" if w.rule < 0 else f"rule {w.rule + 1}" + (f", line {w.line}" if w.line else "")
    if not w.stages:
        return f"nothing ({where})"
    # a panic is not what the difference is about, unless it is all there is
    stages = [s for s in w.stages if s != "Panic"] or list(w.stages)
    return f"{w.level} at {' and '.join(stages)} ({where})"


def presets(found: Iterable[tuple[str, str]]) -> str:
    """Name and summary of each preset."""
    rows = list(found)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in rows)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
