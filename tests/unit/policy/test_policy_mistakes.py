"""The mistakes that people make in policies, each with what is said of it: words for nobody, fields, files."""

from __future__ import annotations

import pytest

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.lint.finding import Finding
from kaudit_setup.policy.load import load

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
RULE = "rules:\n- level: Metadata\n"


def found(text: str, version: KubeVersion = NEWEST) -> tuple[Finding, ...]:
    return lint(load(text.encode(), version), version)


def of_rule(fields: str) -> list[Finding]:
    policy = f"{HEAD}omitStages: [RequestReceived]\nrules:\n- {{level: None, {fields}}}\n- level: Metadata\n"
    return [f for f in found(policy) if f.severity == "warning"]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ('users: ["system:authenticated"]', "group-as-user", "userGroups"),
        ('users: ["system:serviceaccounts"]', "group-as-user", "userGroups"),
        ('users: ["system:serviceaccounts:team"]', "group-as-user", "userGroups"),
        ('users: ["system:masters"]', "group-as-user", "userGroups"),
        ('users: ["system:bootstrappers:kubeadm:default-node-token"]', "group-as-user", "userGroups"),
        ('users: ["system:serviceaccounts:team:bot"]', "not-a-user", "`system:serviceaccount:team:bot`"),
        ('users: ["system:serviceaccount:team"]', "not-a-user", "`system:serviceaccount:team:NAME`"),
        ('users: ["system:serviceaccount:Team:bot"]', "not-a-user", "NAMESPACE:NAME"),
        ('users: ["system:node:"]', "not-a-user", "system:node:NAME"),
        ('users: ["system:kube-schduler"]', "not-a-user", "`system:kube-scheduler`"),
        ('users: ["alice,bob"]', "not-a-name", "[alice, bob]"),
        ('users: [" alice"]', "not-a-name", "spaces"),
        ("users: ['']", "not-a-name", "remove it"),
        ('userGroups: ["system:kube-scheduler"]', "user-as-group", "`users`"),
        ('userGroups: ["system:apiserver"]', "user-as-group", "`users`"),
        ('userGroups: ["system:node:w1"]', "user-as-group", "`users`"),
        ('userGroups: ["system:serviceaccount:kube-system:coredns"]', "user-as-group", "`users`"),
        ('userGroups: ["system:serviceaccounts:a:b"]', "not-a-group", "`system:serviceaccount:a:b`"),
        ('userGroups: ["system:Masters"]', "not-a-group", "`system:masters`"),
        ('userGroups: ["!system:nodes"]', "not-a-name", "no negation"),
        ('namespaces: ["!kube-system"]', "not-a-name", "no negation"),
        ('namespaces: ["kube-system,default"]', "not-a-name", "[kube-system, default]"),
        ('namespaces: ["Default"]', "not-a-name", "lower-case"),
        ('verbs: ["connect"]', "unknown-verb", "create or get of pods/exec"),
        ('verbs: ["exec"]', "unknown-verb", "exec is a create or get of pods/exec"),
        ('verbs: ["LIST"]', "unknown-verb", "`list`"),
        ('resources: [{group: rbac, resources: [roles]}]', "unknown-group", "rbac.authorization.k8s.io"),
        ('resources: [{group: v1, resources: [pods]}]', "unknown-group", "that is a version"),
        ('resources: [{group: authorisation.k8s.io}]', "unknown-group", "authorization.k8s.io"),
        ('resources: [{resources: [pods], resourceNames: ["shop/web"]}]', "not-a-name", "the name alone"),
        ('resources: [{resources: [exec]}]', "unknown-resource", "pods/exec"),
    ],
)  # fmt: skip
def test_words_that_match_nobody(fields: str, code: str, said: str) -> None:
    (mistake,) = [f for f in of_rule(fields) if f.code == code]
    assert said in mistake.fix
    assert mistake.line == 5


@pytest.mark.parametrize(
    "fields",
    [
        'users: ["alice", "CN=alice,O=team", "oidc:bob@example.com", "system:node:w1", "system:k3s-supervisor"]',
        'users: ["system:serviceaccount:team:bot", "system:kube-proxy", "system:apiserver", "system:anonymous"]',
        'userGroups: ["system:nodes", "system:serviceaccounts:team", "dev team", "system:bootstrappers:x"]',
        'namespaces: ["", "kube-system", "a-1"]',
        'resources: [{group: metrics.k8s.io}, {group: cert-manager.io}, {group: snapshot.storage.k8s.io}]',
        'resources: [{group: rbac.authorization.k8s.io, resources: [roles], resourceNames: ["system:x", ""]}]',
    ],
)  # fmt: skip
def test_words_that_may_match_somebody(fields: str) -> None:
    assert {f.code for f in of_rule(fields)} <= {"unreachable-rule"}


@pytest.mark.parametrize(
    ("rule", "code", "said", "fix"),
    [
        (
            "{level: None, resources: [{verbs: [get]}]}",
            "misplaced-field",
            "one level up; as it is, rule 1 drops every request on all of group core, whatever its verb",
            "move it one level up",
        ),
        (
            "{level: None, resources: [{namespaces: [a]}], verbs: [get]}",
            "misplaced-field",
            "as it is, rule 1 drops get on all of group core, in whatever namespace",
            "one level up",
        ),
        (
            "{level: None, resourceNames: [x], resources: [{resources: [pods]}]}",
            "misplaced-field",
            "`resourceNames` belongs to an entry of `resources`, one level down",
            "into an entry",
        ),
        ("{level: None, group: apps}", "misplaced-field", "one level down", "into an entry"),
        ("{level: None, user: [x]}", "unknown-field", "drops every request, whoever sends it", "`users`"),
        ("{level: Request, username: x}", "unknown-field", "logs with request bodies every request", "`users`"),
        ("{level: None, apiGroups: [apps]}", "misplaced-field", "`apiGroups` belongs to an entry", "as `group`"),
        ("{level: None, resources: [{apiGroups: [apps]}]}", "unknown-field", 'did you mean "group"?', "`group`"),
        ("{level: None, users: [x], codes: [200]}", "unknown-field", "ignored", "before the request is handled"),
        ("{level: None, users: [x], webhook: y}", "unknown-field", "ignored", "flags of kube-apiserver"),
        ("{level: None, users: [x], except: y}", "unknown-field", "ignored", "no exceptions"),
        ("{level: None, users: [x], description: y}", "unknown-field", "ignored", "comment"),
        ("{level: Metadata, omitStage: [Panic]}", "unknown-field", "omits no stage by it", "`omitStages`"),
    ],
)
def test_a_field_that_is_ignored_is_said_with_its_effect(rule: str, code: str, said: str, fix: str) -> None:
    policy = f"{HEAD}rules:\n- {rule}\n- level: Metadata\n"
    (ignored,) = [f for f in found(policy) if f.code in {"unknown-field", "misplaced-field"}]
    assert ignored.code == code
    assert said in ignored.message
    assert fix in ignored.fix


def test_a_misplaced_field_at_the_top_widens_nothing() -> None:
    (ignored,) = [f for f in found(f"{HEAD}verbs: [get]\n{RULE}") if f.code == "misplaced-field"]
    assert "it changes no rule" in ignored.message
    assert "as it is" not in ignored.message


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("apiVersion: audit.k8s.io/v1beta1\nkind: Policy\n" + RULE, "write `apiVersion: audit.k8s.io/v1`"),
        ("apiVersion: audit.k8s.io/v2\nkind: Policy\n" + RULE, "write `apiVersion: audit.k8s.io/v1`"),
        ("apiVersion: policy/v1\nkind: Policy\n" + RULE, "write `apiVersion: audit.k8s.io/v1`"),
        ("kind: Policy\n" + RULE, "add `apiVersion: audit.k8s.io/v1`"),
        (RULE, "and `kind: Policy`"),
        ("apiVersion: audit.k8s.io/v1\nkind: AuditPolicy\n" + RULE, "write `kind: Policy`"),
        ("apiVersion: audit.k8s.io/v1\nkind: policy\n" + RULE, "`kind: Policy`"),
        ("apiVersion: audit.k8s.io/v1\nkind: PolicyList\nitems: []\n", "one object"),
        ("apiVersion: v1\nkind: ConfigMap\ndata:\n  policy.yaml: x\n", "under `data`"),
        ("apiVersion: auditregistration.k8s.io/v1alpha1\nkind: AuditSink\n", "gone since Kubernetes 1.19"),
        ("apiVersion: v1\nkind: Pod\n", "--audit-policy-file"),
        ("apiVersion: audit.k8s.io/v1\nkind: Event\n", "an audit log"),
        ("", "policy show"),
        ("- level: Metadata\n", "not a list"),
        (HEAD + "spec:\n  rules:\n  - level: Metadata\n", "not under `spec`"),
        (HEAD + "Rules:\n- level: Metadata\n", "write `rules:` instead of `Rules:`"),
        (HEAD + "rules: []\n", "add a rule"),
        (HEAD + "omitStages: [Request]\n" + RULE, "is a level, not a stage"),
        (HEAD + "omitStages: [requestReceived]\n" + RULE, "write RequestReceived"),
        (HEAD + "rules:\n- level: metadata\n", "write `level: Metadata`"),
        (HEAD + "rules:\n- level: no\n", "write `level: None`"),
        (HEAD + "rules:\n- users: [x]\n", "add a level"),
        (HEAD + "rules:\n- {level: None, users: alice}\n", "write `users: [alice]`"),
        (HEAD + "rules:\n- {level: None, users: [1]}\n", "in quotes"),
        (HEAD + 'rules:\n- {level: None, resources: ["pods"]}\n', 'write `- group: ""` and below it'),
        (HEAD + "rules:\n- {level: None, resources: [deploy/scale]}\n", "`resources: [deployments/scale]`"),
        (HEAD + "rules:\n- {level: None, resources: {group: apps}}\n", "begin each of its entries with `- `"),
        (HEAD + "rules:\n  level: Metadata\n", "begin each of its entries with `- `"),
        (
            HEAD + "rules:\n- {level: None, resources: [{group: apps/v1}]}\n",
            "write `group: apps`, without the version",
        ),
        (HEAD + "rules:\n- {level: None, resources: [{group: Apps}]}\n", "write `group: apps`"),
        (HEAD + "rules:\n- {level: None, resources: [{group: '*.k8s.io'}]}\n", "no wildcards"),
        (HEAD + "rules:\n- {level: None, resources: [{resourceNames: [x]}]}\n", "add `resources: [...]`"),
        (HEAD + "rules:\n- {level: None, nonResourceURLs: [healthz]}\n", "/healthz"),
        (HEAD + "rules:\n- {level: None, nonResourceURLs: [/a/*/b]}\n", "write /a/*"),
        (HEAD + "rules:\n- {level: None, nonResourceURLs: [/x], namespaces: [z]}\n", "make two rules"),
        (HEAD + "rules:\n\t- level: Metadata\n", "a tab cannot indent"),
        (HEAD + "rules:\n- {level: None, verbs: [*]}\n", "must be in quotes"),
        ("{{- if .Values.audit }}\n" + HEAD, "a template"),
        (HEAD + "omitStages: {{ .Values.stages }}\n", "a template"),
        ('{"apiVersion": "audit.k8s.io/v1",}', "no comma behind the last"),
    ],
)
def test_a_file_that_does_not_load_has_its_fix(text: str, fix: str) -> None:
    refused = found(text)
    assert {(f.code, f.severity) for f in refused} == {("does-not-load", "error")}
    assert fix in refused[0].fix


def test_what_a_later_version_refuses_is_a_warning_before() -> None:
    beta = "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nomitStages: [RequestReceived]\n" + RULE
    (warning,) = [f for f in found(beta, KubeVersion(1, 23)) if f.code == "beta-version"]
    assert (warning.severity, warning.line) == ("warning", 1)
    assert "1.24" in warning.message
    star = HEAD + "rules:\n- {level: Metadata, resources: [{group: '*'}]}\n"
    assert "1.36" in found(star, KubeVersion(1, 35))[0].fix
    assert not [f for f in found(star) if f.severity == "error"]


def test_resources_of_a_rule_are_told_with_their_group() -> None:
    (error,) = found(f"{HEAD}rules:\n- level: Metadata\n  resources: deployments\n")
    assert error.fix == 'below `resources` write `- group: "apps"` and below it `resources: [deployments]`'
