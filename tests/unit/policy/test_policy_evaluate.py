"""The compiled evaluator against a second, naive one that follows checker.go line by line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import compile, evaluate
from kaudit_setup.policy.explain.near_misses import mismatches
from kaudit_setup.policy.model import LEVELS, STAGES, Attributes, Decision, GroupResources, Policy, Rule


def naive(policy: Policy, a: Attributes, version: KubeVersion) -> tuple[int, str]:
    for index, rule in enumerate(policy.rules):
        if rule_matches(rule, a, version):
            return index, rule.level
    return -1, "None"


def rule_matches(r: Rule, a: Attributes, version: KubeVersion) -> bool:
    if len(r.users) > 0 and (a.user is None or a.user not in r.users):
        return False
    if len(r.user_groups) > 0:
        if a.user is None:
            return False
        matched = False
        for group in a.groups:
            if group in r.user_groups:
                matched = True
                break
        if not matched:
            return False
    if len(r.verbs) > 0 and a.verb not in r.verbs:
        return False
    if len(r.namespaces) > 0 or len(r.resources) > 0:
        return matches_resource(r, a, version)
    if len(r.non_resource_urls) > 0:
        if a.is_resource:
            return False
        for spec in r.non_resource_urls:
            if spec == "*" or spec == a.path:
                return True
            if spec.endswith("*") and a.path.startswith(spec.rstrip("*")):
                return True
        return False
    return True


def matches_resource(r: Rule, a: Attributes, version: KubeVersion) -> bool:
    if not a.is_resource:
        return False
    if len(r.namespaces) > 0 and a.namespace not in r.namespaces:
        return False
    if len(r.resources) == 0:
        return True
    combined = a.resource
    if a.subresource != "":
        combined = a.resource + "/" + a.subresource
    for gr in r.resources:
        if gr.group != a.api_group and not (gr.group == "*" and version >= KubeVersion(1, 36)):
            continue
        if len(gr.resources) == 0:
            return True
        for res in gr.resources:
            if len(gr.resource_names) == 0 or a.name in gr.resource_names:
                if res == combined or res == "*":
                    return True
                if len(a.subresource) > 0 and res.startswith("*/") and a.subresource == res[2:]:
                    return True
                if res.endswith("/*") and a.resource == res[: -len("/*")]:
                    return True
    return False


def some(*words: str, size: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), max_size=size).map(tuple)


USERS, TEAMS, VERBS = ("", "alice", "bob", "*"), ("dev", "ops", ""), ("get", "create", "", "GET")
SPACES, NAMES, GROUPS = ("", "x", "kube-*"), ("", "web", "a"), ("", "apps", "*")
PATHS = ("/", "/healthz", "/healthz/", "/healthz/x", "/api", "")
RESOURCES = ("pods", "pods/log", "pods/*", "*", "*/log", "*/*", "/log", "/*", "*/")
ENTRIES = st.builds(
    GroupResources, group=st.sampled_from(GROUPS), resources=some(*RESOURCES), resource_names=some(*NAMES)
)
RULES = st.builds(
    Rule,
    level=st.sampled_from(LEVELS),
    users=some(*USERS),
    user_groups=some(*TEAMS),
    verbs=some(*VERBS),
    resources=st.lists(ENTRIES, max_size=2).map(tuple),
    namespaces=some(*SPACES),
    non_resource_urls=some("*", "/healthz", "/healthz*", "/healthz/*", "/", "/*", size=2),
    omit_stages=some(*STAGES),
    omit_managed_fields=st.sampled_from((None, True, False)),
)
POLICIES = st.builds(
    Policy,
    rules=st.lists(RULES, min_size=1, max_size=5).map(tuple),
    omit_stages=some(*STAGES),
    omit_managed_fields=st.booleans(),
)
REQUESTS = st.builds(
    Attributes,
    user=st.sampled_from((None, *USERS)),
    groups=some(*TEAMS, "none"),
    verb=st.sampled_from(VERBS),
    api_group=st.sampled_from(GROUPS),
    resource=st.sampled_from(("pods", "nodes", "")),
    subresource=st.sampled_from(("", "log", "exec", "*")),
    namespace=st.sampled_from(SPACES),
    name=st.sampled_from(NAMES),
    is_resource=st.booleans(),
    path=st.sampled_from(PATHS),
)
VERSIONS = st.sampled_from((KubeVersion(1, 20), KubeVersion(1, 36)))


@settings(max_examples=150)
@given(POLICIES, st.lists(REQUESTS, min_size=1, max_size=6), VERSIONS)
def test_two_evaluators_agree(policy: Policy, requests: list[Attributes], version: KubeVersion) -> None:
    compiled = compile(policy, version)
    for request in [*requests, *requests]:  # the second time from memory
        decision = compiled(request)
        assert (decision.rule_index, decision.level) == naive(policy, request, version)
        assert decision == evaluate(policy, request, version)
        rule = policy.rules[decision.rule_index] if decision.rule_index >= 0 else None
        omitted = {*policy.omit_stages, *(rule.omit_stages if rule else ())}
        assert set(decision.omit_stages) == omitted
        wanted = policy.omit_managed_fields
        if rule and rule.omit_managed_fields is not None:
            wanted = rule.omit_managed_fields
        assert decision.omit_managed_fields == (wanted and version.minor >= 23)


@given(RULES, REQUESTS, VERSIONS)
def test_a_rule_matches_exactly_where_no_reason_is_found_against_it(
    rule: Rule, request: Attributes, version: KubeVersion
) -> None:
    assert (not mismatches(rule, request, version)) == rule_matches(rule, request, version)


def test_a_full_memory_is_emptied_and_still_right() -> None:
    policy = Policy((Rule("Metadata", non_resource_urls=("/x*",)),))
    compiled = compile(policy)
    for number in range(70_000):
        compiled(Attributes("a", is_resource=False, path=f"/{number}"))
    assert compiled(Attributes("a", is_resource=False, path="/x1")) == Decision("Metadata", (), 0)
