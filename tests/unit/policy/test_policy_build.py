"""Composed policies: every combination of flags gives one that loads, shadows nothing, and does what was asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, OLDEST
from kaudit_setup.policy.build import BASES, Recipe, build, parse_base, parse_body, parse_kind, parse_stages
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes, Decision, Policy

ALICE = ("alice", ("system:authenticated",))
SHADOWS = {"unreachable-rule", "matches-nothing", "shadowed-resource", "logs-nothing", "no-catch-all"}
BODIES = ("pods:create=RequestResponse", "pods:get=Request", "deployments=Request", "pods/exec:create,get=Metadata")

recipes = st.builds(
    Recipe,
    base=st.sampled_from(tuple(BASES)),
    namespaces=st.sampled_from(((), ("production",), ("a", "b"))),
    drop_resources=st.lists(
        st.sampled_from([parse_kind(k) for k in ("secrets", "configmaps", "events", "widgets.example.com")]),
        unique=True,
    ).map(tuple),
    drop_reads=st.booleans(),
    drop_controllers=st.booleans(),
    drop_nodes=st.booleans(),
    drop_events=st.booleans(),
    drop_health=st.booleans(),
    stages=st.sampled_from(((), ("ResponseComplete", "Panic"), ("RequestReceived", "ResponseComplete"))),
    bodies=st.lists(st.sampled_from([parse_body(b) for b in BODIES]), unique=True, max_size=3).map(tuple),
)


def built(recipe: Recipe) -> Policy:
    text = build(recipe).encode()
    for version in (OLDEST, NEWEST):
        loaded = load(text, version)
        assert loaded.policy is not None
        assert loaded.warnings == ()
        found = lint(loaded, version)
        assert not [f for f in found if f.code in SHADOWS or f.severity == "error"], (text.decode(), found)
    policy = load(text).policy
    assert policy is not None
    return policy


@settings(max_examples=50, deadline=None)
@given(recipes)
def test_every_combination_loads_and_shadows_nothing(recipe: Recipe) -> None:
    if recipe.base == "none" and not recipe.bodies:
        with pytest.raises(InputError, match="nothing would be logged"):
            build(recipe)
        return
    policy = built(recipe)
    space = recipe.namespaces[0] if recipe.namespaces else "default"

    def level(
        verb: str, resource: str, user: tuple[str, tuple[str, ...]] = ALICE, group: str = "", where: str = space
    ) -> str:
        name = "" if verb in {"create", "list"} else "x"
        return evaluate(policy, Attributes(*user, verb, group, resource, "", where, name)).level

    for group, resource in recipe.drop_resources:
        assert level("create", resource, group=group) == "None"
    explicit = {(kind, verb) for b in recipe.bodies for kind in b.kinds for verb in b.verbs}
    if recipe.drop_reads:
        assert level("list", "pods") == "None"
        assert (level("get", "pods") == "None") is ((("", "pods"), "get") not in explicit)
    if recipe.drop_nodes:
        assert level("create", "services", ("system:node:a", ("system:authenticated", "system:nodes"))) == "None"
    if recipe.drop_controllers:
        assert level("create", "services", ("system:kube-scheduler", ("system:authenticated",))) == "None"
    if recipe.drop_events:
        assert level("create", "events") == level("create", "events", group="events.k8s.io") == "None"
    if recipe.namespaces:
        assert level("create", "services", where="elsewhere") == level("create", "nodes", where="") == "None"
    if recipe.drop_health:
        assert evaluate(policy, Attributes(*ALICE, "get", is_resource=False, path="/readyz")).level == "None"
    assert level("create", "services") == BASES[recipe.base]
    assert level("update", "secrets") in {"None", "Metadata"}
    for body in recipe.bodies:
        if body.kinds == (("", "pods"),) and body.verbs == ("create",):
            assert level("create", "pods") == body.level


def decide(recipe: Recipe, *attributes: object) -> Decision:
    return evaluate(built(recipe), Attributes(*ALICE, *attributes))


def test_stages_are_what_is_kept() -> None:
    assert built(Recipe(stages=("ResponseComplete", "Panic"))).omit_stages == ("RequestReceived", "ResponseStarted")
    assert built(Recipe()).omit_stages == ("RequestReceived",)
    assert "failed logins leave no trace" in build(Recipe(stages=("ResponseComplete",)))


def test_exec_over_get_outlives_dropped_reads() -> None:
    assert decide(Recipe(drop_reads=True), "get", "", "pods", "exec", "default", "x").level == "Metadata"


def test_what_holds_secrets_is_guarded_unless_told_otherwise() -> None:
    assert decide(Recipe(base="request-response"), "get", "", "secrets", "", "default", "x").level == "Metadata"
    told = Recipe(base="request", bodies=(parse_body("configmaps=Request"),))
    assert decide(told, "update", "", "configmaps", "", "default", "x").level == "Request"


def test_a_drop_that_changes_nothing_is_left_out() -> None:
    both = build(Recipe(namespaces=("a",), drop_health=True))
    assert "/healthz" not in both
    none = build(Recipe(base="none", drop_events=True, bodies=(parse_body("pods:create=Metadata"),)))
    assert "events" not in none


def test_each_rule_has_a_comment_above_it() -> None:
    lines = build(Recipe(drop_reads=True, drop_events=True, bodies=(parse_body("pods:create=Request"),))).splitlines()
    for above, line in pairwise(lines):
        if line.startswith("  - level:"):
            assert above.startswith("  # ")
            assert above.endswith(".")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(base="none"), "nothing would be logged"),
        (Recipe(base="none", bodies=(parse_body("pods=None"),)), "nothing would be logged"),
        (Recipe(drop_resources=(("", "pods"),), bodies=(parse_body("pods:create=Request"),)), "pods is both dropped"),
        (Recipe(drop_events=True, bodies=(parse_body("events=Request"),)), "events is both dropped"),
        (Recipe(namespaces=("a",), bodies=(parse_body("nodes=Request"),)), "nodes has no namespace"),
        (Recipe(namespaces=("A b",)), "'A b' is not a namespace"),
        (
            Recipe(bodies=(parse_body("pods:get=Request"), parse_body("pods:get=Metadata"))),
            "the level for pods would never count",
        ),
    ],
)
def test_contradictions_are_refused(recipe: Recipe, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(recipe)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pods", ("", "pods")),
        ("pods/exec", ("", "pods/exec")),
        ("deployments", ("apps", "deployments")),
        ("deployments.apps/scale", ("apps", "deployments/scale")),
        ("widgets.example.com", ("example.com", "widgets")),
        ("events.events.k8s.io", ("events.k8s.io", "events")),
        ("Pods", ("", "pods")),
        ("po/log", ("", "pods/log")),
        ("deploy.v1.apps", ("apps", "deployments")),
    ],
)
def test_kinds(text: str, kind: tuple[str, str]) -> None:
    assert parse_kind(text) == kind


@pytest.mark.parametrize("text", ["", "*", "pods/*", "pods/a/b", "pods/", "/exec", "a..b", "a b", "é", "widgets"])
def test_no_kinds(text: str) -> None:
    with pytest.raises(InputError):
        parse_kind(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pods",
        "pods=",
        "=Request",
        "pods:create",
        "pods=All",
        "pods:connect=Request",
        ":get=Request",
        "pods,=Request",
    ],
)
def test_no_bodies(text: str) -> None:
    with pytest.raises(InputError):
        parse_body(text)


def test_bodies() -> None:
    body = parse_body("pods, deployments:create,patch=requestresponse")
    assert body.kinds == (("", "pods"), ("apps", "deployments"))
    assert (body.verbs, body.level) == (("create", "patch"), "RequestResponse")


def test_stages_and_bases() -> None:
    assert parse_stages("responsecomplete, Panic") == ("ResponseComplete", "Panic")
    for wrong in ("", "ResponseDone", "Panic,,"):
        with pytest.raises(InputError, match="unknown stage"):
            parse_stages(wrong)
    assert parse_base("request") == "request"
    with pytest.raises(InputError, match="unknown base 'all'"):
        parse_base("all")
