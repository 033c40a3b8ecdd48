"""Findings of `policy lint`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from kaudit_setup.policy.lint.finding import SEVERITIES, Finding, Severity
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrap

Linted: TypeAlias = Sequence[tuple[str, Sequence[Finding]]]
"""Each file's name, and what was found."""


def as_text(found: Linted) -> str:
    """A line for each finding with its place and code, what to do about it, and a count for each file."""
    return "\n".join(line for name, findings in found for line in _lines(safe(name), findings))


class PolicyFinding(Item, frozen=True, kw_only=True):
    """One finding; `rule` counts from 0, null for the policy as a whole; `line`, `column` from 1, 0: unknown."""

    file: str
    code: str
    severity: Severity
    message: Words
    fix: Words
    rule: int | None
    line: int
    column: int


def as_items(found: Linted) -> list[PolicyFinding]:
    """The same for programs, an entry for each finding."""
    return [
        PolicyFinding(
            file=name,
            code=f.code,
            severity=f.severity,
            message=f.message,
            fix=f.fix,
            rule=f.rule if f.rule >= 0 else None,
            line=f.line,
            column=f.column,
        )
        for name, findings in found
        for f in findings
    ]


def _lines(name: str, findings: Sequence[Finding]) -> Iterator[str]:
    for f in findings:
        place = f"{name}:{f.line}" + (f":{f.column}" if f.column else "") if f.line else name
        yield from wrap(f"{place}: {f.severity}: {safe(f.message)} [{f.code}]", "", "    ")
        yield from wrap(f"fix: {safe(f.fix)}", "    ", "        ")
    yield f"{name}: {_counts(findings) or 'nothing found'}"


def _counts(findings: Sequence[Finding]) -> str:
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    words = (f"{n} {severity}{'s' * (n != 1 and severity != 'info')}" for severity, n in counts.items() if n)
    return ", ".join(words)
