"""A policy as YAML that a person would have written: comments first, short lists on one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kaudit_setup.policy.model import Rule, Stage


@dataclass(frozen=True, slots=True)
class Section:
    """A rule with what it is for. `drop`: it may go where it changes nothing. `source`: what the user called it."""

    comment: str
    rule: Rule
    drop: bool = False
    source: str = ""


def render(command: str, omit_stages: Sequence[Stage], sections: Sequence[Section], remarks: Iterable[str]) -> str:
    """The file's text. `command` must be one line; every string is quoted where YAML 1.1 could misread it."""
    lines = [f"# Built by: {command}"]
    lines += [f"# {remark}" for remark in remarks]
    lines += ["apiVersion: audit.k8s.io/v1", "kind: Policy"]
    if omit_stages:
        lines += ["omitStages:", *(f"  - {stage}" for stage in omit_stages)]
    lines.append("rules:")
    for i, section in enumerate(sections):
        if i:
            lines.append("")
        lines += [f"  # {section.comment}", *_rule(section.rule)]
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"  - level: {rule.level}"
    for key, values in (
        ("users", rule.users),
        ("userGroups", rule.user_groups),
        ("verbs", rule.verbs),
        ("namespaces", rule.namespaces),
        ("nonResourceURLs", rule.non_resource_urls),
    ):
        if values:
            yield from _list(f"    {key}:", values)
    if rule.resources:
        yield "    resources:"
    for entry in rule.resources:
        yield f"      - group: {json.dumps(entry.group)}"
        if entry.resources:
            yield from _list("        resources:", entry.resources)


def _list(head: str, values: Sequence[str]) -> Iterator[str]:
    line = f"{head} [{', '.join(json.dumps(v, ensure_ascii=False) for v in values)}]"
    if len(line) <= 100:
        yield line
        return
    yield head
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    for value in values:
        yield f"{indent}- {json.dumps(value, ensure_ascii=False)}"
