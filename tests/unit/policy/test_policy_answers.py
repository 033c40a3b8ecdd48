"""What a policy can answer: asked through the loader, checked by asking single requests of the evaluator."""

from __future__ import annotations

import pytest

from kaudit_setup.compliance.audit_policy import check_322
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy import presets
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes, Policy
from kaudit_setup.policy.questions.answers import Answer, answers
from kaudit_setup.policy.questions.table import QUESTIONS

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
METADATA = "- level: Metadata\n"


def policy(rules: str, top: str = "") -> Policy:
    loaded = load(f"{HEAD}{top}rules:\n{rules}".encode())
    assert loaded.policy is not None, loaded.errors
    return loaded.policy


def asked(rules: str, top: str = "", version: KubeVersion | None = None) -> dict[str, Answer]:
    found = answers(policy(rules, top), version) if version else answers(policy(rules, top))
    return {answer.id: answer for answer in found}


def said(rules: str, question: str, top: str = "") -> str:
    return asked(rules, top)[question].answer


def drop(text: str) -> str:
    return f"- {{level: None, {text}}}\n{METADATA}"


def test_everything_at_metadata_answers_everything() -> None:
    assert {a.answer for a in asked(METADATA).values()} == {"yes"}
    assert [a.id for a in answers(policy(METADATA))] == [q.id for q in QUESTIONS]


def test_nothing_answers_nothing() -> None:
    assert {a.answer for a in asked("- level: None\n").values()} == {"no"}


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        # by hand: what programs do is no part of the answer
        ("pod-created", 'userGroups: ["system:nodes"]', "yes"),
        ("pod-created", 'userGroups: ["system:serviceaccounts"]', "yes"),
        ("pod-created", 'users: ["system:kube-controller-manager"]', "yes"),
        ("pod-created", 'users: ["alice"]', "partly"),
        ("pod-created", 'userGroups: ["system:masters"]', "partly"),
        ("pod-created", 'userGroups: ["system:authenticated"]', "partly"),
        ("pod-created", 'userGroups: ["system:authenticated", "system:unauthenticated"]', "no"),
        ("pod-created", 'namespaces: ["dev"]', "partly"),
        ("pod-created", 'namespaces: [""]', "yes"),
        ("pod-created", 'verbs: ["create"], resources: [{group: "apps"}]', "yes"),
        ("pod-created", 'verbs: ["create"], resources: [{group: "", resources: ["pods"]}]', "no"),
        ("pod-created", 'resources: [{group: "", resources: ["pods"], resourceNames: ["x"]}]', "yes"),
        ("pod-created", 'resources: [{group: "", resources: ["pods"], resourceNames: [""]}]', "no"),
        ("pod-created", 'resources: [{group: "", resources: ["pods/*"]}]', "no"),
        ("pod-created", 'resources: [{group: "", resources: ["*/log", "pods/status"]}]', "yes"),
        ("pod-changed", 'verbs: ["patch"]', "partly"),
        ("pod-changed", 'resources: [{group: "", resources: ["pods/resize"]}]', "partly"),
        ("pod-deleted", 'verbs: ["deletecollection"]', "partly"),
        ("pod-deleted", 'resources: [{group: "", resources: ["pods/eviction"]}]', "partly"),
        ("pod-deleted", 'verbs: ["create"]', "partly"),
        # sessions: POST and GET
        ("exec", 'verbs: ["get", "list", "watch"]', "partly"),
        ("exec", 'verbs: ["create"]', "partly"),
        ("exec", 'verbs: ["get", "create"]', "no"),
        ("exec", 'verbs: ["list", "watch"]', "yes"),
        ("exec", 'resources: [{group: "", resources: ["pods"]}]', "yes"),
        ("exec", 'userGroups: ["system:nodes"]', "partly"),
        ("attach", 'resources: [{group: "", resources: ["pods/exec"]}]', "yes"),
        ("port-forward", 'resources: [{group: "", resources: ["*/portforward"]}]', "no"),
        ("debug", 'resources: [{group: "", resources: ["pods/ephemeralcontainers"]}]', "no"),
        ("debug", 'verbs: ["update"]', "partly"),
        ("secret-read", 'verbs: ["watch"]', "partly"),
        ("secret-read", 'namespaces: [""]', "partly"),
        ("secret-changed", 'verbs: ["get", "list", "watch"]', "yes"),
        ("secret-changed", 'verbs: ["delete"]', "partly"),
        ("rbac-changed", 'namespaces: [""]', "partly"),
        ("rbac-changed", 'resources: [{group: "rbac.authorization.k8s.io"}]', "no"),
        ("rbac-changed", 'resources: [{group: "rbac.authorization.k8s.io", resources: ["roles"]}]', "partly"),
        ("impersonated", 'verbs: ["get"], resources: [{group: "", resources: ["nodes"]}]', "partly"),
        ("impersonated", 'userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]', "yes"),
        ("impersonated", 'userGroups: ["system:serviceaccounts"]', "partly"),
        ("impersonated", 'nonResourceURLs: ["/healthz*", "/version", "/api*"]', "yes"),
        ("impersonated", 'nonResourceURLs: ["*"]', "partly"),
        ("forbidden", 'users: ["system:kube-scheduler"]', "yes"),
        ("forbidden", 'namespaces: ["dev"]', "partly"),
        ("login-failed", 'userGroups: ["system:authenticated", "system:unauthenticated"]', "yes"),
        ("login-failed", 'verbs: ["get", "list", "watch"]', "partly"),
        ("login-failed", 'nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]', "yes"),
        ("login-failed", 'nonResourceURLs: ["/api*"]', "partly"),
        ("namespace-deleted", 'namespaces: [""]', "yes"),
        ("namespace-deleted", 'namespaces: ["dev"]', "partly"),
        ("namespace-deleted", 'resources: [{group: "", resources: ["*"], resourceNames: ["dev"]}]', "partly"),
        ("namespace-deleted", 'verbs: ["delete"], resources: [{group: "", resources: ["namespaces"]}]', "no"),
        ("token-created", 'resources: [{group: "", resources: ["serviceaccounts/token"]}]', "partly"),
        ("token-created", 'resources: [{group: "", resources: ["secrets"]}]', "partly"),
        ("token-created", 'resources: [{group: "", resources: ["serviceaccounts"]}]', "yes"),
    ],
)  # fmt: skip
def test_what_is_lost_by_a_drop(question: str, text: str, expected: str) -> None:
    answer = asked(drop(text))[question]
    assert answer.answer == expected, answer.why
    for rule in answer.rules:
        assert rule.level == ("None", "Metadata")[rule.rule]
        assert rule.effect == ("no", "yes")[rule.rule]


@pytest.mark.parametrize(
    ("question", "stages", "expected"),
    [
        ("pod-created", "RequestReceived", "yes"),
        ("pod-created", "ResponseComplete", "partly"),
        ("pod-created", "RequestReceived, ResponseComplete", "no"),
        ("exec", "ResponseComplete", "yes"),
        ("exec", "ResponseStarted", "yes"),
        ("exec", "ResponseStarted, ResponseComplete", "partly"),
        ("login-failed", "ResponseStarted", "no"),
        ("login-failed", "RequestReceived, ResponseComplete, Panic", "yes"),
        ("forbidden", "ResponseComplete", "partly"),
        ("impersonated", "ResponseStarted, ResponseComplete", "no"),
    ],
)
def test_the_stage_must_know_how_it_ended(question: str, stages: str, expected: str) -> None:
    assert said(METADATA, question, f"omitStages: [{stages}]\n") == expected


def test_secrets_must_be_seen_but_not_shown() -> None:
    everything = asked("- level: RequestResponse\n")
    assert everything["secret-read"].answer == "no"
    assert everything["secret-changed"].answer == "no"
    assert [r.effect for r in everything["secret-read"].rules] == ["leaks"]
    # a read has no request body, a deletion's are its options
    request = asked("- level: Request\n")
    assert request["secret-read"].answer == "yes"
    assert request["secret-changed"].answer == "partly"


BINDINGS = '- {level: None, resources: [{group: "", resources: ["pods/binding"]}]}\n'
CREATES = '- {level: %s, verbs: ["create"], resources: [{group: "", resources: ["pods"]}]}\n'
OWNERS = """
- level: None
  resources:
  - {group: apps}
  - {group: batch}
  - {group: "", resources: ["replicationcontrollers", "replicationcontrollers/*"]}
""".lstrip()


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (CREATES % "None" + METADATA, "yes"),  # the binding has the name
        (BINDINGS + METADATA, "no"),
        (BINDINGS + CREATES % "Request" + METADATA, "no"),  # generateName: the request does not know it either
        (BINDINGS + CREATES % "RequestResponse" + METADATA, "yes"),
        (OWNERS + METADATA, "no"),
        (drop('namespaces: ["dev"]'), "partly"),
        (drop('userGroups: ["system:serviceaccounts:kube-system"]'), "yes"),
        (drop('users: ["system:kube-scheduler"]'), "no"),
        (drop('users: ["system:kube-scheduler"]').replace("Metadata", "RequestResponse"), "yes"),
        (drop('users: ["system:serviceaccount:kube-system:job-controller"]').replace("Metadata", "Request"), "yes"),
        (drop('resources: [{group: apps, resources: ["deployments/scale"]}]'), "partly"),
    ],
)
def test_who_stands_behind_a_controllers_pod(rules: str, expected: str) -> None:
    answer = asked(rules)["pod-behind"]
    assert answer.answer == expected, answer.why


def test_body_in_one_namespace_and_binding_in_the_others_is_enough() -> None:
    rules = (
        '- {level: RequestResponse, namespaces: ["dev"], resources: [{group: "", resources: ["pods"]}]}\n'
        '- {level: None, namespaces: ["dev"], resources: [{group: "", resources: ["pods/binding"]}]}\n'
    )
    assert said(rules + METADATA, "pod-behind") == "yes"
    assert said(rules.replace("dev", "a", 1) + METADATA, "pod-behind") == "partly"


def test_resize_is_asked_where_it_is_known() -> None:
    rules = drop('resources: [{group: "", resources: ["pods/resize"]}]')
    assert asked(rules, version=KubeVersion(1, 31))["pod-changed"].answer == "yes"
    assert asked(rules, version=KubeVersion(1, 32))["pod-changed"].answer == "partly"


def test_an_answer_names_the_rule_its_line_and_an_example() -> None:
    answer = asked(drop('verbs: ["get"]'))["exec"]
    assert [(r.rule, r.line, r.effect) for r in answer.rules] == [(0, 4, "no"), (1, 5, "yes")]
    assert answer.rules[0].example == "get pods/exec some-name in namespace some-name by somebody"
    assert answer.why.startswith("kept by rule 2 (line 5); lost by rule 1 (line 4), e.g. get pods/exec")


def test_no_rule_has_no_line() -> None:
    answer = asked('- {level: Metadata, users: ["alice"]}\n')["pod-created"]
    assert [(r.rule, r.line, r.level) for r in answer.rules] == [(0, 4, "Metadata"), (-1, 0, "None")]
    assert "lost by no rule" in answer.why


def test_service_accounts_are_mentioned_though_they_are_no_hand() -> None:
    rules = drop('userGroups: ["system:serviceaccounts"]')
    assert "not for every service account, see rule 1" in asked(rules)["pod-created"].why


Y, P, N = "yes", "partly", "no"
TABLE = {
    # created changed deleted behind exec attach port debug read changed rbac imp login forb ns token
    "forensics": [Y] * 16,
    "metadata": [Y] * 16,
    "cis": [Y] * 16,
    "no-secrets": [Y, Y, Y, Y, Y, Y, Y, Y, N, N, Y, P, P, P, Y, P],
    "production": [P] * 16,
    "quiet": [Y, Y, Y, N, P, P, P, P, P, P, P, Y, Y, Y, P, P],
    "writes": [Y, Y, Y, Y, P, P, P, P, N, N, P, P, P, P, P, P],
    "gce": [Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, P, P, P, Y, Y],
    "panic-only": [N] * 16,
}


@pytest.mark.parametrize("name", presets.names())
@pytest.mark.parametrize("version", [KubeVersion(1, 20), KubeVersion(1, 36)], ids=str)
def test_presets_answer_what_their_heads_say(name: str, version: KubeVersion) -> None:
    loaded = load(presets.read(name)[1], version)
    assert loaded.policy is not None
    assert [a.answer for a in answers(loaded.policy, version)] == TABLE[name]


def test_forensics_never_holds_a_body() -> None:
    loaded = load(presets.read("forensics")[1])
    assert loaded.policy is not None
    assert {rule.level for rule in loaded.policy.rules} == {"None", "Metadata"}


def test_forensics_keeps_failed_logins_everywhere_and_nothing_twice() -> None:
    loaded = load(presets.read("forensics")[1])
    assert loaded.policy is not None
    failed = [
        Attributes(None, (), "get", "", "secrets", "", "a", "b"),
        Attributes(None, (), "list", "", "events", "", "", ""),
        Attributes(None, (), "get", is_resource=False, path="/version"),
    ]
    for attributes in failed:
        decision = evaluate(loaded.policy, attributes)
        assert decision.level == "Metadata"
        assert "ResponseStarted" not in decision.omit_stages
    watch = Attributes("alice", ("system:authenticated",), "watch", "", "pods", "", "a", "")
    assert set(evaluate(loaded.policy, watch).omit_stages) == {"RequestReceived", "ResponseStarted"}


def test_cis_322_is_satisfied_by_the_preset_of_that_name_and_by_few_others() -> None:
    satisfied = set()
    for name in presets.names():
        loaded = load(presets.read(name)[1])
        assert loaded.policy is not None
        if not any(f.severity == "error" for f in check_322(loaded.policy)):
            satisfied.add(name)
    assert satisfied == {"cis", "metadata", "forensics", "quiet"}
    cis = load(presets.read("cis")[1]).policy
    assert cis is not None
    assert check_322(cis) == ()


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        (METADATA, set()),
        ("- level: Request\n", {"cis-configmaps-level", "cis-secrets-level", "cis-tokenreviews-level"}),
        (drop('resources: [{group: "", resources: ["pods/exec"]}]'), {"cis-pods-exec"}),
        (drop('verbs: ["get"], resources: [{group: "", resources: ["services/proxy"]}]'), {"cis-services-proxy"}),
        (drop('verbs: ["patch"], resources: [{group: apps}]'), {"cis-deployments"}),
        (
            drop('userGroups: ["system:nodes"], resources: [{group: "", resources: ["secrets"]}]'),
            {"cis-secrets-components"},
        ),
        (drop('users: ["alice"], resources: [{group: "", resources: ["secrets"]}]'), {"cis-secrets"}),
    ],
)
def test_cis_322_names_what_is_missing(rules: str, codes: set[str]) -> None:
    assert {f.code for f in check_322(policy(rules))} == codes
