"""Verdicts as JUnit XML, which every pipeline reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: what it is called, whether it passed, what was found, and what to do about it.

    `error`: it could not be run, which is no failure of what it tests.
    """

    name: str
    passed: bool
    found: str
    fix: str = ""
    error: bool = False


def junit(suites: Mapping[str, Sequence[Case]], name: str) -> str:
    """One `testsuites` document; each suite is a node. Characters that XML forbids become U+FFFD.

    Format: the schema of Jenkins' xUnit plugin (junit-10.xsd), which GitLab, GitHub's actions and Azure follow.
    """
    cases = [case for found in suites.values() for case in found]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f"<testsuites name={_attribute(name)} {_counts(cases)}>")
    for suite, found in suites.items():
        lines.append(f"  <testsuite name={_attribute(suite)} {_counts(found)}>")
        for case in found:
            lines += _case(suite, case)
        lines.append("  </testsuite>")
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _counts(cases: Sequence[Case]) -> str:
    errors = sum(case.error for case in cases)
    failures = sum(not case.passed for case in cases) - errors
    return f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'


def _case(suite: str, case: Case) -> list[str]:
    start = f"    <testcase classname={_attribute(suite)} name={_attribute(case.name)}"
    if case.passed:
        return [f"{start}/>"]
    said, kind = escape(_allowed(case.fix)), "error" if case.error else "failure"
    return [f"{start}>", f"      <{kind} message={_attribute(case.found)}>{said}</{kind}>", "    </testcase>"]


def _attribute(text: str) -> str:
    # newlines in attributes are normalised to spaces by readers unless written as references
    return quoteattr(_allowed(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _allowed(text: str) -> str:
    """XML 1.0 allows no control characters but tab and newlines, no surrogates, no U+FFFE and U+FFFF."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )
