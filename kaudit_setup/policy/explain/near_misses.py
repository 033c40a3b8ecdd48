"""Why a rule does not match a request, in words: condition by condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.evaluate import GROUP_WILDCARD_SINCE, path_matches, resource_matches
from kaudit_setup.policy.model import Attributes, GroupResources, Policy, Rule

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that did not decide. `reasons`: one for each condition that fails; empty for one that came too late."""

    index: int
    reasons: tuple[str, ...]


def near_misses(policy: Policy, a: Attributes, decided: int, version: KubeVersion = NEWEST) -> tuple[NearMiss, ...]:
    """The rules that came closest, in the order of the policy, `decided` left out.

    Close is a rule that fails in one condition and meets another one, or that matches but stands too late; where
    there is none, those that fail in the fewest conditions.
    """
    every = [NearMiss(i, mismatches(rule, a, version)) for i, rule in enumerate(policy.rules) if i != decided]
    close = [miss for miss in every if _is_close(policy.rules[miss.index], miss)]
    fewest = min((len(miss.reasons) for miss in every), default=0)
    return tuple((close or [miss for miss in every if len(miss.reasons) == fewest])[:_SHOWN])


def _is_close(rule: Rule, miss: NearMiss) -> bool:
    return not miss.reasons or (len(miss.reasons) == 1 and conditions(rule) > 1)


def conditions(rule: Rule) -> int:
    """How many conditions the rule makes."""
    lists = (rule.users, rule.user_groups, rule.verbs, rule.namespaces, rule.resources, rule.non_resource_urls)
    return sum(map(bool, lists))


def mismatches(rule: Rule, a: Attributes, version: KubeVersion = NEWEST) -> tuple[str, ...]:
    """Every condition of the rule that the request does not meet; empty if the rule matches."""
    about = _resource(rule, a, version) if rule.namespaces or rule.resources else _url(rule, a)
    return (*_requester(rule, a), *about)


def _requester(rule: Rule, a: Attributes) -> Iterator[str]:
    if rule.users and a.user not in rule.users:
        yield _literal("users", rule.users, a.user, "the request has no user")
    if rule.user_groups and (a.user is None or not set(a.groups) & set(rule.user_groups)):
        held = ", ".join(a.groups) or "none"
        yield f"userGroups: the user's groups are {held}; the rule wants {_some(rule.user_groups)}"
    if rule.verbs and a.verb not in rule.verbs:
        yield _literal("verbs", rule.verbs, a.verb)


def _url(rule: Rule, a: Attributes) -> Iterator[str]:
    if rule.non_resource_urls and a.is_resource:
        yield "nonResourceURLs: the request is for a resource"
    elif rule.non_resource_urls and not any(path_matches(a.path, spec) for spec in rule.non_resource_urls):
        yield _path(rule.non_resource_urls, a.path)


def _resource(rule: Rule, a: Attributes, version: KubeVersion) -> Iterator[str]:
    if not a.is_resource:
        yield "resources: the request is for a path, not for a resource"
        return
    if rule.namespaces and a.namespace not in rule.namespaces:
        where = "cluster-scoped, or for all namespaces" if not a.namespace else ""
        yield _literal("namespaces", rule.namespaces, a.namespace, where)
    if rule.resources and not any(_covers(entry, a, version) for entry in rule.resources):
        yield _not_covered(rule.resources, a, version)


def _covers(entry: GroupResources, a: Attributes, version: KubeVersion) -> bool:
    wildcard = version >= GROUP_WILDCARD_SINCE
    return resource_matches(entry, a.api_group, a.resource, a.subresource, wildcard) and (
        not entry.resources or not entry.resource_names or a.name in entry.resource_names
    )


def _not_covered(entries: tuple[GroupResources, ...], a: Attributes, version: KubeVersion) -> str:
    wildcard = version >= GROUP_WILDCARD_SINCE
    matching = (e for e in entries if resource_matches(e, a.api_group, a.resource, a.subresource, wildcard))
    if entry := next(matching, None):
        held = f'"{a.name}"' if a.name else "empty (a create and a list name nothing in the URL)"
        return f"resourceNames: the name is {held}; the rule wants {_some(entry.resource_names)}"
    here = [entry for entry in entries if entry.group == a.api_group or (wildcard and entry.group == "*")]
    if not here:
        return f'resources: the API group is "{a.api_group}"; the rule is for {_some([e.group for e in entries])}'
    return _not_named([resource for entry in here for resource in entry.resources], a)


def _not_named(named: list[str], a: Attributes) -> str:
    combined = f"{a.resource}/{a.subresource}" if a.subresource else a.resource
    reason = f'resources: "{combined}" is not among {_some(named)}'
    if a.subresource and a.resource in named:
        return f'{reason}; "{a.resource}" does not cover its subresources'
    if any(resource.startswith(f"{a.resource}/") for resource in named):
        return f"{reason}; a subresource does not cover its resource"
    return reason


def _path(specs: tuple[str, ...], path: str) -> str:
    reason = f'nonResourceURLs: "{path}" is not covered by {_some(specs)}'
    if any(path == spec.rstrip("*").rstrip("/") for spec in specs):
        reason += '; "/x/*" covers "/x/" and below, not "/x"'
    return reason


def _literal(field: str, wanted: tuple[str, ...], held: str | None, note: str = "") -> str:
    reason = f"{field}: {_shown(held)} is not among {_some(wanted)}"
    note = (_misread(field, wanted, held) if held is not None else "") or note
    return f"{reason} ({note})" if note else reason


def _misread(field: str, wanted: tuple[str, ...], held: str) -> str:
    """What the author of the rule may have taken for granted, empty where nothing comes to mind."""
    if any("*" in literal for literal in wanted):
        return f"a * in {field} is an ordinary character"
    return "upper and lower case count" if held.casefold() in map(str.casefold, wanted) else ""


def _some(literals: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(f'"{literal}"' for literal in literals[:_SHOWN])
    return f"{shown} and {len(literals) - _SHOWN} more" if len(literals) > _SHOWN else shown


def _shown(held: str | None) -> str:
    return "no user" if held is None else f'"{held}"'
