"""What kube-apiserver ignores in a policy that it loads, and what the rule does without it."""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.policy import phrasing
from kaudit_setup.policy.lint.finding import Finding
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.policy.model import Policy, Rule

# a field that limits a rule -> what the rule does not look at without it
_WHATEVER: Final = {
    "users": "whoever sends it",
    "userGroups": "whoever sends it",
    "verbs": "whatever its verb",
    "namespaces": "in whatever namespace",
    "resources": "whatever its resource",
    "group": "whatever the group was meant to be",
    "resourceNames": "whatever its object's name",
    "nonResourceURLs": "whatever its path",
}
_DOES: Final = {"None": "drops", "Metadata": "logs", "Request": "logs with request bodies"}


def finding(problem: Problem, policy: Policy) -> Finding:
    """What the loader warned of, with its effect where a rule does something else for it."""
    found = re.match(r"rules\[(\d+)\]", problem.path)
    index = int(found[1]) if found and int(found[1]) < len(policy.rules) else -1
    effect = _effect(problem, policy, index)
    message = problem.message if problem.path in problem.message else str(problem)
    fix = problem.fix or "correct it: kube-apiserver ignores it"
    return Finding(problem.code, "warning", f"{message}{effect}", fix, index, problem.line, problem.column)


def _effect(problem: Problem, policy: Policy, index: int) -> str:
    if problem.code not in {"unknown-field", "misplaced-field"}:
        return ""
    if index < 0:
        return "; it changes no rule" if problem.meant in _WHATEVER else ""
    if problem.meant == "omitStages":
        return f"; as it is, rule {index + 1} omits no stage by it"
    rule = policy.rules[index]
    return (
        f"; as it is, rule {index + 1} {_does(rule)}, {_WHATEVER[problem.meant]}"
        if problem.meant in _WHATEVER
        else ""
    )


def _does(rule: Rule) -> str:
    """e.g. `drops every request for all of group core`."""
    said = phrasing.scope(rule)
    return f"{_DOES.get(rule.level, 'logs with all bodies')} {said.replace('everything', 'every request', 1)}"
