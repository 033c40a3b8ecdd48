"""Findings of `policy lint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from kaudit_setup.policy.lint.finding import SEVERITIES, Finding
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrapped


def as_text(name: str, found: Sequence[Finding]) -> str:
    """A line for each finding with its place and code, the mend below it, and a count."""
    lines = []
    for f in found:
        place = f"{safe(name)}:{f.line}" if f.line else safe(name)
        lines += wrapped(f"{place}: {f.severity}: {safe(f.message)} [{f.code}]", "", "    ")
        lines += wrapped(f"mend: {safe(f.mend)}", "    ", "        ")
    counts = {s: sum(f.severity == s for f in found) for s in SEVERITIES}
    said = ", ".join(f"{n} {severity}{'s' * (n != 1 and severity != 'info')}" for severity, n in counts.items() if n)
    lines.append(f"{safe(name)}: {said or 'nothing found'}")
    return "\n".join(lines)


def as_data(name: str, found: Sequence[Finding]) -> list[dict[str, object]]:
    """The same for programs, an entry for each finding."""
    return [{"file": name, **asdict(finding)} for finding in found]
