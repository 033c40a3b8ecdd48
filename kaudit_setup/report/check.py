"""Verdicts of the CIS audit checks: for people, for programs, and for pipelines as JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from kaudit_setup.compliance.verdict import BENCHMARK, Verdict
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.junit import Case, junit
from kaudit_setup.report.terminal import paint
from kaudit_setup.report.wrap import fitted

Verdicts: TypeAlias = Mapping[str, Sequence[Verdict]]
"""By the name of the node."""


def as_text(found: Verdicts, *, colour: bool) -> str:
    """A line for each check, and what to do where it fails."""
    return fitted("\n".join(line for name, verdicts in found.items() for line in _lines(name, verdicts, colour)))


Result: TypeAlias = Literal["pass", "fail", "error"]
_RESULTS: dict[str, Result] = {"PASS": "pass", "FAIL": "fail", "ERROR": "error"}
_COLOURS = {"PASS": 32, "FAIL": 31, "ERROR": 35}


class CheckResult(Item, frozen=True, kw_only=True):
    """One check of the benchmark on one node. `found`: what was seen; `fix`: what to do where it failed.

    error: the node could not be asked.
    """

    host: str
    benchmark: str
    id: str
    title: Words
    result: Result
    found: Words
    fix: Words


def as_items(found: Verdicts) -> list[CheckResult]:
    """The same for programs, an entry for each check."""
    return [
        CheckResult(
            host=name,
            benchmark=BENCHMARK,
            id=v.id,
            title=v.title,
            result=_RESULTS[_word(v)],
            found=v.found,
            fix=v.fix,
        )
        for name, verdicts in found.items()
        for v in verdicts
    ]


def as_junit(found: Verdicts) -> str:
    """The same as a suite of tests for each node."""
    suites = {
        name: [Case(f"{v.id} {v.title}", v.passed, v.found, v.fix, error=not v.asked) for v in verdicts]
        for name, verdicts in found.items()
    }
    return junit(suites, BENCHMARK)


def _word(v: Verdict) -> str:
    if not v.asked:
        return "ERROR"
    return "PASS" if v.passed else "FAIL"


def _lines(name: str, verdicts: Sequence[Verdict], colour: bool) -> list[str]:
    lines = [f"{safe(name)}: {sum(v.passed for v in verdicts)} of {len(verdicts)} checks pass"]
    for v in verdicts:
        word = paint(f"{_word(v):<5}", _COLOURS[_word(v)], colour)
        lines.append(f"  {word} {v.id:<7} {v.title}: {safe(v.found)}")
        lines += [f"                {safe(line)}" for line in v.fix.splitlines()]
    return lines
