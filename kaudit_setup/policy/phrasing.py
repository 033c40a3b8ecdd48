"""Requests and rules in a person's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.policy.catalog import identities
from kaudit_setup.policy.model import Attributes, Policy, Rule

EVERYBODY: Final = frozenset({identities.AUTHENTICATED, identities.UNAUTHENTICATED})


def request(a: Attributes) -> str:
    """One request, e.g. `get pods/exec x in namespace y by alice (in group z)`."""
    by = "somebody whose login failed" if a.user is None else a.user
    told = [g for g in a.groups if g not in EVERYBODY]
    who = f"by {by}" + (f" in {listed(told)}" if told else "")
    if not a.is_resource:
        return f"{a.verb or 'other'} {a.path} {who}"
    what = f"{a.resource}/{a.subresource}" if a.subresource else a.resource
    what += f".{a.api_group}" if a.api_group else ""
    named = f" {a.name}" if a.name else ""
    place = f" in namespace {a.namespace}" if a.namespace else ""
    return f"{a.verb or 'other method'} {what}{named}{place} {who}"


def rule_name(policy: Policy, index: int) -> str:
    """`rule 3 (line 12)`, counted from 1 as people count; `no rule` for -1."""
    if index < 0:
        return "no rule"
    line = policy.rules[index].line
    return f"rule {index + 1}" + (f" (line {line})" if line else "")


def scope(rule: Rule) -> str:
    """What a rule is about, e.g. `get, list of secrets in namespaces a, b by users x`."""
    parts = [", ".join(v or '""' for v in rule.verbs) if rule.verbs else "everything"]
    if rule.resources:
        parts.append("on " + listed([_entry(e.group, e.resources, e.resource_names) for e in rule.resources]))
    elif rule.non_resource_urls:
        parts.append("on " + listed(rule.non_resource_urls))
    if rule.namespaces:
        parts.append("in " + listed([n or "no namespace" for n in rule.namespaces]))
    if rule.users:
        parts.append("by " + listed(rule.users))
    if rule.user_groups and not set(rule.user_groups) >= EVERYBODY:
        parts.append("by members of " + listed(rule.user_groups))
    return " ".join(parts)


def _entry(group: str, resources: Sequence[str], names: Sequence[str]) -> str:
    where = f".{group}" if group else ""
    what = listed([f"{r}{where}" for r in resources]) if resources else f"all of group {group or 'core'}"
    return what + (f" named {listed(names)}" if names and resources else "")


def listed(words: Sequence[str], most: int = 4) -> str:
    """`a, b, c and 3 more`."""
    if len(words) <= most + 1:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"
