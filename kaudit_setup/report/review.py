"""A plan as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kaudit_setup.report.escape import safe


@dataclass(frozen=True, slots=True)
class Line:
    """One change: `verb` is create, write, change or remove."""

    verb: str
    path: str
    remark: str


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a person should see before it happens. `diff` is unified, `structural` one fact a line."""

    host: str
    action: str
    lines: tuple[Line, ...]
    diff: str
    structural: tuple[str, ...]
    findings: tuple[tuple[str, bool, str, str], ...]  # name, blocks, message, hint
    notes: tuple[str, ...]


def as_text(review: Review, colour: bool) -> str:
    """The whole review; colours only where asked for."""
    return "\n".join(_lines(review, colour))


def _lines(review: Review, colour: bool) -> Iterator[str]:
    yield f"{safe(review.host)}: {review.action}"
    for line in review.lines:
        yield f"  {line.verb:<7} {safe(line.path)}{'  ' + line.remark if line.remark else ''}"
    for note in review.notes:
        yield f"  note    {safe(note)}"
    yield from findings_as_text(review.findings)
    if review.diff:
        yield ""
        yield from (_paint(safe(line), colour) for line in review.diff.split("\n"))
    if review.structural:
        yield "what that changes in the Pod:"
        yield from (f"  {safe(fact)}" for fact in review.structural)


def findings_as_text(findings: Sequence[tuple[str, bool, str, str]]) -> Iterator[str]:
    """One line for each finding, and its mend below it."""
    for name, blocks, message, hint in findings:
        yield f"  {'REFUSED' if blocks else 'warning'} {name}: {safe(message)}"
        if hint:
            yield f"          {safe(hint)}"


def _paint(line: str, colour: bool) -> str:
    if not colour or not line:
        return line
    code = {"+": "32", "-": "31", "@": "36"}.get(line[0])
    return f"\x1b[{code}m{line}\x1b[0m" if code else line


def as_data(review: Review) -> dict[str, Any]:
    """The same for `-o json`."""
    return {
        "host": review.host,
        "action": review.action,
        "changes": [{"do": line.verb, "path": line.path, "remark": line.remark} for line in review.lines],
        "diff": review.diff,
        "structural": list(review.structural),
        "findings": [
            {"name": name, "blocks": blocks, "message": message, "hint": hint}
            for name, blocks, message, hint in review.findings
        ],
        "notes": list(review.notes),
    }
