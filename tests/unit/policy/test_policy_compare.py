"""What two policies do differently, against asking both about every request."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.policy import presets
from kaudit_setup.policy.compare import compare, differences
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes, GroupResources, Policy, Rule

PODS = (GroupResources("", ("pods",)),)
LOGS = (GroupResources("", ("pods/log",)),)

rules = st.builds(
    Rule,
    level=st.sampled_from(("None", "Metadata", "Request")),
    users=st.sampled_from(((), ("alice",))),
    user_groups=st.sampled_from(((), ("dev",))),
    verbs=st.sampled_from(((), ("get",), ("watch", "create"))),
    resources=st.sampled_from(((), PODS, LOGS)),
    omit_stages=st.sampled_from(((), ("RequestReceived",), ("ResponseStarted",), ("ResponseComplete", "Panic"))),
)
policies = st.builds(
    Policy,
    rules=st.lists(rules, min_size=1, max_size=4).map(tuple),
    omit_stages=st.sampled_from(((), ("RequestReceived",))),
)
REQUESTERS = [
    (None, ()),
    ("system:anonymous", ("system:unauthenticated",)),
    *((user, (*more, "system:authenticated")) for user in ("alice", "zoe") for more in ((), ("dev",))),
]
REQUESTS = [
    *(
        Attributes(user, groups, verb, "", "pods", part, "ns", "x")
        for (user, groups), verb, part in product(
            REQUESTERS, ("get", "watch", "create", "list", "proxy"), ("", "log", "exec", "status")
        )
    ),
    *(
        Attributes(user, groups, verb, is_resource=False, path=path)
        for (user, groups), verb, path in product(REQUESTERS, ("get", "put"), ("/x", "/debug/pprof/heap"))
    ),
]


def events(policy: Policy, a: Attributes) -> tuple[str, frozenset[str]]:
    """Level and stages of the events that are written: endpoints/filters/audit.go:WithAudit."""
    decision = evaluate(policy, a)
    stages = {"RequestReceived", "ResponseComplete", "Panic"}
    if a.user is None:
        stages = {"ResponseStarted"}
    elif a.verb in {"watch", "proxy"} or a.subresource in {"log", "exec"} or a.path.startswith("/debug/pprof/"):
        stages.add("ResponseStarted")
    kept = frozenset(stages - set(decision.omit_stages))
    return (decision.level, kept) if kept and decision.level != "None" else ("None", frozenset())


@settings(max_examples=120, deadline=None)
@given(policies, policies)
def test_there_is_a_difference_exactly_if_some_request_is_treated_differently(a: Policy, b: Policy) -> None:
    pairs = {(evaluate(a, r).rule_index, evaluate(b, r).rule_index) for r in REQUESTS if events(a, r) != events(b, r)}
    found = differences(a, b)
    assert {(d.a.rule, d.b.rule) for d in found} == pairs
    mirrored = differences(b, a)
    assert {(d.b.rule, d.a.rule) for d in mirrored} == pairs


@settings(max_examples=30, deadline=None)
@given(policies)
def test_a_policy_does_what_it_does(policy: Policy) -> None:
    assert differences(policy, policy) == ()
    assert differences(policy, Policy((*policy.rules, Rule("None")), policy.omit_stages)) == ()


def loaded(name: str) -> Policy:
    found = load(presets.read(name)[1]).policy
    assert found is not None
    return found


def test_the_two_directions_are_told_apart() -> None:
    # two events of each request
    everything = Policy((Rule("Metadata"),))
    found = compare(loaded("quiet"), everything)
    assert {d.change for d in found.differences} == {"gained", "more"}
    assert {(c.id, c.a, c.b) for c in found.answers} >= {("pod-behind", "no", "yes"), ("exec", "partly", "yes")}
    back = compare(everything, loaded("quiet"))
    assert {d.change for d in back.differences} == {"lost", "less"}


def test_a_difference_says_what_both_rules_have_in_common() -> None:
    a = Policy((Rule("None", verbs=("get", "list"), line=3), Rule("Metadata", line=5)))
    b = Policy((Rule("Request", resources=PODS, verbs=("get", "create"), line=7), Rule("None", line=9)))
    said = {(d.change, d.requests, d.a.line, d.b.line) for d in differences(a, b)}
    assert ("gained", "get on pods", 3, 7) in said
    assert ("more", "get, create on pods", 5, 7) in said
    assert ("lost", "everything", 5, 9) in said


def test_stripping_managed_fields_is_a_difference_only_where_there_are_bodies() -> None:
    for level, count in (("Metadata", 0), ("Request", 1)):
        a, b = Policy((Rule(level),)), Policy((Rule(level),), omit_managed_fields=True)
        assert len(differences(a, b)) == count


def test_presets_of_real_size_are_compared() -> None:
    assert differences(loaded("gce"), loaded("gce")) == ()
    assert len(differences(loaded("gce"), loaded("forensics"))) > 10
