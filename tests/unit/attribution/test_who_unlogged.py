"""Who is behind it where the log lacks a part of the chain: changes of ReplicaSets, nodes of Pods, whole names."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

DEPLOYMENTS, SETS = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
STATEFULSETS, DAEMONSETS = f"{CONTROLLER}statefulset-controller", f"{CONTROLLER}daemon-set-controller"
NODES = f"{CONTROLLER}node-controller"
WEB = "web-7d4b9c6f58"
Event = dict[str, Any]
APPS: Event = {"group": "apps"}


def root(found: dict[str, Any]) -> str | None:
    return found["root"]["user"] if found["root"] else None


def said(found: dict[str, Any]) -> str:
    return " ".join([*found["notes"], *(link["why"] for link in found["chain"])])


def made(time: str, name: str, owner: str = SETS) -> list[Event]:
    """A Pod as preset `forensics` has it: a create without a name, and the binding."""
    minute, second = time.rsplit(":", 1)
    bound = f"{minute}:{float(second) + 0.01:09.6f}"
    return [
        event(time, owner, "create", "pods", code=201),
        event(bound, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201),
    ]


def deployed(replicas: str = WEB) -> list[Event]:
    """alice's Deployment, its ReplicaSet and a Pod."""
    return [
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
        event("09:00:00.030000", DEPLOYMENTS, "create", "replicasets", replicas, code=201, **APPS),
        *made("09:00:00.060000", f"{replicas}-zzzz2"),
    ]


@pytest.mark.parametrize(("verb", "sub"), [("patch", "scale"), ("update", ""), ("patch", "")])
def test_without_the_changes_of_replicasets_whoever_changed_the_deployment_is_named(
    who: Asker, verb: str, sub: str
) -> None:
    """Preset `forensics` drops what the Deployment controller changes, not what people do."""
    asked = event("10:00:00.000000", "bob", verb, "deployments", "web", sub=sub, **APPS)
    write(who.path, *deployed(), asked, *made("10:00:00.030000", f"{WEB}-bbbb2"))
    found = who.json("created", f"pod/{WEB}-bbbb2")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "the log has none of deployment-controller's changes of it" in said(found)
    assert "deployment default/web was created by alice" in said(found)
    assert root(who.json("created", f"pod/{WEB}-zzzz2")) == "alice"


def test_a_rollout_back_may_take_its_time_a_scale_does_not(who: Asker) -> None:
    """What makes a Pod minutes after a scale is not that scale: a Pod of the node's, say, had failed."""
    for sub, expected in (("", "bob"), ("scale", "alice")):
        asked = event("10:00:00.000000", "bob", "patch", "deployments", "web", sub=sub, **APPS)
        write(who.path, *deployed(), asked, *made("10:03:00.000000", f"{WEB}-bbbb2"))
        assert root(who.json("created", f"pod/{WEB}-bbbb2")) == expected


def test_with_the_changes_of_replicasets_they_tell(who: Asker) -> None:
    """The log holds them, and none for what bob did: that changed no size."""
    write(
        who.path,
        *deployed(),
        event("09:30:00.000000", "carol", "patch", "deployments", "web", sub="scale", **APPS),
        event("09:30:00.030000", DEPLOYMENTS, "update", "replicasets", WEB, **APPS),
        *made("09:30:00.060000", f"{WEB}-cccc2"),
        event("10:00:00.000000", "bob", "patch", "deployments", "web", **APPS),
        *made("10:00:10.000000", f"{WEB}-bbbb2"),
    )
    assert root(who.json("created", f"pod/{WEB}-cccc2")) == "carol"
    assert root(who.json("created", f"pod/{WEB}-bbbb2")) == "alice"


def test_with_the_reports_of_the_deployment_controller_its_changes_would_be_there(who: Asker) -> None:
    """bob only paused it: that changes no ReplicaSet, and the Pod took the place of one that had failed."""
    write(
        who.path,
        *deployed(),
        event("09:00:00.500000", DEPLOYMENTS, "update", "deployments", "web", sub="status", **APPS),
        event("10:00:00.000000", "bob", "patch", "deployments", "web", **APPS),
        *made("10:01:00.000000", f"{WEB}-bbbb2"),
    )
    assert root(who.json("created", f"pod/{WEB}-bbbb2")) == "alice"


def test_a_pod_that_took_anothers_place_is_nobodys_scale(who: Asker) -> None:
    write(
        who.path,
        *deployed(),
        event("10:00:00.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS),
        *made("10:00:00.030000", f"{WEB}-bbbb2"),
        event("10:00:08.000000", "eve", "delete", "pods", f"{WEB}-bbbb2"),
        *made("10:00:08.030000", f"{WEB}-cccc2"),
    )
    found = who.json("created", f"pod/{WEB}-cccc2")
    assert root(found) == "alice"
    assert "it took the place of pod default/web-7d4b9c6f58-bbbb2, which eve deleted" in said(found)


def test_a_replicaset_made_by_hand_is_no_deployments(who: Asker) -> None:
    write(
        who.path,
        *deployed(),
        event("09:10:00.000000", "gustav", "create", "replicasets", "web-5d4f8c7b9d", code=201, **APPS),
        event("10:00:00.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS),
        *made("10:00:00.030000", "web-5d4f8c7b9d-bbbb2"),
    )
    assert root(who.json("created", "pod/web-5d4f8c7b9d-bbbb2")) == "gustav"


def owner(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"u-{name}", "controller": True}]


def with_bodies(found: Event, answer: dict[str, Any], asked: dict[str, Any] | None = None) -> Event:
    return {**found, "level": "RequestResponse", "requestObject": asked or answer, "responseObject": answer}


def sized(found: Event, generation: int, replicas: int) -> Event:
    """A request on the ReplicaSet that left it at this size."""
    meta = {"name": WEB, "uid": f"u-{WEB}", "generation": generation, "ownerReferences": owner("Deployment", "web")}
    return with_bodies(found, {"kind": "ReplicaSet", "metadata": meta, "spec": {"replicas": replicas}})


def created_at(time: str, name: str) -> Event:
    meta = {"name": name, "generateName": f"{WEB}-", "ownerReferences": owner("ReplicaSet", WEB)}
    return with_bodies(event(time, SETS, "create", "pods", code=201), {"kind": "Pod", "metadata": meta})


def by_hand() -> list[Event]:
    """stella scales the ReplicaSet of alice's Deployment to three, and its controller sets it back to one."""
    deployment = {"kind": "Deployment", "metadata": {"name": "web", "generation": 1}, "spec": {"replicas": 1}}
    scale = {"kind": "Scale", "metadata": {"name": WEB}, "spec": {"replicas": 3}}
    return [
        with_bodies(event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS), deployment),
        sized(event("09:00:00.030000", DEPLOYMENTS, "create", "replicasets", WEB, code=201, **APPS), 1, 1),
        created_at("09:00:00.060000", f"{WEB}-zzzz2"),
        with_bodies(
            event("10:00:00.000000", "stella", "patch", "replicasets", WEB, sub="scale", **APPS),
            scale,
            {"spec": {"replicas": 3}},
        ),
        created_at("10:00:00.004000", f"{WEB}-bbbb2"),
        sized(event("10:00:00.006000", DEPLOYMENTS, "update", "replicasets", WEB, **APPS), 3, 1),
        created_at("10:00:00.010000", f"{WEB}-cccc2"),
        event("10:00:00.060000", SETS, "delete", "pods", f"{WEB}-cccc2"),
    ]


def bare(events: list[Event]) -> list[Event]:
    """The events at level Metadata, with the names that bindings tell."""
    found = []
    for one in events:
        name = one.get("responseObject", {}).get("metadata", {}).get("name", "")
        found.append(
            {k: v for k, v in one.items() if k not in {"requestObject", "responseObject"}} | {"level": "Metadata"}
        )
        if one["objectRef"]["resource"] == "pods" and one["verb"] == "create":
            second = float(one["requestReceivedTimestamp"][17:-1]) + 0.001
            time = f"{one['requestReceivedTimestamp'][11:17]}{second:09.6f}"
            found.append(event(time, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201))
    return found


@pytest.mark.parametrize(("spelled", "confidence"), [(list, "certain"), (bare, "inferred")])
def test_a_replicaset_scaled_by_hand_and_set_back_is_whoever_scaled_it(
    who: Asker, spelled: Any, confidence: str
) -> None:
    """Its controller ends the batch that it has begun; an update to fewer makes no Pod."""
    write(who.path, *spelled(by_hand()))
    for name in (f"{WEB}-bbbb2", f"{WEB}-cccc2"):
        found = who.json("created", f"pod/{name}")
        assert (root(found), found["confidence"]) == ("stella", confidence)
    found = who.json("deleted", f"pod/{WEB}-cccc2")
    assert (root(found), found["confidence"]) == ("stella", "inferred")
    assert "0.006 s after stella had changed it" in said(found)
    assert root(who.json("created", f"pod/{WEB}-zzzz2")) == "alice"


def test_a_pod_long_after_the_size_was_set_back_is_not_of_the_scale(who: Asker) -> None:
    write(who.path, *by_hand(), created_at("10:00:05.000000", f"{WEB}-dddd2"))
    assert root(who.json("created", f"pod/{WEB}-dddd2")) == "alice"


def set_of(found: Event, generation: int, replicas: int = 3) -> Event:
    meta = {"name": "db", "uid": "u-db", "generation": generation}
    status = {"observedGeneration": generation}
    return with_bodies(
        found, {"kind": "StatefulSet", "metadata": meta, "spec": {"replicas": replicas}, "status": status}
    )


def scale_of(time: str, user: str, replicas: int) -> Event:
    answer = {"kind": "Scale", "metadata": {"name": "db"}, "spec": {"replicas": replicas}}
    found = event(time, user, "patch", "statefulsets", "db", sub="scale", **APPS)
    return with_bodies(found, answer, {"spec": {"replicas": replicas}})


def report(time: str, generation: int) -> Event:
    found = event(time, STATEFULSETS, "update", "statefulsets", "db", sub="status", **APPS)
    return set_of(found, generation)


def test_a_generation_beyond_the_last_known_change_shows_one_that_is_not_logged(who: Asker) -> None:
    """Each server writes its own log: somebody's restart met the other one."""
    meta = {"name": "db-2", "ownerReferences": owner("StatefulSet", "db")}
    pod = with_bodies(
        event("10:00:10.000000", STATEFULSETS, "create", "pods", "db-2", code=201), {"kind": "Pod", "metadata": meta}
    )
    begun = [report("09:00:00.000000", 3), scale_of("10:00:00.000000", "ivan", 3), report("10:00:00.010000", 4)]
    write(who.path, *begun, report("10:00:06.000000", 4), pod)
    assert who.json("created", "pod/db-2")["confidence"] == "certain"
    write(who.path, *begun, report("10:00:06.000000", 5), pod)
    found = who.json("created", "pod/db-2")
    assert (root(found), found["confidence"]) == ("ivan", "inferred")
    assert "the log lacks a change of statefulset default/db" in said(found)


def test_a_scale_to_the_same_size_counts_if_somebody_else_asked_for_another(who: Asker) -> None:
    """ivan scales to three, somebody whom another log has to one, irma to three again."""
    meta = {"name": "db-2", "ownerReferences": owner("StatefulSet", "db")}
    pod = with_bodies(
        event("10:00:10.000000", STATEFULSETS, "create", "pods", "db-2", code=201), {"kind": "Pod", "metadata": meta}
    )
    write(
        who.path,
        report("08:00:00.000000", 1),
        scale_of("09:00:00.000000", "ivan", 3),
        report("09:00:00.010000", 2),
        report("09:30:00.000000", 3),
        scale_of("10:00:00.000000", "irma", 3),
        report("10:00:00.010000", 4),
        pod,
    )
    assert root(who.json("created", "pod/db-2")) == "irma"


GONE = event("10:00:01.000000", NODES, "delete", "pods", "tn")


def test_a_taint_is_a_candidate_where_the_log_does_not_tell_the_node(who: Asker) -> None:
    taint = event("10:00:00.000000", "nick", "patch", "nodes", "cp1", ns="")
    write(who.path, *NOISE, event("09:00:00.000000", "alice", "create", "pods", "tn", code=201), taint, GONE)
    found = who.json("deleted", "pod/tn")
    assert (root(found), found["confidence"]) == ("nick", "inferred")
    assert "which node pod default/tn was on is not in the log" in said(found)


def test_nobody_is_cleared_of_a_taint_where_the_log_does_not_tell_the_node(who: Asker) -> None:
    elsewhere = [event(f"09:5{n}:00.000000", f"nick{n}", "patch", "nodes", f"n{n}", ns="") for n in (5, 6)]
    write(who.path, *NOISE, event("09:00:00.000000", "alice", "create", "pods", "tn", code=201), GONE)
    found = who.json("deleted", "pod/tn")
    assert root(found) is None
    assert "which node pod default/tn was on is not in this log" in said(found)
    assert "nobody" not in said(found)
    write(who.path, *NOISE, *elsewhere, GONE)
    found = who.json("deleted", "pod/tn")
    assert root(found) is None
    assert "nick5 changed node n5 before that" in said(found)


def daemon(time: str, name: str, node: str) -> Event:
    """A DaemonSet's Pod, which its controller pins to a node."""
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    required = {"nodeSelectorTerms": [{"matchFields": fields}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    meta = {"name": name, "generateName": "agn-", "ownerReferences": owner("DaemonSet", "agn")}
    body = {"kind": "Pod", "metadata": meta, "spec": {"affinity": affinity}}
    return with_bodies(event(time, DAEMONSETS, "create", "pods", code=201), body)


def test_a_daemonsets_pod_goes_with_its_node(who: Asker) -> None:
    """Long after, and never bound: its affinity tells which node it was for."""
    created = event("09:00:00.000000", "kate", "create", "daemonsets", "agn", code=201, **APPS)
    pods = [daemon("09:00:01.000000", "agn-bbbb2", "n1"), daemon("09:00:02.000000", "agn-cccc2", "n2")]
    ends = [event("10:00:30.000000", DAEMONSETS, "delete", "pods", f"agn-{five}") for five in ("bbbb2", "cccc2")]
    gone = event("10:00:00.000000", "wes", "delete", "nodes", "n2", ns="")
    write(who.path, created, *pods, gone, *ends)
    found = who.json("deleted", "pod/agn-cccc2")
    assert (root(found), found["confidence"]) == ("wes", "inferred")
    assert "wes deleted the node of pod default/agn-cccc2" in said(found)
    assert root(who.json("deleted", "pod/agn-bbbb2")) != "wes"
    # changed since, and so replaced on all nodes
    change = event("10:00:20.000000", "luke", "patch", "daemonsets", "agn", **APPS)
    write(who.path, created, *pods, gone, change, *ends)
    assert root(who.json("deleted", "pod/agn-cccc2")) == "luke"


def test_of_two_owners_whose_names_are_cut_alike_the_last_that_changed_is_named(who: Asker) -> None:
    begin = "a-deployment-with-such-a-long-name-that-its-pods-are-cut-off"[:58]
    one, two = f"{begin}-one", f"{begin}-two"
    pods = [f"{begin}bbbb2", f"{begin}cccc2"]
    write(
        who.path,
        event("10:00:00.000000", "lena", "create", "deployments", one, code=201, **APPS),
        event("10:00:00.010000", DEPLOYMENTS, "create", "replicasets", f"{one}-dd4498d4d", code=201, **APPS),
        *made("10:00:00.020000", pods[0]),
        event("10:00:00.200000", "luis", "create", "deployments", two, code=201, **APPS),
        event("10:00:00.210000", DEPLOYMENTS, "create", "replicasets", f"{two}-8b4ff8cc8", code=201, **APPS),
        *made("10:00:00.220000", pods[1]),
    )
    assert root(who.json("created", f"pod/{pods[0]}")) == "lena"
    found = who.json("created", f"pod/{pods[1]}")
    assert (root(found), found["confidence"]) == ("luis", "inferred")
    assert "1 more have this prefix" in said(found)


def test_a_deployment_that_is_gone_has_left_its_replicaset_to_others(who: Asker) -> None:
    """Deleted with `--cascade=orphan`, then adopted by another one, of which preset `forensics` has nothing."""
    write(
        who.path,
        *deployed(),
        event("09:00:05.000000", "peggy", "delete", "deployments", "web", **APPS),
        event("09:00:08.000000", "oscar", "create", "deployments", "adopt", code=201, **APPS),
        event("09:00:12.000000", "victor", "patch", "deployments", "adopt", sub="scale", **APPS),
        *made("09:00:12.030000", f"{WEB}-bbbb2"),
    )
    found = who.json("created", f"pod/{WEB}-bbbb2")
    assert (root(found), found["confidence"]) == ("victor", "inferred")
    assert "peggy deleted deployment default/web" in said(found)


def test_where_several_autoscalers_can_have_scaled_all_of_them_are_said(who: Asker) -> None:
    scalers = {"group": "autoscaling"}
    write(
        who.path,
        *deployed(),
        event("09:01:00.000000", "carol", "create", "horizontalpodautoscalers", "one", code=201, **scalers),
        event("09:02:00.000000", "judy", "create", "horizontalpodautoscalers", "two", code=201, **scalers),
        event(
            "10:00:00.000000",
            f"{CONTROLLER}horizontal-pod-autoscaler",
            "update",
            "deployments",
            "web",
            sub="scale",
            **APPS,
        ),
        *made("10:00:00.030000", f"{WEB}-bbbb2"),
    )
    found = who.json("created", f"pod/{WEB}-bbbb2")
    assert root(found) is None
    for user, name in (("carol", "one"), ("judy", "two")):
        assert f"{user} created horizontalpodautoscaler default/{name} before that" in said(found)


def rolled_out(user: str, time: str, grown: str, shrunk: str) -> list[Event]:
    """What `user` changed, and what the Deployment controller did for that: as a level of Metadata has it."""
    minute = time.rpartition(":")[0]
    asked = event(time, user, "patch", "deployments", "web", **APPS)
    verb = "create" if grown == "web-5f6f7f8f9f" else "update"
    return [
        *([asked] if user else []),
        event(f"{minute}:00.030000", DEPLOYMENTS, verb, "replicasets", grown, **APPS),
        *made(f"{minute}:00.060000", f"{grown}-bbbb2"),
        event(f"{minute}:00.200000", DEPLOYMENTS, "update", "replicasets", shrunk, **APPS),
        event(f"{minute}:00.250000", SETS, "delete", "pods", f"{shrunk}-{'zzzz2' if shrunk == WEB else 'bbbb2'}"),
    ]


@pytest.mark.parametrize("user", ["carol", ""])
def test_a_rollout_back_that_is_not_logged_is_nobodys(who: Asker, user: str) -> None:
    """The policy drops who rolled back: whoever rolled out before that did not do it."""
    new = "web-5f6f7f8f9f"
    write(
        who.path,
        *deployed(),
        *rolled_out("bob", "10:00:00.000000", new, WEB),
        *rolled_out(user, "10:05:00.000000", WEB, new),
    )
    for verb, pod in (("created", f"{WEB}-bbbb2"), ("deleted", f"{new}-bbbb2")):
        found = who.json(verb, f"pod/{pod}")
        assert root(found) == (user or None), verb
        if not user:
            assert "not in this log, so its author is not known" in said(found), verb
    assert root(who.json("created", f"pod/{new}-bbbb2")) == "bob"


def test_a_scale_whose_consequence_another_server_logged_is_the_cause(who: Asker) -> None:
    grown = event("09:30:00.000000", DEPLOYMENTS, "update", "replicasets", WEB, **APPS)
    asked = event("10:00:00.000000", "bob", "patch", "deployments", "web", sub="scale", **APPS)
    write(who.path, *deployed(), grown, asked, *made("10:00:00.050000", f"{WEB}-bbbb2"))
    found = who.json("created", f"pod/{WEB}-bbbb2")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "lacks deployment-controller's change" in said(found)


def test_a_stateful_sets_pod_beyond_its_known_size_is_for_another_change(who: Asker) -> None:
    body = {"kind": "StatefulSet", "metadata": {"name": "db", "uid": "u-1"}, "spec": {"replicas": 1}}
    owner = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-1", "controller": True}]

    def pod(time: str, number: int) -> Event:
        told = {"kind": "Pod", "metadata": {"name": f"db-{number}", "uid": f"p-{number}", "ownerReferences": owner}}
        logged: Event = {"level": "Request", "requestObject": told}
        return event(time, STATEFULSETS, "create", "pods", f"db-{number}", code=201, **logged)

    logged: Event = {"level": "RequestResponse", "requestObject": body, "responseObject": body}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "statefulsets", "db", code=201, **APPS, **logged),
        pod("09:00:00.100000", 0),
        pod("10:00:00.000000", 1),
        event("10:00:00.100000", "bob", "patch", "statefulsets", "other", sub="scale", **APPS),
    )
    assert who.json("created", "pod/db-0")["confidence"] == "certain"
    found = who.json("created", "pod/db-1")
    assert found["confidence"] == "inferred"
    assert "another change of it is not in this log" in who.text("created", "pod/db-1").splitlines()[0]


def test_an_object_that_is_changed_after_its_deletion_may_be_another_one(who: Asker) -> None:
    """A ConfigMap is gone at once: what changed it seconds later met one that somebody else made."""
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "configmaps", "c", code=201),
        event("09:10:00.000000", "bob", "delete", "configmaps", "c"),
        event("09:10:08.000000", "carol", "patch", "configmaps", "c"),
    )
    found = who.json("created", "configmap/c")
    assert (root(found), found["confidence"]) == ("alice", "inferred")
    assert "carol still found it" in said(found)


def test_a_replicaset_from_before_the_log_is_not_of_the_change_that_made_another_one(who: Asker) -> None:
    """The log begins with a rollout: what was there already was not made for that."""
    new = "web-5f6f7f8f9f"
    write(who.path, *rolled_out("bob", "10:00:00.000000", new, WEB))
    assert root(who.json("created", f"rs/{new}")) == "bob"
    found = who.json("created", f"rs/{WEB}")
    assert root(found) is None
    assert "not in this log, so its author is not known" in said(found)
