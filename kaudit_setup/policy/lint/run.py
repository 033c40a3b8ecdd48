"""What is wrong with a policy that kube-apiserver loads: everything that it would not say.

Severity error is kept for what nobody can want (see finding.Finding); `enable` refuses those.
"""

from __future__ import annotations

from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.classes.chart import Chart
from kaudit_setup.policy.lint import content, ignored, reachability
from kaudit_setup.policy.lint.finding import Finding, ordered
from kaudit_setup.policy.load import Loaded
from kaudit_setup.policy.model import Policy

_NOT_KNOWN: Final = "correct it: kube-apiserver will not start with this policy"


def lint(loaded: Loaded, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """Every finding, the gravest first; what keeps the policy from loading is of severity error and stands alone."""
    if loaded.policy is None:
        return tuple(
            Finding(
                "does-not-load",
                "error",
                f"{p}",
                p.fix or _NOT_KNOWN,
                line=p.line,
            )
            for p in loaded.errors
        )
    found = [ignored.finding(p, loaded.policy) for p in (*loaded.warnings, *loaded.refused_later)]
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
