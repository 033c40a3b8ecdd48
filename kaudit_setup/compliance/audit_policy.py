"""CIS Kubernetes Benchmark 3.2.2: "Ensure that the audit policy covers key security concerns".

kube-bench leaves this to people; here it is asked of the policy itself, over every class of request.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.compliance.verdict import Verdict
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy import phrasing
from kaudit_setup.policy.catalog import requests
from kaudit_setup.policy.classes.need import AFTER_OR_DURING, Ask, Need
from kaudit_setup.policy.classes.regions import Box
from kaudit_setup.policy.classes.rule_map import RuleMap
from kaudit_setup.policy.lint.finding import Finding, Severity, ordered
from kaudit_setup.policy.model import Policy
from kaudit_setup.policy.questions.requesters import Who, region, uses

_SENSITIVE: Final = (
    ("secrets", ("", "secrets"), False),
    ("configmaps", ("", "configmaps"), False),
    ("tokenreviews", ("authentication.k8s.io", "tokenreviews"), True),
)
_MODIFIED: Final = (("pods", ("", "pods")), ("deployments", ("apps", "deployments")))
_USED: Final = ("pods/exec", "pods/portforward", "pods/proxy", "services/proxy")
_FIX: Final = "see `kaudit-setup policy show cis`"
TITLE: Final = "The audit policy covers key security concerns"


def judge_policy(policy: Policy, version: KubeVersion) -> Verdict:
    """3.2.2: Secrets, ConfigMaps and TokenReviews at Metadata only; changes of Pods and Deployments; use of exec,
    portforward and proxy. What is lost of Kubernetes' own components only is not a failure.
    """
    findings = check_322(policy, version)
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return Verdict("3.2.2", TITLE, True, "every key security concern is covered")
    found = "; ".join(f.message for f in errors)
    return Verdict("3.2.2", TITLE, False, found, "\n".join(dict.fromkeys(f.fix for f in errors if f.fix)))


def no_policy(why: str) -> Verdict:
    """3.2.2 where there is no policy to ask: it does not pass."""
    return Verdict("3.2.2", TITLE, False, why, "kaudit-setup enable --policy cis")


def check_322(policy: Policy, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    """What keeps the policy from satisfying 3.2.2: it does if no finding is of severity error.

    Asked: every access to Secrets, ConfigMaps and TokenReviews is logged, at Metadata and no higher; every change of
    Pods and Deployments is logged; every use of pods/exec, pods/portforward, pods/proxy and services/proxy is logged.
    What is only lost for Kubernetes' own components is a warning: codes end in `-components`.
    """
    rule_map = RuleMap(policy, version)
    found: list[Finding] = []
    for name, kind, cluster in _SENSITIVE:
        verbs: tuple[str, ...] = ("create",) if cluster else (*requests.READS, *requests.WRITES)
        boxes = uses(rule_map.space, verbs, kind, cluster=cluster)
        found += _lost(rule_map, f"cis-{name}", f"access to {name}", boxes)
        found += _level(rule_map, name, boxes)
    for name, kind in _MODIFIED:
        found += _lost(rule_map, f"cis-{name}", f"changes of {name}", uses(rule_map.space, requests.WRITES, kind))
    for name in _USED:
        verbs = ("create", "get") if name in {"pods/exec", "pods/portforward"} else _PROXIED
        boxes = uses(rule_map.space, verbs, ("", name))
        found += _lost(
            rule_map, f"cis-{name.replace('/', '-')}", f"use of {name}", boxes, Need(stages=AFTER_OR_DURING)
        )
    return ordered(found)


# a proxied request has the verb of its method
_PROXIED: Final = ("get", "create", "update", "patch", "delete")


def _level(rule_map: RuleMap, name: str, boxes: Sequence[Box]) -> list[Finding]:
    # the benchmark says "only Metadata", whether or not the higher level would show a body
    def higher(who: Who) -> set[int]:
        deciding = [index for index, _ in rule_map.deciders(region(rule_map.space, who, *boxes))]
        return {index for index in deciding if rule_map.decisions[index].level in {"Request", "RequestResponse"}}

    outside = higher("outsider")
    found = []
    for index in sorted(higher("anybody") | outside):
        severity: Severity = "error" if index in outside else "warning"
        code = f"cis-{name}-level" + ("" if index in outside else "-components")
        level = rule_map.decisions[index].level
        message = f"{phrasing.rule_name(rule_map.policy, index)} logs {name} at {level}, not at Metadata"
        found.append(_finding(rule_map, code, severity, message, index))
    return found


def _lost(rule_map: RuleMap, code: str, what: str, boxes: Sequence[Box], need: Need | None = None) -> list[Finding]:
    def grades(who: Who) -> dict[int, str]:
        shares = rule_map.shares([Ask(region(rule_map.space, who, *boxes), need or Need(stages=AFTER_OR_DURING))])
        return {s.index: phrasing.request(s.example) for s in shares if s.grade != "yes"}

    outside = grades("outsider")
    severity: Severity
    found = []
    for index, example in (grades("anybody") | outside).items():
        by = "" if index in outside else " by Kubernetes' own components"
        severity = "error" if index in outside else "warning"
        message = f"{phrasing.rule_name(rule_map.policy, index)} does not log {what}{by}, e.g. {example}"
        found.append(_finding(rule_map, code if index in outside else f"{code}-components", severity, message, index))
    return found


def _finding(rule_map: RuleMap, code: str, severity: Severity, message: str, index: int) -> Finding:
    return Finding(code, severity, message, _FIX, index, rule_map.policy.rules[index].line if index >= 0 else 0)
