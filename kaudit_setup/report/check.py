"""Verdicts of the CIS audit checks: for people, for programs, and for pipelines as JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from kaudit_setup.compliance.verdict import BENCHMARK, Verdict
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.junit import Case, junit

Verdicts: TypeAlias = Mapping[str, Sequence[Verdict]]
"""By the name of the node."""


def as_text(found: Verdicts, *, colour: bool) -> str:
    """A line for each check, and what to do where it fails."""
    return "\n".join(line for name, verdicts in found.items() for line in _lines(name, verdicts, colour))


class CheckResult(Item, frozen=True, kw_only=True):
    """One check of the benchmark on one node. `found`: what was seen; `fix`: what to do where it failed."""

    host: str
    benchmark: str
    id: str
    title: str
    result: Literal["pass", "fail", "error"]
    found: str
    fix: str


def as_items(found: Verdicts) -> list[CheckResult]:
    """The same for programs, an entry for each check."""
    return [
        CheckResult(
            host=name,
            benchmark=BENCHMARK,
            id=v.id,
            title=v.title,
            result="pass" if v.passed else "fail",
            found=v.found,
            fix=v.fix,
        )
        for name, verdicts in found.items()
        for v in verdicts
    ]


def as_junit(found: Verdicts) -> str:
    """The same as a suite of tests for each node."""
    suites = {
        name: [Case(f"{v.id} {v.title}", v.passed, v.found, v.fix) for v in verdicts]
        for name, verdicts in found.items()
    }
    return junit(suites, BENCHMARK)


def _lines(name: str, verdicts: Sequence[Verdict], colour: bool) -> list[str]:
    lines = [f"{safe(name)}: {sum(v.passed for v in verdicts)} of {len(verdicts)} checks pass"]
    for v in verdicts:
        word = "PASS" if v.passed else "FAIL"
        if colour:
            word = f"\x1b[{32 if v.passed else 31}m{word}\x1b[0m"
        lines.append(f"  {word} {v.id:<7} {v.title}: {safe(v.found)}")
        lines += [f"               {safe(line)}" for line in v.fix.splitlines()]
    return lines
