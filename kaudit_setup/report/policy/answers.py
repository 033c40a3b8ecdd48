"""Which questions a log written under a policy answers."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.policy.questions import Answer
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrap


def as_text(name: str, found: Sequence[Answer]) -> str:
    """The answer in front, the question, and why below it."""
    lines = [f"A log written under {safe(name)} answers:"]
    for a in found:
        lines.append(f"  {a.answer:<7}{a.question}")
        lines += wrap(safe(a.why), " " * 11, " " * 15)
    counts = [f"{sum(a.answer == word for a in found)} {word}" for word in ("yes", "partly", "no")]
    lines.append(f"{len(found)} questions: {', '.join(counts)}")
    return "\n".join(lines)
