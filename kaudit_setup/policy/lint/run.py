"""What is wrong with a policy that kube-apiserver loads: everything that it would not say.

Severity error is kept for what nobody can want (see finding.Finding); `enable` refuses those.
"""

from __future__ import annotations

from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.classes.chart import Chart
from kaudit_setup.policy.lint import content, reachability
from kaudit_setup.policy.lint.finding import Finding, ordered
from kaudit_setup.policy.load import Loaded
from kaudit_setup.policy.model import Policy

# How the loader's words for what kube-apiserver only logs become codes.
_WARNINGS: Final = (
    ("does not know it", "newer-field", "remove it, or keep it for the upgrade: this version does without it"),
    ("gone since", "older-field", "remove it: this version does without it"),
    ("already set", "duplicate-key", "keep one of them"),
    ("duplicate", "duplicate-key", "keep one of them"),
    ("unknown field", "unknown-field", "correct its spelling: kube-apiserver ignores it, which widens the rule"),
)


def lint(loaded: Loaded, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """Every finding, the gravest first; what keeps the policy from loading is of severity error and stands alone."""
    if loaded.policy is None:
        return tuple(
            Finding(
                "does-not-load",
                "error",
                _place(p.path, p.message),
                "kube-apiserver does not start with it",
                line=p.line,
            )
            for p in loaded.errors
        )
    found = [_warned(p.path, p.message, p.line) for p in loaded.warnings]
    if loaded.ignored_from:
        found.append(
            Finding(
                "ignored-document",
                "warning",
                "kube-apiserver reads the first document only; everything from here on is ignored",
                "put all rules into one document",
                line=loaded.ignored_from,
            )
        )
    return ordered([*found, *lint_policy(loaded.policy, version)])


def lint_policy(policy: Policy, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """The findings that need no file."""
    return ordered([*content.findings(policy, version), *reachability.findings(Chart(policy, version))])


def _place(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


def _warned(path: str, message: str, line: int) -> Finding:
    for words, code, fix in _WARNINGS:
        if words in message:
            return Finding(code, "warning", _place(path, message), fix, line=line)
    return Finding(
        "load-warning", "warning", _place(path, message), "kube-apiserver only logs it; correct it", line=line
    )
