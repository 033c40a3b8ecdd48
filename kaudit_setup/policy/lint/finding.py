"""One thing that somebody should know about a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable and one of `codes.CODES`; `rule` counts from 0, -1 for the policy as a whole; `line` and
    `column` are 1-based, 0 if unknown.

    error: the policy records nothing, or writes every Secret that is read into the log. warning: it does not do
    what it seems to say, or loses or leaks something. info: it could be smaller or clearer.
    """

    code: str
    severity: Severity
    message: str
    fix: str
    rule: int = -1
    line: int = 0
    column: int = 0


def is_at_least(finding: Finding, severity: Severity) -> bool:
    """Whether the finding is as grave as that, or graver."""
    return SEVERITIES.index(finding.severity) <= SEVERITIES.index(severity)


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """Without repetitions, the gravest first, then in the order of the file."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (SEVERITIES.index(f.severity), f.line, f.rule, f.code)))
