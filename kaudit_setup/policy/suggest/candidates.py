"""What might be left out, from what a log is full of: each candidate is one rule, or one stage.

Only Kubernetes' own components are ever left out, and of their writes only those that say nothing of an object's
life: leases, events, endpoints, statuses. `who` reads the others to find who stands behind an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import identities, requests
from kaudit_setup.policy.evaluate import GROUP_WILDCARD_SINCE, resource_matches
from kaudit_setup.policy.model import LEVELS, GroupResources, Policy, Rule, Stage
from kaudit_setup.values import replace

_ROUTINE: Final = frozenset(
    {
        ("", "events"),
        ("", "endpoints"),
        ("events.k8s.io", "events"),
        ("discovery.k8s.io", "endpointslices"),
        ("coordination.k8s.io", "leases"),
        ("authentication.k8s.io", "tokenreviews"),
        ("authorization.k8s.io", "subjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
    }
)
_EVERYBODY: Final = (identities.AUTHENTICATED, identities.UNAUTHENTICATED)
_NO_RULE: Final = Rule("None")
_HEALTH: Final = (*requests.HEALTH_URLS, "/version*")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of one kind that a log has. `user`: a component's name, or that of its group (see `requester`); empty
    for everybody else. `resource`: `pods` or `pods/log`; empty for a path, of which nothing is kept.
    """

    user: str
    verb: str
    group: str
    resource: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change of a policy that makes its log smaller.

    drop: `rule`, of level None, before all others. level: `rule` before rule `before` of the policy, which it is a
    part of at level Metadata. stage: `stage` is omitted by the whole policy.
    """

    kind: Literal["drop", "level", "stage"]
    rule: Rule = _NO_RULE
    before: int = 0
    stage: Stage = "RequestReceived"


def requester(user: str) -> str:
    """As whom a rule can name this user: a component by its name, nodes and kube-system by their group, else ""."""
    if user.startswith("system:node:"):
        return identities.NODES
    if not identities.is_component(user):
        return ""
    return identities.KUBE_SYSTEM if identities.is_service_account(user) else user


def candidates(base: Policy, traffic: Iterable[Traffic], version: KubeVersion, *, bodies: bool) -> list[Candidate]:
    """Everything that may be tried; `bodies`: whether bodies may be left out, too."""
    seen = list(traffic)
    found = [Candidate("stage")] if "RequestReceived" not in base.omit_stages else []
    found += [Candidate("drop", rule) for rule in dict.fromkeys(_drops(seen))]
    if bodies:
        found += _lowered(base, seen, version >= GROUP_WILDCARD_SINCE)
    return found


def _drops(traffic: list[Traffic]) -> Iterator[Rule]:
    yield Rule("None", user_groups=_EVERYBODY, verbs=("get", "head"), non_resource_urls=_HEALTH)
    for one in traffic:
        if one.user and one.resource:
            where = (GroupResources(one.group, (one.resource,)),)
            if one.verb in requests.READS:
                yield _by(one.user, replace(_NO_RULE, verbs=requests.READS, resources=where))
            elif (one.group, one.resource) in _ROUTINE or one.resource.endswith("/status"):
                yield _by(one.user, replace(_NO_RULE, verbs=requests.WRITES[:3], resources=where))
        elif one.user:
            # discovery, openapi, metrics: paths are no objects, and only what is read of them is left out
            yield _by(one.user, Rule("None", verbs=("get", "head"), non_resource_urls=("*",)))


def _by(user: str, rule: Rule) -> Rule:
    if user in (identities.NODES, identities.KUBE_SYSTEM):
        return replace(rule, user_groups=(user,))
    return replace(rule, users=(user,))


def _lowered(base: Policy, traffic: list[Traffic], wildcard: bool) -> Iterator[Candidate]:
    places = dict.fromkeys((one.group, one.resource) for one in traffic if one.resource)
    for index, rule in enumerate(base.rules):
        if LEVELS.index(rule.level) < LEVELS.index("Request") or rule.non_resource_urls:
            continue
        for group, resource in places:
            if _covers(rule, group, resource, wildcard):
                entry = GroupResources(group, (resource,))
                yield Candidate("level", replace(rule, level="Metadata", resources=(entry,)), index)


def _covers(rule: Rule, group: str, resource: str, wildcard: bool) -> bool:
    """Whether the rule is about all objects of this kind, whatever their names."""
    name, _, part = resource.partition("/")
    matching = [entry for entry in rule.resources if resource_matches(entry, group, name, part, wildcard)]
    return not rule.resources or any(not entry.resource_names for entry in matching)
