"""Requests and rules in a person's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.policy.catalog import identities
from kaudit_setup.policy.model import Attributes, Policy, Rule

EVERYBODY: Final = frozenset({identities.AUTHENTICATED, identities.UNAUTHENTICATED})


def request(a: Attributes) -> str:
    """One request, e.g. `get pods/exec x in namespace y by alice (in group z)`."""
    if not a.is_resource:
        return f"{a.verb or 'other'} {a.path} {_requester(a)}"
    what = f"{a.resource}{_after('/', a.subresource)}{_after('.', a.api_group)}{_after(' ', a.name)}"
    return f"{a.verb or 'other method'} {what}{_after(' in namespace ', a.namespace)} {_requester(a)}"


def _requester(a: Attributes) -> str:
    by = "somebody whose login failed" if a.user is None else a.user
    return f"by {by}{_after(' in ', listed([g for g in a.groups if g not in EVERYBODY]))}"


def _after(link: str, word: str) -> str:
    """The word behind its link, nothing where there is no word."""
    return f"{link}{word}" if word else ""


def rule_name(policy: Policy, index: int) -> str:
    """`rule 3 (line 12)`, counted from 1 as people count; `no rule` for -1."""
    if index < 0:
        return "no rule"
    line = policy.rules[index].line
    return f"rule {index + 1}" + (f" (line {line})" if line else "")


def scope(rule: Rule) -> str:
    """What a rule is about, e.g. `get, list of secrets in namespaces a, b by users x`."""
    entries = [_entry(e.group, e.resources, e.resource_names) for e in rule.resources]
    groups = () if set(rule.user_groups) >= EVERYBODY else rule.user_groups
    said = (
        ("", [", ".join(v or '""' for v in rule.verbs) or "everything"]),
        (" on ", entries or rule.non_resource_urls),
        (" in ", [n or "no namespace" for n in rule.namespaces]),
        (" by ", rule.users),
        (" by members of ", groups),
    )
    return "".join(_after(link, listed(words)) for link, words in said)


def _entry(group: str, resources: Sequence[str], names: Sequence[str]) -> str:
    if not resources:
        return f"all of group {group or 'core'}"
    return listed([f"{r}{_after('.', group)}" for r in resources]) + _after(" named ", listed(names))


def listed(words: Sequence[str], most: int = 4) -> str:
    """`a, b, c and 3 more`."""
    if len(words) <= most + 1:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"
