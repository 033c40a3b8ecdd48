"""Findings for pipelines: GitHub's annotations, SARIF 2.1.0 for code scanning, JUnit XML."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from kaudit_setup import __version__
from kaudit_setup.policy.lint.codes import CODES
from kaudit_setup.policy.lint.examples import EXAMPLES
from kaudit_setup.policy.lint.finding import Finding, Severity, is_at_least
from kaudit_setup.report.escape import safe
from kaudit_setup.report.junit import Case, junit
from kaudit_setup.report.policy.lint import Linted

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME: Final = "https://github.com/kaudit-setup/kaudit-setup"
_COMMANDS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "notice"}
_LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "note"}


def as_github(found: Linted) -> str:
    """A workflow command for each finding, by which GitHub marks the line of the file (toolkit/packages/core)."""
    return "\n".join(_command(_path(name), f) for name, findings in found for f in findings)


def _command(path: str, f: Finding) -> str:
    place = {"file": path, "line": str(f.line or 1), **({"col": str(f.column)} if f.column else {}), "title": f.code}
    properties = ",".join(f"{key}={_property(value)}" for key, value in place.items())
    return f"::{_COMMANDS[f.severity]} {properties}::{_data(f'{f.message}. Fix: {f.fix}')}"


def _data(text: str) -> str:
    return safe(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(found: Linted) -> str:
    """One run of SARIF 2.1.0; its rules are all codes, so that a finding is the same rule in every run."""
    codes = list(CODES)
    driver = {
        "name": "kaudit-setup",
        "version": __version__,
        "informationUri": _HOME,
        "rules": [_rule(code, meaning) for code, meaning in CODES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(_path(name), f, codes.index(f.code)) for name, findings in found for f in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str, meaning: str) -> dict[str, Any]:
    example = f"{meaning} For example, in\n\n{EXAMPLES[code].text}"
    return {"id": code, "shortDescription": {"text": meaning}, "help": {"text": example}}


def _result(path: str, f: Finding, rule: int) -> dict[str, Any]:
    region = {"startLine": f.line or 1, **({"startColumn": f.column} if f.column else {})}
    place = {"artifactLocation": {"uri": quote(path)}, "region": region}
    return {
        "ruleId": f.code,
        "ruleIndex": rule,
        "level": _LEVELS[f.severity],
        "message": {"text": f"{f.message}. Fix: {f.fix}"},
        "locations": [{"physicalLocation": place}],
    }


def as_junit(found: Linted, name: str, fail_on: Severity) -> str:
    """A suite for each file and a case for each finding, which fails if it is at least as grave as `fail_on`."""
    return junit({_path(file): list(_cases(findings, fail_on)) for file, findings in found}, name)


def _cases(findings: Sequence[Finding], fail_on: Severity) -> Iterator[Case]:
    if not any(is_at_least(f, fail_on) for f in findings):
        yield Case("policy", True, "")
    for f in findings:
        place = f"line {f.line}" + (f", column {f.column}" if f.column else "")
        where = f"{f.code} ({place})" if f.line else f.code
        yield Case(where, not is_at_least(f, fail_on), f"{f.severity}: {f.message}", f"fix: {f.fix}")


def _path(name: str) -> str:
    """As repositories name it: without `./`, with slashes."""
    return posixpath.normpath(name) if "/" in name else name
