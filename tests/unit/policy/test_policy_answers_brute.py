"""The answers against a second, naive way: every request of a small world is asked of the evaluator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.policy.evaluate import compile as compiled
from kaudit_setup.policy.model import Attributes, Decision, GroupResources, Policy, Rule
from kaudit_setup.policy.questions.answers import answers

RBAC = "rbac.authorization.k8s.io"
IN = "system:authenticated"
PEOPLE = [("zoe", (IN,)), ("zoe", (IN, "dev")), ("alice", (IN,)), ("alice", ("dev", IN))]
PEOPLE += [("system:anonymous", ("system:unauthenticated",))]
ACCOUNT = ("system:serviceaccounts", IN)
SYSTEM = ("system:serviceaccounts:kube-system", *ACCOUNT)
MAKERS = [
    (f"system:serviceaccount:kube-system:{name}", SYSTEM)
    for name in (
        "daemon-set-controller",
        "job-controller",
        "replicaset-controller",
        "replication-controller",
        "statefulset-controller",
    )
]
# a certificate may put anybody into any group
ALL = [
    (user, (IN, *groups))
    for user in ("zoe", "alice", "system:kube-scheduler")
    for size in range(4)
    for groups in combinations(("dev", "system:nodes", "system:serviceaccounts"), size)
] + [("system:anonymous", ("system:unauthenticated",))]
SOME_RESOURCES = ("pods", "secrets", "serviceaccounts", "namespaces", "zz")
SPACES, NAMES = ("a", "zz"), ("x", "a", "zz")


def pick(*values: str, most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


entries = st.builds(
    GroupResources,
    group=st.sampled_from(("", "", "apps", RBAC)),
    resources=pick("pods", "pods/exec", "pods/*", "*/binding", "*", "secrets", "serviceaccounts/token", "namespaces"),
    resource_names=pick("x", "", most=1),
)
rules = st.one_of(
    st.builds(
        Rule,
        level=st.sampled_from(("None", "None", "Metadata", "RequestResponse")),
        users=pick("alice", "system:kube-scheduler", "system:anonymous", most=1),
        user_groups=pick("dev", IN, "system:nodes", "system:serviceaccounts", most=1),
        verbs=pick("get", "list", "create", "delete", "patch", "update", "watch", most=4),
        resources=st.lists(entries, max_size=2).map(tuple),
        namespaces=pick("a", ""),
        omit_stages=pick("ResponseStarted", "ResponseComplete", "RequestReceived", most=2),
    ),
    st.builds(
        Rule, level=st.sampled_from(("None", "Metadata")), non_resource_urls=pick("/metrics", "/healthz*", "*")
    ),
)
policies = st.builds(
    Policy,
    rules=st.tuples(
        st.lists(rules, max_size=4), st.sampled_from((Rule("Metadata"), Rule("None"), Rule("Request")))
    ).map(lambda pair: (*pair[0], pair[1])),
)

World = list[tuple[str, tuple[str, ...]]]
Grade = Callable[[Attributes, Decision], str]


def requests(who: World, verbs: Iterable[str], group: str, spec: str, cluster: bool = False) -> Iterator[Attributes]:
    resource, _, part = spec.partition("/")
    for (user, groups), verb in product(who, verbs):
        named = verb not in {"create", "list", "watch", "deletecollection"} or bool(part)
        spaces = ("",) if cluster else SPACES if verb not in {"list", "watch"} else ("", *SPACES)
        for space, name in product(
            spaces, NAMES if named else ("",) if verb in {"create", "deletecollection"} else ("", *NAMES)
        ):
            yield Attributes(user, groups, verb, group, resource, part, space, name)


def graded(stages: set[str], a: Attributes, d: Decision) -> str:
    if d.level == "None":
        return "no"
    if stages - set(d.omit_stages):
        return "yes"
    return "no" if "RequestReceived" in d.omit_stages else "partly"


def after(a: Attributes, d: Decision) -> str:
    return graded({"ResponseComplete"}, a, d)


def session(a: Attributes, d: Decision) -> str:
    return graded({"ResponseComplete", "ResponseStarted"}, a, d)


def secret(a: Attributes, d: Decision) -> str:
    stages = {"ResponseComplete", "ResponseStarted"} if a.verb == "watch" else {"ResponseComplete"}
    found = graded(stages, a, d)
    writes = a.verb in {"create", "update", "patch"}
    return "no" if found == "yes" and (d.level == "RequestResponse" or (writes and d.level == "Request")) else found


def login(a: Attributes, d: Decision) -> str:
    return "yes" if d.level != "None" and "ResponseStarted" not in d.omit_stages else "no"


WRITES = ("create", "update", "patch", "delete", "deletecollection")
WORLDS: dict[str, tuple[list[Attributes], Grade]] = {
    "pod-created": ([*requests(PEOPLE, ["create"], "", "pods")], after),
    "pod-deleted": (
        [
            *requests(PEOPLE, ["delete", "deletecollection"], "", "pods"),
            *requests(PEOPLE, ["create"], "", "pods/eviction"),
        ],
        after,
    ),
    "exec": ([*requests(ALL, ["create", "get"], "", "pods/exec")], session),
    "debug": ([*requests(ALL, ["update", "patch"], "", "pods/ephemeralcontainers")], after),
    "secret-read": ([*requests(ALL, ["get", "list", "watch"], "", "secrets")], secret),
    "secret-changed": ([*requests(ALL, WRITES, "", "secrets")], secret),
    "rbac-changed": (
        [
            *(a for k in ("roles", "rolebindings") for a in requests(ALL, WRITES, RBAC, k)),
            *(a for k in ("clusterroles", "clusterrolebindings") for a in requests(ALL, WRITES, RBAC, k, True)),
        ],
        after,
    ),
    "namespace-deleted": (
        [a for a in requests(ALL, ["delete"], "", "namespaces") if a.namespace == a.name]
        + [Attributes(u, g, "delete", "", "namespaces", "", "x", "x") for u, g in ALL],
        after,
    ),
    "token-created": (
        [*requests(ALL, ["create"], "", "serviceaccounts/token"), *requests(ALL, ["create"], "", "secrets")],
        after,
    ),
    "login-failed": (
        [
            *(
                Attributes(None, (), verb, is_resource=False, path=path)
                for verb, path in product(("get", "put", "delete"), ("/metrics", "/z"))
            ),
            *(
                Attributes(None, (), verb, group, resource, part, space, name)
                for verb, (group, resource, part), space, name in product(
                    ("get", "list", "watch", *WRITES, "proxy"),
                    (
                        *product(("", "apps", RBAC, "zz"), SOME_RESOURCES, ("", "exec", "binding", "zz")),
                        *((group, "serviceaccounts", "token") for group in ("", "apps", RBAC)),
                    ),
                    ("", *SPACES),
                    ("", *NAMES),
                )
            ),
        ],
        login,
    ),
}  # fmt: skip


OUTSIDERS = [*PEOPLE, ("system:serviceaccount:a:b", ACCOUNT)]
KINDS = list(product(("", "apps", RBAC, "zz"), SOME_RESOURCES, ("", "exec", "binding", "zz")))
KINDS += [(group, "serviceaccounts", "token") for group in ("", "apps", RBAC)]


def everything() -> Iterator[Attributes]:
    for (user, groups), verb, path in product(OUTSIDERS, ("get", "put", "delete", "patch"), ("/metrics", "/z")):
        yield Attributes(user, groups, verb, is_resource=False, path=path)
    for (user, groups), verb, kind in product(OUTSIDERS, ("get", "list", "watch", "proxy", *WRITES), KINDS):
        for space, name in product(("", *SPACES), ("", "x", "zz")):
            yield Attributes(user, groups, verb, *kind, space, name)


def outcome(a: Attributes, d: Decision) -> str:
    long = a.verb in {"watch", "proxy"} or a.subresource == "exec"
    stages = {"ResponseComplete", "ResponseStarted"} if long else {"ResponseComplete"}
    return "yes" if d.level != "None" and stages - set(d.omit_stages) else "no"


def verdict(grades: set[str]) -> str:
    return next(iter(grades)) if len(grades) == 1 else "partly"


@settings(max_examples=30, deadline=None)
@given(policies)
def test_each_verdict_is_what_asking_everybody_gives(policy: Policy) -> None:
    decide = compiled(policy)
    found = {a.id: a for a in answers(policy)}
    for question, (world, grade) in WORLDS.items():
        expected = verdict({grade(a, decide(a)) for a in world})
        assert found[question].answer == expected, (question, found[question].why)
        for rule in found[question].rules:
            assert rule.rule in {decide(a).rule_index for a in world}, (question, rule)


@settings(max_examples=8, deadline=None)
@given(policies)
def test_whoever_may_be_forbidden_or_impersonate_is_asked_for_everything(policy: Policy) -> None:
    decide = compiled(policy)
    expected = verdict({outcome(a, decide(a)) for a in everything()})
    found = {a.id: a.answer for a in answers(policy)}
    assert found["forbidden"] == found["impersonated"] == expected


@settings(max_examples=30, deadline=None)
@given(policies)
def test_the_way_behind_a_pod_in_each_namespace(policy: Policy) -> None:
    decide = compiled(policy)
    scheduler: World = [("system:kube-scheduler", (IN,))]

    def body(space: str) -> str:
        asked = [a for a in requests(MAKERS, ["create"], "", "pods") if a.namespace == space]
        return verdict(
            {
                "yes"
                if decide(a).level == "RequestResponse" and "ResponseComplete" not in decide(a).omit_stages
                else "no"
                for a in asked
            }
        )

    def binding(space: str) -> str:
        asked = [a for a in requests(scheduler, ["create"], "", "pods/binding") if a.namespace == space]
        return verdict({after(a, decide(a)) for a in asked})

    rank = {"no": 0, "partly": 1, "yes": 2}
    # "x" is a name that a rule knows, and so a namespace of its own class
    links = {max(body(space), binding(space), key=rank.__getitem__) for space in SPACES}
    kinds = [("apps", k) for k in ("daemonsets", "deployments", "replicasets", "statefulsets")]
    kinds += [("batch", "cronjobs"), ("batch", "jobs"), ("", "replicationcontrollers")]
    owners = {after(a, decide(a)) for g, k in kinds for a in requests(PEOPLE, ["create", "update", "patch"], g, k)}
    scales = [
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("", "replicationcontrollers"),
    ]
    owners |= {after(a, decide(a)) for g, k in scales for a in requests(PEOPLE, ["update", "patch"], g, f"{k}/scale")}
    expected = min(verdict(links), verdict(owners), key=rank.__getitem__)
    found = next(a for a in answers(policy) if a.id == "pod-behind")
    assert found.answer == expected, (links, owners, found.why)


@pytest.mark.parametrize("question", WORLDS)
def test_the_small_worlds_are_not_empty(question: str) -> None:
    assert len(WORLDS[question][0]) > 5
