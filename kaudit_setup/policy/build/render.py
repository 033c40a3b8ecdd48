"""A policy as YAML that a person would have written: comments first, short lists on one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.policy.model import Policy, Rule, Stage


@dataclass(frozen=True, slots=True)
class Section:
    """A rule with what it is for. `drop`: it may go where it changes nothing. `source`: what the user called it."""

    comment: str
    rule: Rule
    drop: bool = False
    source: str = ""


def render(command: str, omit_stages: Sequence[Stage], sections: Sequence[Section], remarks: Iterable[str]) -> str:
    """The file's text. `command` must be one line; every string is quoted where YAML 1.1 could misread it."""
    head = [f"Built by: {command}", *remarks]
    return policy_text(head, Policy((), tuple(omit_stages)), [(s.comment, s.rule) for s in sections])


def policy_text(head: Iterable[str], top: Policy, rules: Sequence[tuple[str, Rule]]) -> str:
    """A policy with a comment at its head and before each of its rules (none where it is empty). Of `top`, only what
    is not a rule counts. Comments must be one line each.
    """
    lines = [f"# {line}" for line in head]
    lines += ["apiVersion: audit.k8s.io/v1", "kind: Policy"]
    if top.omit_stages:
        lines += ["omitStages:", *(f"  - {stage}" for stage in top.omit_stages)]
    if top.omit_managed_fields:
        lines.append("omitManagedFields: true")
    lines.append("rules:")
    for i, (comment, rule) in enumerate(rules):
        if i:
            lines.append("")
        lines += [*(f"  # {line}" for line in comment.splitlines()), *rule_lines(rule)]
    return "\n".join(lines) + "\n"


def rule_lines(rule: Rule) -> Iterator[str]:
    """One rule as an item of `rules`, indented by two."""
    yield f"  - level: {rule.level}"
    for key, values in (
        ("users", rule.users),
        ("userGroups", rule.user_groups),
        ("verbs", rule.verbs),
        ("namespaces", rule.namespaces),
        ("nonResourceURLs", rule.non_resource_urls),
        ("omitStages", rule.omit_stages),
    ):
        if values:
            yield from _list(f"    {key}:", values)
    if rule.resources:
        yield "    resources:"
    for entry in rule.resources:
        yield f"      - group: {json.dumps(entry.group)}"
        if entry.resources:
            yield from _list("        resources:", entry.resources)
        if entry.resource_names:
            yield from _list("        resourceNames:", entry.resource_names)
    if rule.omit_managed_fields is not None:
        yield f"    omitManagedFields: {'true' if rule.omit_managed_fields else 'false'}"


def _list(head: str, values: Sequence[str]) -> Iterator[str]:
    line = f"{head} [{', '.join(json.dumps(v, ensure_ascii=False) for v in values)}]"
    if len(line) <= 100:
        yield line
        return
    yield head
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    for value in values:
        yield f"{indent}- {json.dumps(value, ensure_ascii=False)}"


def policy_object(policy: Policy) -> dict[str, object]:
    """The policy as the JSON object that kube-apiserver reads, without what says nothing."""
    top = {"omitStages": list(policy.omit_stages), "omitManagedFields": policy.omit_managed_fields or None}
    head: dict[str, object] = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"}
    return {**head, **_given(top), "rules": [_rule_object(rule) for rule in policy.rules]}


def _rule_object(rule: Rule) -> dict[str, object]:
    entries = [
        {"group": e.group, **_given({"resources": list(e.resources), "resourceNames": list(e.resource_names)})}
        for e in rule.resources
    ]
    fields = {
        "users": list(rule.users),
        "userGroups": list(rule.user_groups),
        "verbs": list(rule.verbs),
        "resources": entries,
        "namespaces": list(rule.namespaces),
        "nonResourceURLs": list(rule.non_resource_urls),
        "omitStages": list(rule.omit_stages),
        "omitManagedFields": rule.omit_managed_fields,
    }
    return {"level": rule.level, **_given(fields)}


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    """Without empty lists and fields that are not set."""
    return {name: value for name, value in fields.items() if value not in (None, [])}
