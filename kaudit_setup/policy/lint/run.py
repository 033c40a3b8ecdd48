"""What is wrong with a policy that kube-apiserver loads: everything that it would not say.

Severity error is kept for what nobody can want (see finding.Finding); `enable` refuses those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.classes.rule_map import RuleMap
from kaudit_setup.policy.lint import content, ignored, reachability
from kaudit_setup.policy.lint.finding import Finding, ordered
from kaudit_setup.policy.load import Loaded
from kaudit_setup.policy.model import Policy

_NOT_KNOWN: Final = "correct it: kube-apiserver will not start with this policy"


def lint(loaded: Loaded, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """Every finding, the gravest first; what keeps the policy from loading is of severity error and stands alone."""
    found = list(loading(loaded))
    return ordered(found if loaded.policy is None else [*found, *lint_policy(loaded.policy, version)])


def loading(loaded: Loaded) -> Iterator[Finding]:
    """What loading alone finds: why kube-apiserver refuses the policy, or what it ignores in it."""
    if loaded.policy is None:
        for p in loaded.errors:
            yield Finding("does-not-load", "error", f"{p}", p.fix or _NOT_KNOWN, line=p.line, column=p.column)
        return
    for p in (*loaded.warnings, *loaded.refused_later):
        yield ignored.finding(p, loaded.policy)
    if loaded.ignored_from:
        message = "kube-apiserver reads the first document only; everything from here on is ignored"
        yield Finding(
            "ignored-document", "warning", message, "put all rules into one document", -1, loaded.ignored_from, 1
        )


def lint_policy(policy: Policy, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """The findings that need no file."""
    return ordered([*content.findings(policy, version), *reachability.findings(RuleMap(policy, version))])
