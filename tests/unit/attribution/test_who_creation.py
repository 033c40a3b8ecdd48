"""What happened before something was made is no cause of its end, on small made-up logs."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write

SPACES, SETS = f"{CONTROLLER}namespace-controller", f"{CONTROLLER}replicaset-controller"
DEPLOYER, NODES = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}node-controller"
GARBAGE, SCHEDULER = f"{CONTROLLER}generic-garbage-collector", "system:kube-scheduler"
Event = dict[str, Any]
POD = "zd-865966ddf4-h6dg5"


REMADE = [
    event("09:00:00.000000", "alice", "create", "namespaces", "default", ns="", code=201),
    event("09:59:00.000000", "erin", "delete", "namespaces", "default"),
    event("09:59:05.000000", SPACES, "deletecollection", "pods"),
    event("09:59:06.000000", SPACES, "update", "namespaces", "default", sub="finalize"),
    event("09:59:20.000000", "hal", "create", "namespaces", "default", ns="", code=201),
    event("09:59:21.000000", "ivan", "create", "deployments", "zd", code=201, group="apps"),
    event("09:59:21.010000", DEPLOYER, "create", "replicasets", "zd-865966ddf4", code=201, group="apps"),
]
BOUND = event("09:59:21.040000", SCHEDULER, "create", "pods", POD, code=201, sub="binding")


def root(found: Event) -> str | None:
    return found["root"] and str(found["root"]["user"])


@pytest.mark.parametrize("named", [True, False])
def test_a_namespace_that_was_deleted_before_a_pod_was_made_did_not_take_it(who: Asker, named: bool) -> None:
    """What the server named was there once: from its create, or its binding, on."""
    made = event("09:59:21.020000", SETS, "create", "pods", POD if named else "", code=201)
    write(who.path, *REMADE, made, BOUND)
    found = who.json("deleted", f"pod/{POD}")
    assert (found["answer"], root(found)) == (None, None)
    taint = event("10:00:00.000000", "trent", "patch", "nodes", "cp1", ns="")
    gone = event("10:00:02.000000", NODES, "delete", "pods", POD)
    write(who.path, *REMADE, made, BOUND, taint, gone)
    found = who.json("deleted", f"pod/{POD}")
    assert (root(found), found["answer"]["user"]) == ("trent", NODES)


def test_a_pod_that_was_bound_after_a_delete_is_another_one(who: Asker) -> None:
    """Of any name: what is going is not bound any more."""
    write(
        who.path,
        event("09:00:00.000000", "alice", "get", "pods", "db-0"),
        event("09:10:00.000000", "bob", "delete", "pods", "db-0"),
        event("09:10:02.000000", SCHEDULER, "create", "pods", "db-0", code=201, sub="binding"),
        event("09:20:00.000000", "carol", "delete", "pods", "db-0"),
    )
    found = who.json("deleted", "pod/db-0")
    assert (root(found), found["confidence"]) == ("carol", "certain")


def test_an_owner_that_was_gone_before_a_pod_was_made_was_not_its_own(who: Asker) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "cm", "uid": "u-cm", "controller": False}
    body = {"kind": "Pod", "metadata": {"name": "late", "ownerReferences": [owner]}}
    made = event("10:00:00.000000", "bob", "create", "pods", "late", code=201, level="Request", requestObject=body)
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "configmaps", "cm", code=201),
        event("09:30:00.000000", "carol", "delete", "configmaps", "cm"),
        made,
        event("10:00:00.100000", GARBAGE, "delete", "pods", "late"),
    )
    assert root(who.json("deleted", "pod/late")) != "carol"


def test_a_node_that_was_changed_before_a_pod_was_made_is_not_behind_its_end(who: Asker) -> None:
    """Which node it was on is not logged at Metadata."""
    write(
        who.path,
        event("10:00:00.000000", "sam", "patch", "nodes", "cp1", ns=""),
        event("10:00:30.000000", "alice", "create", "pods", "p", code=201),
        event("10:00:36.000000", NODES, "delete", "pods", "p"),
    )
    assert root(who.json("deleted", "pod/p")) is None


@pytest.mark.parametrize(("node", "cause"), [("phantom", None), ("cp1", "sam")])
def test_a_node_that_kubernetes_tainted_itself_is_nobodys(who: Asker, node: str, cause: str | None) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p", code=201),
        event("10:00:00.000000", "sam", "patch", "nodes", "cp1", ns=""),
        event("10:00:34.000000", NODES, "patch", "nodes", node, ns=""),
        event("10:00:36.000000", NODES, "delete", "pods", "p"),
    )
    assert root(who.json("deleted", "pod/p")) == cause


def test_a_pod_of_a_made_up_name_that_is_bound_after_a_delete_was_not_deleted(who: Asker) -> None:
    """kubectl asks for a dry run in the body, which is not logged: the Pod waits for a node all the same."""
    write(
        who.path,
        *REMADE,
        event("09:59:21.020000", SETS, "create", "pods", POD, code=201),
        event("09:59:23.000000", "leo", "delete", "pods", POD),
        event("09:59:40.000000", SCHEDULER, "create", "pods", POD, code=201, sub="binding"),
    )
    found = who.json("deleted", f"pod/{POD}")
    assert (root(found), found["confidence"]) == ("leo", "inferred")
    assert "the deletion was a dry run" in found["chain"][0]["why"]
    gone = event("10:10:00.000000", "carol", "delete", "pods", POD)
    write(who.path, *REMADE, event("09:59:21.030000", "leo", "delete", "pods", POD), BOUND, gone)
    assert root(who.json("deleted", f"pod/{POD}")) == "carol"


def test_who_made_the_custom_resource_behind_an_operators_object_is_said(who: Asker) -> None:
    owner = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w1", "uid": "u-1", "controller": True}
    operator = "system:serviceaccount:ops:widget-operator"
    body = {"kind": "Deployment", "metadata": {"name": "w1-srv", "ownerReferences": [owner]}}
    custom = {"group": "example.com"}
    made = event("10:00:00.000000", "alice", "create", "widgets", "w1", code=201, **custom)
    changed = event("10:01:00.000000", "bob", "patch", "widgets", "w1", **custom)
    srv = event("10:01:01.000000", operator, "create", "deployments", "w1-srv", code=201, group="apps")
    write(who.path, made, changed, srv | {"level": "Request", "requestObject": body})
    found = who.json("created", "deploy/w1-srv")
    assert found["root"]["user"] == operator
    (note,) = found["notes"][:1]
    assert "belongs to widget default/w1, which alice created at" in note
    assert "and bob changed it at" in note
    write(who.path, srv | {"level": "Request", "requestObject": body})
    assert "who created that is not in this log" in who.json("created", "deploy/w1-srv")["notes"][0]
