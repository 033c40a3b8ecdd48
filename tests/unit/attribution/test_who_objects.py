"""Which object a request was about, whose that was, and whether the request took effect: each on a made-up log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

GARBAGE = f"{CONTROLLER}generic-garbage-collector"


def test_objects_of_one_name_in_two_groups_are_two(who: Asker) -> None:
    istio, gateway = {"group": "networking.istio.io"}, {"group": "gateway.networking.k8s.io"}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "gateways", "main", code=201, **istio),
        event("09:10:00.000000", "bob", "create", "gateways", "main", code=201, **gateway),
        event("09:20:00.000000", "carol", "delete", "gateways", "main", **istio),
        event("09:30:00.000000", "dave", "patch", "gateways", "main", **gateway),
        event("09:40:00.000000", "eve", "get", "gateways", "main", **gateway),
    )
    first, second = "gateways.networking.istio.io/main", "gateways.gateway.networking.k8s.io/main"
    assert who.json("created", first)["answer"]["user"] == "alice"
    assert [note for note in who.json("created", first)["notes"] if "gateway.networking" in note] == []
    assert who.json("deleted", first)["answer"]["user"] == "carol"
    assert who.json("changed", first)["answer"] is None
    assert who.json("read", first)["answer"] is None
    assert who.json("created", second)["answer"]["user"] == "bob"
    assert who.json("deleted", second)["answer"] is None
    assert who.json("changed", second)["answer"]["user"] == "dave"
    assert who.json("read", second)["answer"]["user"] == "eve"
    unsaid = who.json("created", "gateways/main")
    assert unsaid["question"]["group"] == "networking.istio.io"
    other = "this log has a gateways.gateway.networking.k8s.io/main too, which is another object"
    assert other in unsaid["notes"]


def test_a_custom_kind_that_is_named_like_one_of_kubernetes_is_not_that(who: Asker) -> None:
    calico, knative = {"group": "crd.projectcalico.org"}, {"group": "serving.knative.dev"}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "networkpolicies", "deny", code=201, group="networking.k8s.io"),
        event("09:01:00.000000", "bob", "create", "networkpolicies", "deny", code=201, **calico),
        event("09:02:00.000000", "bob", "delete", "networkpolicies", "deny", **calico),
        event("10:00:00.000000", "alice", "create", "services", "hello", code=201, **knative),
        event("10:00:01.000000", "system:serviceaccount:knative:controller", "create", "services", "hello", code=201),
        event("11:00:00.000000", "bob", "delete", "services", "hello", **knative),
        event("11:00:00.500000", GARBAGE, "delete", "services", "hello"),
        event("12:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("12:01:00.000000", "eve", "get", "pods", "p1", group="metrics.k8s.io"),
    )
    assert who.json("deleted", "netpol/deny")["answer"] is None
    assert who.json("created", "netpol/deny")["answer"]["user"] == "alice"
    assert who.json("created", "services.serving.knative.dev/hello")["answer"]["user"] == "alice"
    found = who.json("deleted", "svc/hello")
    assert found["answer"]["user"] == GARBAGE
    assert (found["root"]["user"], found["confidence"]) == ("bob", "inferred")
    # `kubectl top` shows the use of a Pod, not the Pod
    assert who.json("read", "pod/p1")["answer"] is None


@pytest.mark.parametrize("target", ["ing/web", "ingresses.extensions/web", "ingresses.networking.k8s.io/web"])
def test_one_object_that_two_groups_serve_is_one(who: Asker, target: str) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "ingresses", "web", code=201, group="extensions"),
        event("09:10:00.000000", "bob", "patch", "ingresses", "web", group="networking.k8s.io"),
        event("09:20:00.000000", "carol", "delete", "ingresses", "web", group="extensions"),
    )
    users = [who.json(verb, target)["answer"]["user"] for verb in ("created", "changed", "deleted")]
    assert users == ["alice", "bob", "carol"]


def test_a_group_that_only_requests_on_the_collection_tell_is_found(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", "deletecollection", "widgets", group="example.com"))
    found = who.json("deleted", "widgets/w1")
    assert found["answer"]["user"] == "mallory"
    assert found["question"]["group"] == "example.com"


def owned(*owners: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The create of a Secret whose logged body names its owners."""
    body = {"kind": "Secret", "metadata": {"name": "s", "namespace": "default", "ownerReferences": list(owners)}}
    user = "system:serviceaccount:ops:operator"
    made = event("08:00:00.000000", user, "create", "secrets", "s", code=201, level="Request")
    return {**made, "requestObject": body, **more}


def reference(kind: str, name: str, version: str = "v1", *, controller: bool = False) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": controller}


def removed(time: str, user: str, resource: str, name: str, **more: Any) -> dict[str, Any]:
    """A delete whose options are logged."""
    return event(
        time, user, "delete", resource, name, level="Request", requestObject={"kind": "DeleteOptions"}, **more
    )


COLLECTED = removed("11:00:00.100000", GARBAGE, "secrets", "s")
UNRELATED = removed("10:59:59.900000", "mallory", "services", "other")


def test_the_garbage_collector_waits_for_the_last_owner(who: Asker) -> None:
    both = owned(reference("Deployment", "a", "apps/v1", controller=True), reference("ConfigMap", "b"))
    early = removed("09:00:00.000000", "alice", "deployments", "a", group="apps")
    late = removed("11:00:00.000000", "bob", "configmaps", "b")
    write(who.path, both, early, late, UNRELATED, COLLECTED)
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")
    write(who.path, both, early, UNRELATED, COLLECTED)
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("alice", "inferred")
    assert "lacks the deletion of configmap default/b" in found["chain"][1]["why"]


def test_an_owner_that_controls_nothing_is_an_owner(who: Asker) -> None:
    write(
        who.path,
        owned(reference("ConfigMap", "b")),
        removed("10:59:40.000000", "bob", "configmaps", "b"),
        UNRELATED,
        COLLECTED,
    )
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")


def test_an_owner_that_a_patch_took_away_is_none_any_more(who: Asker) -> None:
    patch = {"metadata": {"ownerReferences": [{"$patch": "delete", "uid": "uid-b"}], "uid": "u"}}
    write(
        who.path,
        owned(reference("ConfigMap", "a"), reference("ConfigMap", "b")),
        event("09:00:00.000000", "alice", "patch", "secrets", "s", level="Request", requestObject=patch),
        removed("10:00:00.000000", "carol", "configmaps", "a"),
        removed("10:59:59.000000", "mallory", "configmaps", "b"),
        COLLECTED,
    )
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("carol", "certain")


@pytest.mark.parametrize(
    ("kind", "resource", "ns"),
    [("Policy", "policies", "default"), ("Gateway", "gateways", ""), ("Mesh", "meshes", "")],
)
def test_an_owner_of_a_custom_kind_is_found_however_its_plural_is_spelled(
    who: Asker, kind: str, resource: str, ns: str
) -> None:
    write(
        who.path,
        owned(reference(kind, "b", "example.com/v1", controller=True)),
        removed("10:59:40.000000", "bob", resource, "b", ns=ns, group="example.com"),
        UNRELATED,
        COLLECTED,
    )
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")
    assert found["chain"][1]["object"]["resource"] == resource


def test_an_owner_is_looked_up_in_its_own_group(who: Asker) -> None:
    write(
        who.path,
        owned(reference("Service", "b", "serving.knative.dev/v1", controller=True)),
        removed("10:59:40.000000", "mallory", "services", "b"),
        removed("10:59:50.000000", "bob", "services", "b", group="serving.knative.dev"),
        COLLECTED,
    )
    assert who.json("deleted", "secret/s")["root"]["user"] == "bob"


@pytest.mark.parametrize(
    "odd",
    [
        {"spec": {"replicas": {"min": 1}, "nodeName": ["a"], "scaleTargetRef": "x"}},
        {"spec": ["of", "another", "shape"], "target": "x", "regarding": 1, "dryRun": "client", "deleteOptions": 5},
        {"spec": None, "target": None, "involvedObject": None},
    ],
)
def test_a_custom_kind_may_spell_its_fields_as_it_likes(who: Asker, odd: dict[str, Any]) -> None:
    made = owned(reference("ConfigMap", "b"))
    write(
        who.path,
        {**made, "requestObject": {**made["requestObject"], **odd}},
        removed("10:59:40.000000", "bob", "configmaps", "b"),
        UNRELATED,
        COLLECTED,
    )
    found = who.json("deleted", "secret/s")
    assert (found["root"]["user"], found["confidence"]) == ("bob", "certain")


def test_an_eviction_that_is_a_dry_run_is_no_deed(who: Asker) -> None:
    """`kubectl drain --dry-run=server` says it in the eviction's own options."""
    body = {"kind": "Eviction", "metadata": {"name": "p1"}, "deleteOptions": {"dryRun": ["All"]}}
    more = {"sub": "eviction", "level": "Request", "code": 201}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("10:00:00.000000", "bob", "create", "pods", "p1", requestObject=body, **more),
    )
    found = who.json("deleted", "pod/p1")
    assert found["answer"] is None
    assert any(
        note.startswith("bob tried to evict pod default/p1") and "a dry run" in note for note in found["notes"]
    )
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("10:00:00.000000", "bob", "create", "pods", "p1", requestObject={"deleteOptions": {}}, **more),
    )
    found = who.json("deleted", "pod/p1")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")


MADE = event("08:00:00.000000", "alice", "create", "configmaps", "c", code=201)
UNSURE = event("09:00:00.000000", "bob", "delete", "configmaps", "c")
USED = event("10:00:00.000000", "carol", "patch", "configmaps", "c")


def test_a_delete_that_its_object_outlived_may_have_been_a_dry_run(who: Asker) -> None:
    write(who.path, MADE, UNSURE, USED)
    found = who.json("deleted", "cm/c")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "inferred")
    assert "carol still found it at 2026-11-23T10:00:00.000000Z" in found["chain"][0]["why"]
    assert "the deletion was a dry run" in found["chain"][0]["why"]


def test_the_delete_that_nobody_outlived_is_the_likely_one(who: Asker) -> None:
    write(who.path, MADE, UNSURE, USED, event("11:00:00.000000", "dave", "delete", "configmaps", "c"))
    found = who.json("deleted", "cm/c")
    assert (found["answer"]["user"], found["confidence"]) == ("dave", "inferred")
    assert any("bob deleted it at" in note and "carol still found it" in note for note in found["notes"])


@pytest.mark.parametrize(
    "after",
    [
        [event("09:30:00.000000", "erin", "create", "configmaps", "c", code=201), USED],
        [event("10:00:00.000000", "carol", "watch", "configmaps", "c")],  # a name can be watched without an object
        [event("10:00:00.000000", "carol", "get", "configmaps", "c", code=404)],
        [event("10:00:00.000000", GARBAGE, "patch", "configmaps", "c")],
    ],
)
def test_a_delete_is_certain_if_nothing_shows_that_its_object_lived_on(
    who: Asker, after: list[dict[str, Any]]
) -> None:
    write(who.path, MADE, UNSURE, *after)
    found = who.json("deleted", "cm/c")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")


def test_a_delete_whose_options_are_logged_is_certain_whatever_came_after(who: Asker) -> None:
    for options in ({"requestObject": {"kind": "DeleteOptions"}}, {}):
        write(who.path, MADE, {**UNSURE, "level": "Request", **options}, USED)
        found = who.json("deleted", "cm/c")
        assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")


def test_a_kubelets_last_delete_shows_that_the_one_before_was_no_dry_run(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("10:00:00.000000", "bob", "delete", "pods", "p1"),
        event("10:30:00.000000", "carol", "get", "pods", "p1"),
        event("11:00:00.000000", "system:node:n1", "delete", "pods", "p1"),
    )
    found = who.json("deleted", "pod/p1")
    assert (found["answer"]["user"], found["confidence"]) == ("bob", "certain")


def test_a_nodes_credentials_used_with_kubectl_are_not_its_kubelet(who: Asker) -> None:
    node, kubectl = "system:node:n1", {"userAgent": "kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b"}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("10:00:00.000000", node, "delete", "pods", "p1", **kubectl),
        event("10:00:30.000000", node, "delete", "pods", "p1"),
        event("11:00:00.000000", node, "create", "pods", "evil-n1", code=201, **kubectl),
        event("12:00:00.000000", node, "create", "pods", "static-n1", code=201),
    )
    found = who.json("deleted", "pod/p1")
    assert (found["answer"]["user"], found["answer"]["time"][11:19], found["confidence"]) == (
        node,
        "10:00:00",
        "certain",
    )
    assert who.json("created", "pod/evil-n1")["notes"] == []
    assert who.text("created", "pod/evil-n1").startswith("system:node:n1 created it")
    assert "nobody made it through the API" in who.json("created", "pod/static-n1")["notes"][0]


@pytest.mark.parametrize(
    "user", [f"{CONTROLLER}replicaset-controller", "system:kube-controller-manager", "system:kube-scheduler"]
)
def test_a_controllers_credentials_used_with_kubectl_are_not_the_controller(who: Asker, user: str) -> None:
    agent = "kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b"
    write(who.path, event("09:00:00.000000", user, "create", "pods", "p1", code=201, userAgent=agent))
    found = who.json("created", "pod/p1")
    assert (found["root"]["user"], found["confidence"]) == (user, "certain")
    write(who.path, event("09:00:00.000000", user, "create", "pods", "p1", code=201))
    assert who.json("created", "pod/p1")["root"] is None


@pytest.mark.parametrize("binary", ["kubelet", "k3s", "kubelite"])
def test_a_kubelet_is_known_in_whatever_binary_it_runs(who: Asker, binary: str) -> None:
    agent = f"{binary}/v1.30.0 (linux/amd64) kubernetes/7c48c2b"
    write(who.path, event("09:00:00.000000", "system:node:n1", "create", "pods", "s-n1", code=201, userAgent=agent))
    assert "nobody made it through the API" in who.json("created", "pod/s-n1")["notes"][0]


LAST = event("10:00:00.000000", "system:node:n1", "delete", "pods", "probe-n1")
REPORT = event("09:00:00.000000", "system:node:n1", "patch", "pods", "probe-n1", sub="status")


def test_a_pod_whose_name_ends_in_the_nodes_may_be_static(who: Asker) -> None:
    write(who.path, REPORT, LAST)
    found = who.json("deleted", "pod/probe-n1")
    assert found["confidence"] == "inferred"
    assert "may be a static Pod" in found["notes"][0]


@pytest.mark.parametrize(
    "proof",
    [
        event("08:00:00.000000", "system:node:n1", "create", "pods", "probe-n1", code=201),
        {
            **REPORT,
            "responseObject": {"metadata": {"name": "probe-n1", "annotations": {"kubernetes.io/config.mirror": "x"}}},
        },
    ],
)
def test_a_static_pod_is_known_by_its_create_or_its_annotation(who: Asker, proof: dict[str, Any]) -> None:
    write(who.path, proof, LAST)
    found = who.json("deleted", "pod/probe-n1")
    assert found["confidence"] == "certain"
    assert "is a static Pod" in found["notes"][0]


@pytest.mark.parametrize(
    ("path", "verb", "asked"),
    [
        ("run/default/p1/c?cmd=id", "create", "exec"),
        ("exec/default/p1/c?command=id", "get", "exec"),
        ("attach/default/p1/c", "create", "exec"),
        ("portForward/default/p1", "create", "exec"),
        ("containerLogs/default/p1/c?tailLines=5", "get", "read"),
    ],
)
def test_a_request_through_the_nodes_proxy_goes_into_the_pod(who: Asker, path: str, verb: str, asked: str) -> None:
    """The kubelet's own API does what a Pod's subresources do, and only the URI says to which Pod."""
    through = event("10:00:00.000000", "mallory", verb, "nodes", "n1", ns="", sub="proxy")
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        {**through, "requestURI": f"/api/v1/nodes/n1/proxy/{path}"},
        {**through, "auditID": "other", "requestURI": "/api/v1/nodes/n1/proxy/run/default/p10/c"},
        {**through, "auditID": "pods", "requestURI": "/api/v1/nodes/n1/proxy/pods"},
    )
    found = who.json(asked, "pod/p1")
    assert (found["answer"]["user"], found["confidence"]) == ("mallory", "certain")
    assert len(found["events"]) == 1
    assert who.json({"exec": "read", "read": "exec"}[asked], "pod/p1")["answer"] is None
    assert len(who.json("exec", "node/n1")["events"]) == 3


@pytest.mark.parametrize("length", [56, 57, 58])
def test_a_generated_name_that_was_cut_leads_to_its_owner(who: Asker, length: int) -> None:
    """The cut may fall on a dash: the name then looks as if a shorter owner had made the Pod."""
    deployment, apps = "d" * length, {"group": "apps", "code": 201}
    pod = f"{deployment}-7d4b9c6f58-"[:58] + "bcdfg"
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "deployments", deployment, **apps),
        event(
            "09:00:00.010000",
            f"{CONTROLLER}deployment-controller",
            "create",
            "replicasets",
            f"{deployment}-7d4b9c6f58",
            **apps,
        ),
        event("09:00:00.020000", f"{CONTROLLER}replicaset-controller", "create", "pods", code=201),
        event("09:00:00.030000", "system:kube-scheduler", "create", "pods", pod, sub="binding", code=201),
    )
    found = who.json("created", f"pod/{pod}")
    assert found["root"]["user"] == "alice"
    assert [link["object"]["resource"] for link in found["chain"]] == ["pods", "replicasets", "deployments"]


def test_a_request_that_timed_out_may_have_happened(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "alice", "delete", "pods", "p1", code=504))
    found = who.json("deleted", "pod/p1")
    assert found["answer"] is None
    assert any("alice" in note and "timed out (504), may have taken effect anyway" in note for note in found["notes"])
    found = who.json("deleted", "--user", "alice")
    assert found["answer"] is None
    assert "1 matching request timed out (504) and may have taken effect anyway" in found["notes"]


@pytest.mark.parametrize("name", ["w1", ""])
def test_a_request_that_was_passed_on_to_an_aggregated_server_is_one(who: Asker, tmp_path: Path, name: str) -> None:
    """Both servers log it, with one Audit-ID; kube-apiserver does not know the name in a create that it passes on."""
    more = {"group": "example.com", "code": 201, "auditID": "one"}
    uri = {"requestURI": "/apis/example.com/v1/namespaces/default/widgets"}
    write(who.path, {**event("10:00:00.000000", "alice", "create", "widgets", name, **more), **uri})
    passed = {**event("10:00:00.001000", "alice", "create", "widgets", "w1", **more), **uri}
    later = {**event("10:00:02.000000", "alice", "create", "widgets", "w2", **more), **uri}
    write(tmp_path / "aggregated" / "audit.log", passed, later)
    found = who.json("created", "widgets.example.com/w1", log=tmp_path)
    assert (found["answer"]["user"], found["notes"]) == ("alice", [])
    assert len(who.json("touched", "widgets.example.com/w1", log=tmp_path)["events"]) == 1
    assert len(who.json("created", "--user", "alice", log=tmp_path)["events"]) == 2


@pytest.mark.parametrize("name", ["web", "web:8080", "https:web:8443", "http:web:", ":web:1"])
@pytest.mark.parametrize(("resource", "ns"), [("pods", "default"), ("services", "default"), ("nodes", "")])
def test_a_proxy_is_asked_for_by_scheme_and_port(who: Asker, name: str, resource: str, ns: str) -> None:
    through = event("10:00:00.000000", "ruth", "get", resource, name, ns=ns, sub="proxy")
    failed = event("11:00:00.000000", "mallory", "get", resource, name, ns=ns, sub="proxy", code=503)
    write(who.path, *NOISE, through, failed, event("12:00:00.000000", "eve", "get", resource, "web2:80", ns=ns))
    found = who.json("exec", f"{resource}/web")
    assert (found["answer"]["user"], found["confidence"]) == ("ruth", "certain")
    assert any(note.startswith("mallory tried to send a request through the proxy to") for note in found["notes"])
    assert len(who.json("touched", f"{resource}/web")["events"]) == 1
    assert who.json("exec", f"{resource}/web", "--user", "ruth")["chain"][0]["object"]["name"] == "web"
