"""What one policy logs and another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from kaudit_setup.policy.compare import Comparison, Difference, Written
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


def as_data(a: str, b: str, found: Comparison) -> dict[str, object]:
    """The same for programs."""
    return {"a": a, "b": b, "same": not found.differences, **asdict(found)}


def _difference(d: Difference) -> Iterator[str]:
    yield from wrap(f"- {safe(d.requests)}", "  ", "      ")
    yield f"      {_written(d.a)} -> {_written(d.b)}"
    yield from wrap(f"e.g. {safe(d.example)}", "      ", "          ")


def _written(w: Written) -> str:
    where = "no rule" if w.rule < 0 else f"rule {w.rule + 1}" + (f", line {w.line}" if w.line else "")
    if not w.stages:
        return f"nothing ({where})"
    # a panic is not what the difference is about, unless it is all there is
    stages: Sequence[str] = [s for s in w.stages if s != "Panic"] or w.stages
    return f"{w.level} at {' and '.join(stages)} ({where})"
