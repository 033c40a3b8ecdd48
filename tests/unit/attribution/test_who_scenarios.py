"""Real controllers, real logs: the answers agree with what the scenario's script did, at every level."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any
from zlib import crc32

import pytest
from whokit import (
    DATA,
    SCENARIOS,
    Lines,
    Servers,
    answer,
    answer_to,
    everything,
    in_memory,
    log,
    recorded,
    truths,
)

LEVELS = ("Metadata", "Request", "RequestResponse", "mixed")


def cases() -> list[Any]:
    found = []
    for scenario in SCENARIOS:
        for truth in truths(scenario):
            for level in LEVELS:
                if level not in truth["unless"] and not ("Metadata" in truth["unless"] and level == "mixed"):
                    label = f"{level}-{truth['verb']}-{truth['object']}-{truth['root']}"
                    found.append(pytest.param(scenario, level, truth, id=label))
    return found


@pytest.mark.parametrize(("scenario", "level", "truth"), cases())
def test_the_one_behind_it_is_named(scenario: str, level: str, truth: dict[str, Any]) -> None:
    found = answer_to(scenario, level, truth)
    assert found.root is not None, found.notes
    assert found.root.user == truth["root"]
    text = everything(found)
    assert truth["root"] in text or f"node {found.root.node}" in text
    for user in truth["mentions"]:
        assert user in text
    if level == "Metadata" and len(found.links) > 1:
        assert found.confidence == "inferred"


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    "policy", ["gce", "cis", "writes", "no-secrets", "forensics", "quiet", "panic-only", "Metadata"]
)
def test_no_policy_makes_it_surely_wrong(scenario: str, policy: str) -> None:
    """Where a policy left out what would tell, the answer is that nobody is known, or a guess that says so."""
    for truth in truths(scenario):
        found = answer_to(scenario, policy, truth)
        right = found.root is not None and found.root.user == truth["root"]
        assert right or found.root is None or found.confidence == "inferred", (truth, found.root, found.links)
        assert found.root is not None or found.notes, truth


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("policy", ["gce", "cis"])
def test_policies_of_the_wild_tell_it_all(scenario: str, policy: str) -> None:
    """Their levels differ from rule to rule, they leave out reads by components and stages, and still it is told."""
    for truth in truths(scenario):
        if truth["verb"] != "read":
            found = answer_to(scenario, policy, truth)
            assert found.root is not None, truth
            assert found.root.user == truth["root"], truth


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_recommended_policy_names_nobody_else_for_a_pod(scenario: str) -> None:
    """It drops what the Deployment controller changes: who scaled or undid is told by what people asked for."""
    for truth in truths(scenario):
        if truth["verb"] == "created" and truth["object"].startswith("pod/"):
            found = answer_to(scenario, "forensics", truth)
            assert found.root is None or found.root.user == truth["root"], truth


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_log_without_the_first_stage_tells_the_same(scenario: str) -> None:
    for level in ("Metadata", "RequestResponse"):
        short = log(scenario, level).only(lambda line: b'"stage":"RequestReceived"' not in line)
        for truth in truths(scenario):
            found = answer(short, truth["verb"], truth["object"], truth["ns"], truth["until"])
            whole = answer_to(scenario, level, truth)
            assert [(link.object, link.confidence) for link in found.links] == [
                (link.object, link.confidence) for link in whole.links
            ]
            assert (found.root and found.root.key) == (whole.root and whole.root.key)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_bodies_make_chains_certain(scenario: str) -> None:
    """What was created is certain with bodies; the chain ends at the root, and every step has a reason."""
    for truth in truths(scenario):
        if truth["verb"] != "created":
            continue
        found = answer_to(scenario, "RequestResponse", truth)
        # these have no ownerReferences: their names alone tell for what a controller made them
        ownerless = found.object.resource in {"secrets", "endpoints", "persistentvolumeclaims", "serviceaccounts"}
        assert found.confidence == ("inferred" if ownerless and len(found.links) > 1 else "certain"), truth
        assert found.links[-1].request == found.root
        assert all(link.why for link in found.links)
        assert str(found.links[0].object).endswith(truth["object"].partition("/")[2])


GIVEN = [
    ("created", "pod/my-suspicious-pod", "default", "foobar"),
    ("created", "deploy/web", "shop", "alice"),
    ("created", "sts/db", "shop", "system:serviceaccount:shop:deployer"),
    ("created", "pod/db-0", "shop", "system:serviceaccount:shop:deployer"),
    ("created", "cj/tick", "shop", "carol"),
    ("created", "pod/tick-29924178-kbrbx", "shop", "carol"),
    ("created", "pod/tick-29924179-sn4jb", "shop", "carol"),
    ("created", "job/once", "shop", "carol"),
    ("created", "pod/once-88tx7", "shop", "carol"),
    ("created", "pod/agent-q7wn5", "shop", "dave"),
    ("created", "pod/web-74d4766659-2xl27", "shop", "dave"),
    ("created", "pod/web-74d4766659-cphv5", "shop", "dave"),
    ("created", "secret/db-pass", "shop", "alice"),
    ("read", "secret/db-pass", "shop", "mallory"),
    ("created", "configmaps/conf", "shop", "bob"),
    ("changed", "cm/conf", "shop", "mallory"),
    ("changed", "deployments.apps/web", "shop", "dave"),
    ("deleted", "po/my-suspicious-pod", "default", "mallory"),
    ("created", "clusterrolebinding/evil", "", "kubernetes-admin"),
    ("created", "pod/tmp1", "lab", "kubernetes-admin"),
    ("deleted", "pod/tmp1", "lab", "kubernetes-admin2"),
    ("deleted", "ns/lab", "", "alice"),
    ("deleted", "pod/doomed", "lab", "alice"),
    ("deleted", "deploy/web", "shop", "mallory"),
    ("deleted", "rs/web-74d4766659", "shop", "mallory"),
    ("deleted", "pod/web-74d4766659-2xl27", "shop", "mallory"),
    ("deleted", "pod/web-7887448d46-mtt74", "shop", "dave"),
    ("created", "pod/kube-apiserver-cp1", "kube-system", "system:node:cp1"),
]


@cache
def given() -> Lines:
    with gzip.open(DATA / "logs" / "scenario-1.36.2-metadata" / "audit.log.gz") as stream:
        return in_memory(stream.read().splitlines())


@pytest.mark.parametrize(("verb", "target", "namespace", "root"), GIVEN)
def test_the_given_scenario_of_1_36_2_at_metadata(verb: str, target: str, namespace: str, root: str) -> None:
    found = answer(given(), verb, target, namespace)
    assert found.root is not None, found.notes
    assert found.root.user == root


@pytest.mark.parametrize("pod", ["7hl49", "gwxjj", "mj58g", "mtt74"])
def test_a_scale_before_the_replicaset_was_made_is_said_too(pod: str) -> None:
    """bob scaled before the controllers woke up: half of the Pods are his, the log cannot say which."""
    found = answer(given(), "created", f"pod/web-7887448d46-{pod}", "shop")
    assert found.root is not None
    assert found.root.user == "alice"
    assert any("bob" in note and "scaled" in note for note in found.notes)
    assert found.confidence == "inferred"
    assert [link.object.resource for link in found.links] == ["pods", "replicasets", "deployments"]


def test_what_was_forbidden_is_not_done() -> None:
    found = answer(given(), "exec", "pod/web-7887448d46-7hl49", "shop")
    assert found.confidence == "unknown"
    assert found.answer is None


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_nodes_tell_the_same(scenario: str) -> None:
    lines = Servers(log(scenario, "Metadata"), lambda audit_id: f"cp{1 + crc32(audit_id.encode()) % 2}")
    for truth in truths(scenario):
        if "Metadata" not in truth["unless"]:
            found = answer(lines, truth["verb"], truth["object"], truth["ns"], truth["until"])
            assert found.root is not None, truth
            assert found.root.user == truth["root"], truth


@pytest.fixture(scope="module")
def people_only() -> Lines:
    """What a policy leaves that drops the events of Kubernetes itself."""
    return log("controllers-1.20.2", "Metadata").only(
        lambda line: b'"user":{"username":"system:' not in line or b":deployer" in line
    )


def test_without_the_controllers_a_name_leads_to_the_deployment(people_only: Lines) -> None:
    found = answer(people_only, "created", "pod/web-6f4c8f45b6-rsb97", "shop")
    assert found.answer is None
    assert found.root is not None
    assert found.root.user == "alice"
    assert found.confidence == "inferred"
    assert any("bob" in note and "maybe before" in note for note in found.notes)
    assert "its own request is not in this log" in everything(found)


@pytest.mark.parametrize(
    ("target", "namespace", "root"),
    [
        ("pod/crew-65b5bb8dbf-ch55n", "bulk", "mallory"),
        ("pod/single", "doomed", "alice"),
        ("pod/solo1", "bulk", "heidi"),
    ],
)
def test_without_the_controllers_the_owners_end_explains_it(
    people_only: Lines, target: str, namespace: str, root: str
) -> None:
    found = answer(people_only, "deleted", target, namespace)
    assert found.root is not None
    assert found.root.user == root
    assert found.confidence == "inferred"


def test_one_pass_is_enough_for_a_deployments_pod() -> None:
    lines = log("controllers-1.20.2", "Metadata").only(bool)
    answer(lines, "created", "pod/web-6f4c8f45b6-rsb97", "shop")
    assert lines.passes == 1


def without(scenario: str, user: str) -> Lines:
    """A scenario's log with all bodies, as if what `user` sent had met another server, whose log is missing."""
    whole = recorded(scenario)
    gone = {e["auditID"].encode() for e in whole if (e.get("impersonatedUser") or {}).get("username") == user}
    return log(scenario, "RequestResponse").only(
        lambda line: line.split(b'"auditID":"')[1].split(b'"')[0] not in gone
    )


@pytest.mark.parametrize(
    ("user", "prefix"),
    [
        ("bob", "pod/b1-"),  # scaled a Deployment
        ("bob", "pod/my-db-1"),  # scaled a StatefulSet
        ("erin", "pod/calm-6f4c7d664d-"),  # resumed a Deployment
        ("erin", "pod/agent-"),  # restarted a DaemonSet
        ("grace", "pod/c1-"),  # scaled up what erin had scaled down
        ("mallory", "pod/again-"),  # made a Deployment again
        ("victor", "pod/orph-"),  # scaled one that had adopted a ReplicaSet
    ],
)
def test_a_change_that_another_servers_log_has_is_missed(user: str, prefix: str) -> None:
    """Generations and UIDs in the bodies show that something is missing: nobody else is surely behind it."""
    log = without("workloads-1.20.2", user)
    asked = [
        truth
        for truth in truths("workloads-1.20.2")
        if truth["verb"] == "created" and truth["root"] == user and truth["object"].startswith(prefix)
    ]
    assert asked
    for truth in asked:
        found = answer(log, truth["verb"], truth["object"], truth["ns"], truth["until"])
        assert found.confidence == "inferred"
        assert any("the log lacks" in note or "not in this log" in note for note in found.notes), found.notes
