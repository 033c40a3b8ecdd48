"""The class algebra against brute force: every combination of literals and fresh values, asked one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import identities
from kaudit_setup.policy.classes.rule_map import RuleMap
from kaudit_setup.policy.classes.space import Space, is_resource_path
from kaudit_setup.policy.evaluate import evaluate, resource_matches
from kaudit_setup.policy.model import Attributes, GroupResources, Policy, Rule

USERS = ("alice", "system:kube-scheduler", "system:anonymous")
GROUPS = ("dev", "system:authenticated", "system:unauthenticated")
SPECS = ("pods", "pods/log", "pods/*", "*", "*/log", "*/*", "secrets", "pods/*/x", "pods/", "sec*")


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


entries = st.builds(
    GroupResources,
    group=st.sampled_from(("", "apps", "*")),
    resources=some(SPECS),
    resource_names=some(("x", ""), 1),
)
common = {
    "level": st.sampled_from(("None", "Metadata", "RequestResponse")),
    "users": some(USERS, 1),
    "user_groups": some(GROUPS),
    "verbs": some(("get", "create", "list"), 2),
}
rules = st.one_of(
    st.builds(Rule, **common, resources=st.lists(entries, max_size=2).map(tuple), namespaces=some(("a", ""), 2)),
    st.builds(Rule, **common, non_resource_urls=some(("/a", "/a*", "/a/b", "*"), 2)),
)
policies = st.builds(Policy, rules=st.lists(rules, min_size=1, max_size=6).map(tuple))


def requesters() -> Iterator[tuple[str | None, tuple[str, ...]]]:
    yield None, ()
    yield "system:anonymous", ("system:unauthenticated",)
    for user in ("alice", "system:kube-scheduler", "zoe"):
        yield user, ("system:authenticated",)
        yield user, ("system:authenticated", "dev")


def everything() -> Iterator[Attributes]:
    kinds = list(product(("", "apps", "zz.io"), ("pods", "secrets", "zz"), ("", "log", "zz")))
    for user, groups in requesters():
        for verb, (group, res, sub), space, name in product(
            ("get", "create", "list", "patch"), kinds, ("", "a", "zz"), ("", "x", "zz")
        ):
            yield Attributes(user, groups, verb, group, res, sub, space, name)
        for verb, path in product(("get", "put"), ("/a", "/a/b", "/ax", "/zz")):
            yield Attributes(user, groups, verb, is_resource=False, path=path)


ALL = tuple(everything())


@settings(max_examples=25, deadline=None)
@given(policies)
def test_a_rule_is_reached_exactly_if_some_request_reaches_it(policy: Policy) -> None:
    rule_map = RuleMap(policy)
    reached = {evaluate_index(policy, a) for a in ALL}
    proved = {i for i in range(len(policy.rules)) if rule_map.reached(i) is not None}
    assert proved == reached - {-1}
    assert {i for i, _ in rule_map.deciders(rule_map.space.requests())} == reached


def evaluate_index(policy: Policy, a: Attributes) -> int:
    return next((i for i, rule in enumerate(policy.rules) if naive(rule, a)), -1)


def naive(rule: Rule, a: Attributes) -> bool:
    """checker.go:ruleMatches, word for word."""
    if rule.users and (a.user is None or a.user not in rule.users):
        return False
    if rule.user_groups and (a.user is None or not any(g in rule.user_groups for g in a.groups)):
        return False
    if rule.verbs and a.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        if not a.is_resource or (rule.namespaces and a.namespace not in rule.namespaces):
            return False
        return not rule.resources or any(entry_matches(e, a) for e in rule.resources)
    if rule.non_resource_urls:
        return not a.is_resource and any(url_matches(u, a.path) for u in rule.non_resource_urls)
    return True


def entry_matches(e: GroupResources, a: Attributes) -> bool:
    if e.group not in (a.api_group, "*"):
        return False
    if not e.resources:
        return True
    if e.resource_names and a.name not in e.resource_names:
        return False
    combined = a.resource + (f"/{a.subresource}" if a.subresource else "")
    return any(
        r in (combined, "*")
        or (a.subresource and r.startswith("*/") and r[2:] == a.subresource)
        or (r.endswith("/*") and r[:-2] == a.resource)
        for r in e.resources
    )


def url_matches(spec: str, path: str) -> bool:
    return spec in ("*", path) or (spec.endswith("*") and path.startswith(spec.rstrip("*")))


@settings(max_examples=25, deadline=None)
@given(policies)
def test_the_example_of_a_rule_is_decided_by_it(policy: Policy) -> None:
    rule_map = RuleMap(policy)
    for index, box in rule_map.deciders(rule_map.space.requests()):
        example = rule_map.space.sample(box)
        assert evaluate(policy, example).rule_index == index, example
        assert not example.path or not is_resource_path(example.path)


@given(st.sampled_from(SPECS), st.sampled_from(("", "apps", "*")))
def test_an_entry_covers_what_the_evaluator_says(spec: str, group: str) -> None:
    policy = Policy((Rule("None", resources=(GroupResources(group, (spec,)),)),))
    space = Space((policy,))
    for g, r, p in product(("", "apps"), ("pods", "secrets"), ("", "log", "exec")):
        covered = bool(space.entry(policy.rules[0].resources[0]) & space.kinds((g, f"{r}/{p}" if p else r)))
        assert covered is resource_matches(policy.rules[0].resources[0], g, r, p, True), (g, r, p)


def test_groups_are_sets() -> None:
    policy = Policy(
        (
            Rule("None", user_groups=("dev",)),
            Rule("None", user_groups=("ops",)),
            Rule("Metadata", user_groups=("dev", "ops")),
            Rule("Metadata", user_groups=("dev", "qa")),
        )
    )
    rule_map = RuleMap(policy)
    assert rule_map.reached(2) is None
    found = rule_map.reached(3)
    assert found is not None
    assert rule_map.space.sample(found).groups == ("qa", "system:authenticated")


def test_everybody_is_authenticated_or_anonymous_or_has_failed() -> None:
    everybody = Rule("Metadata", user_groups=(identities.AUTHENTICATED, identities.UNAUTHENTICATED))
    rule_map = RuleMap(Policy((everybody, Rule("None", users=("alice",)), Rule("Metadata"))))
    assert rule_map.reached(1) is None
    last = rule_map.reached(2)
    assert last is not None
    assert rule_map.space.sample(last).user is None
    anonymous = RuleMap(
        Policy((Rule("None", user_groups=(identities.UNAUTHENTICATED,)), Rule("None", users=(identities.ANONYMOUS,))))
    )
    assert anonymous.reached(1) is None


def test_the_loopback_client_of_old_servers_is_in_no_group_of_everybody() -> None:
    rules = (Rule("None", user_groups=(identities.AUTHENTICATED,)), Rule("Metadata", users=(identities.APISERVER,)))
    assert RuleMap(Policy(rules), KubeVersion(1, 20)).reached(1) is not None
    assert RuleMap(Policy(rules)).reached(1) is None


def test_a_thousand_rules_with_dozens_of_literals_are_proved_in_a_breath() -> None:
    many = [
        Rule(
            "None" if i % 2 else "Metadata",
            users=(f"user-{i % 40}",),
            user_groups=(f"group-{i % 17}", f"group-{i % 23}"),
            verbs=("get", "list") if i % 3 else ("create",),
            resources=(GroupResources("", (f"res-{i % 31}", f"res-{i % 29}/part-{i % 7}")),),
            namespaces=(f"ns-{i % 37}",),
        )
        for i in range(400)
    ]
    rule_map = RuleMap(Policy((*many, Rule("Metadata"))))
    assert sum(1 for i in range(401) if rule_map.reached(i) is None) == 0


def test_resource_paths_are_told_from_others() -> None:
    assert is_resource_path("/api/v1/pods")
    assert is_resource_path("/apis/apps/v1/deployments/x")
    for path in chain(("/api", "/api/v1", "/apis/apps/v1", "/", "/healthz"), map("/".join, combinations("abc", 2))):
        assert not is_resource_path(path)
