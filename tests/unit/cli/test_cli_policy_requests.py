"""`policy explain`: a request in kubectl's words, the groups that a user has by itself, what no client can ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documentkit import only

from kaudit_setup.cli import main

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources:
  - group: ""
    resources: [secrets, pods/exec]
- level: None
  userGroups: ["system:nodes"]
- level: Metadata
"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return str(file)


def explained(capsys: pytest.CaptureFixture[str], policy: str, *args: str) -> dict[str, Any]:
    assert main(["policy", "explain", policy, *args, "-o", "json"]) == 0
    found: dict[str, Any] = only(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], policy: str, *args: str) -> str:
    assert main(["policy", "explain", policy, *args]) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "group", "resource", "subresource", "name"),
    [
        ("secret", "", "secrets", "", ""),
        ("Secrets", "", "secrets", "", ""),
        ("secrets.v1", "", "secrets", "", ""),
        ("secret/x", "", "secrets", "", "x"),
        ("po", "", "pods", "", ""),
        ("po/log", "", "pods", "log", ""),
        ("pod/web/exec", "", "pods", "exec", "web"),
        ("deploy", "apps", "deployments", "", ""),
        ("deployments.apps/scale", "apps", "deployments", "scale", ""),
        ("Deployment.v1.apps/web", "apps", "deployments", "", "web"),
        ("netpol", "networking.k8s.io", "networkpolicies", "", ""),
        ("event.events.k8s.io", "events.k8s.io", "events", "", ""),
        ("widgets.example.com", "example.com", "widgets", "", ""),
        ("widgets.example.com/status", "example.com", "widgets", "status", ""),
        ("widgets.v1beta1.example.com/w/status", "example.com", "widgets", "status", "w"),
    ],
)  # fmt: skip
def test_resources_are_taken_in_kubectls_words(
    capsys: pytest.CaptureFixture[str],
    policy: str,
    words: str,
    group: str,
    resource: str,
    subresource: str,
    name: str,
) -> None:
    got = explained(capsys, policy, "--verb", "get", "--resource", words, "-n", "shop")["attributes"]
    assert [got[key] for key in ("apiGroup", "resource", "subresource", "name", "namespace")] == [
        group, resource, subresource, name, "shop",
    ]  # fmt: skip


def test_the_rule_that_names_secrets_decides_whatever_the_spelling(
    capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    for words in ("secret", "Secrets", "secrets.v1", "secret/x"):
        answer = explained(capsys, policy, "--as", "alice", "--verb", "list", "--resource", words, "-n", "shop")
        assert answer["ruleIndex"] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("--verb exec --resource pods -n shop --name web", "exec is a create or get of pods/exec"),
        ("--verb logs --resource po", "logs are a get of pods/log"),
        ("--verb connect --resource pods/exec", "admission's word"),
        ("--verb post --resource pods", "the verb of such a request is create"),
        ("--verb gett --resource pods", "did you mean `get`?"),
        ("--verb get --resource exec", "did you mean pods/exec?"),
        ("--verb get --resource deployments.batch", "group batch has no resource 'deployments'"),
        ("--verb get --resource po --api-group apps", "group apps has no resource 'po'"),
        ("--verb get --resource widgets", "a custom one is written NAME.GROUP"),
        ("--verb get --resource deployment/scal", "did you mean deployments/scale?"),
        ("--verb get --resource secrets --subresource status", "secrets has no subresource 'status'"),
        ("--verb get --resource widgets.example.com/blue", "--subresource blue"),
        ("--verb get --resource nodes/w1 -n shop", "nodes are not in a namespace"),
        ("--verb list --resource pods/exec", "asked for by create or get"),
        ("--verb update --resource pods/eviction", "asked for by create"),
        ("--verb get --resource tokenreviews", "asked for by create"),
        ("--verb deletecollection --resource po/x -n shop", "say --verb delete"),
        ("--verb list --resource namespaces -n shop", "not in a namespace"),
        ("--verb get --resource secret/x --name y", "two names"),
        ("--verb get --resource psp/x", "gone since 1.25"),
        ("--verb get --resource pods --as system:nodes", "is a group, not a user"),
        ("--verb get --resource pods --as system:serviceaccount:shop", "no service account in it"),
        ("--url /api/v1/pods --subresource log", "--url excludes"),
    ],
)
def test_what_no_client_can_ask_is_refused_with_the_fix(
    capsys: pytest.CaptureFixture[str], policy: str, args: str, said: str
) -> None:
    assert said in refused(capsys, policy, *args.split())


def test_by_its_url_every_request_can_be_asked_about(capsys: pytest.CaptureFixture[str], policy: str) -> None:
    answer = explained(capsys, policy, "--url", "GET /api/v1/namespaces/shop/secret/x")
    assert (answer["attributes"]["resource"], answer["ruleIndex"]) == ("secret", 2)


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("alice", []),
        ("system:node:w1", ["system:nodes"]),
        ("system:apiserver", ["system:masters"]),
        ("system:serviceaccount:ci:bot", ["system:serviceaccounts", "system:serviceaccounts:ci"]),
        ("system:bootstrap:abcdef", ["system:bootstrappers"]),
        ("system:kube-scheduler", []),
        ("kubernetes-admin", ["kubeadm:cluster-admins"]),
        ("system:admin", ["system:masters"]),
    ],
)
def test_users_have_the_groups_that_they_always_have(
    capsys: pytest.CaptureFixture[str], policy: str, user: str, groups: list[str]
) -> None:
    got = explained(capsys, policy, "--as", user, "--verb", "get", "--resource", "pods", "-n", "shop")
    assert got["attributes"]["groups"] == [*groups, "system:authenticated"]


def test_a_kubelet_meets_the_rule_of_the_nodes(capsys: pytest.CaptureFixture[str], policy: str) -> None:
    words = ("--as", "system:node:w1", "--verb", "patch", "--resource", "nodes/status", "--name", "w1")
    assert explained(capsys, policy, *words)["ruleIndex"] == 1
    by_url = explained(capsys, policy, "--as", "system:node:w1", "--url", "PATCH /api/v1/nodes/w1/status")
    assert by_url["ruleIndex"] == 1
    old = explained(capsys, policy, "--as", "kubernetes-admin", *words[2:], "--kube-version", "1.28")
    assert old["attributes"]["groups"] == ["system:masters", "system:authenticated"]


def test_a_namespace_is_its_own_namespace_and_a_create_has_no_name(
    capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    for given in (("--name", "shop"), ("-n", "shop")):
        got = explained(capsys, policy, "--verb", "delete", "--resource", "ns", *given)["attributes"]
        assert (got["namespace"], got["name"]) == ("shop", "shop")
    created = explained(capsys, policy, "--verb", "create", "--resource", "pod/web", "-n", "shop")
    assert created["attributes"]["name"] == ""
    assert "in the body" in created["notes"][0]
    placed = explained(capsys, policy, "--verb", "get", "--resource", "po/web")
    assert placed["attributes"]["namespace"] == "default"
    assert "as kubectl takes it" in placed["notes"][0]
