"""Whose change a controller followed, where several come into question: each on a small made-up log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write

APPS = {"group": "apps"}
DEPLOYER, SETS = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
STATEFUL, DAEMONS = f"{CONTROLLER}statefulset-controller", f"{CONTROLLER}daemon-set-controller"
FLUX = "system:serviceaccount:flux-system:kustomize-controller"
KINDS = {
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
}
Event = dict[str, Any]


def at(hour: int, seconds: float) -> str:
    """A time so many seconds after an hour."""
    minutes, rest = divmod(seconds, 60)
    return f"{hour:02}:{int(minutes):02}:{rest:09.6f}"


def bodies(found: Event, request: Any, response: Any = None) -> Event:
    """The event at level Request, or RequestResponse if the answer is given, too."""
    more = {"level": "Request", "requestObject": request}
    return {**found, **more, **({"level": "RequestResponse", "responseObject": response} if response else {})}


def owned_by(resource: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": KINDS[resource], "name": name, "uid": f"u-{name}", "controller": True}]


def thing(resource: str, name: str, generation: int, image: str = "a", replicas: int = 3, **meta: Any) -> Event:
    """An owner of Pods, as an answer holds it."""
    return {
        "kind": KINDS[resource],
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "uid": f"u-{name}", "generation": generation, **meta},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}},
    }


def whole(resource: str, name: str, **meta: Any) -> Event:
    """The body of a PUT or a server-side apply, which says everything."""
    return {"kind": KINDS[resource], "apiVersion": "apps/v1", "metadata": {"name": name, **meta}, "spec": {"x": 1}}


def made(time: str, user: str, resource: str, name: str, *, answer: bool = True, **more: Any) -> Event:
    body = thing(resource, name, 1, **more)
    request = {**body, "metadata": {"name": name, **more}}
    created = event(time, user, "create", resource, name, code=201, **APPS)
    return bodies(created, request, body if answer else None)


def pod(
    time: str, owner: str, resource: str, name: str, *, code: int = 201, answer: bool = True, **meta: Any
) -> Event:
    """A Pod made by the controller of `owner`; StatefulSets name theirs, the server names those of the others."""
    user = {"replicasets": SETS, "statefulsets": STATEFUL, "daemonsets": DAEMONS}[resource]
    ordinal = resource == "statefulsets"
    common = {"ownerReferences": owned_by(resource, owner), **meta}
    asked: Event = {
        "kind": "Pod",
        "metadata": {"name" if ordinal else "generateName": name if ordinal else f"{owner}-"},
    }
    asked["metadata"] |= common
    told: Event = {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}-{time}", **common}}
    if code >= 400:
        told = {"kind": "Status", "status": "Failure", "code": code}
    found = event(time, user, "create", "pods", name if ordinal else "", code=code)
    return bodies(found, asked, told if answer else None)


def report(time: str, user: str, resource: str, name: str, generation: int, *, answer: bool = True) -> Event:
    body = {**thing(resource, name, generation), "status": {"observedGeneration": generation}}
    return bodies(event(time, user, "update", resource, name, sub="status", **APPS), body, body if answer else None)


def applied(
    time: str, user: str, resource: str, name: str, answer: Event | None = None, verb: str = "patch"
) -> Event:
    found = event(time, user, verb, resource, name, query="?fieldManager=flux&force=true", **APPS)
    return bodies(found, whole(resource, name), answer)


def root(found: dict[str, Any]) -> str | None:
    return found["root"] and str(found["root"]["user"])


def said(found: dict[str, Any]) -> str:
    return " ".join([*found["notes"], *(link["why"] for link in found["chain"])])


@pytest.mark.parametrize("verb", ["patch", "update"])
def test_a_write_that_left_the_generation_is_no_cause(who: Asker, verb: str) -> None:
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db"),
        pod("10:00:00.050000", "db", "statefulsets", "db-0"),
        applied("10:00:30.000000", FLUX, "statefulsets", "db", thing("statefulsets", "db", 1), verb),
        pod("10:00:45.000000", "db", "statefulsets", "db-1"),
    )
    found = who.json("created", "pod/db-1")
    assert (root(found), found["confidence"]) == ("alice", "certain")


def rollout(answer: Event) -> list[Event]:
    """bob changes an image; in the middle of the rollout somebody's apply is answered with `answer`."""
    new, owner = "web-6f5b8d9c47", {"ownerReferences": owned_by("deployments", "web")}
    wider = event("10:00:40.000000", DEPLOYER, "update", "replicasets", new, **APPS)
    second = thing("replicasets", new, 2, replicas=2, **owner)
    return [
        made("09:00:00.000000", "alice", "deployments", "web"),
        bodies(
            event("10:00:00.000000", "bob", "patch", "deployments", "web", **APPS),
            {"spec": {"template": {}}},
            thing("deployments", "web", 2, "b"),
        ),
        made("10:00:00.030000", DEPLOYER, "replicasets", new, replicas=1, **owner),
        pod("10:00:00.060000", new, "replicasets", f"{new}-bbbb2"),
        applied("10:00:30.000000", FLUX, "deployments", "web", answer),
        bodies(wider, second, second),
        pod("10:00:40.030000", new, "replicasets", f"{new}-cccc2"),
    ]


@pytest.mark.parametrize(
    "answer",
    [thing("deployments", "web", 2, "b"), thing("deployments", "web", 3, "b", annotations={"a": "b"})],
    ids=["nothing", "annotations"],
)
def test_an_apply_in_the_middle_of_a_rollout_is_no_cause(who: Asker, answer: Event) -> None:
    write(who.path, *rollout(answer))
    found = who.json("created", "pod/web-6f5b8d9c47-cccc2")
    assert (root(found), found["confidence"]) == ("bob", "certain")


def test_a_write_that_left_all_as_it_was_is_no_change(who: Asker) -> None:
    write(who.path, *rollout(thing("deployments", "web", 2, "b")))
    found = who.json("changed", "deploy/web")
    assert found["answer"]["user"] == "bob"
    assert f"1 request changed nothing, the latest by {FLUX}" in said(found)
    write(who.path, *rollout(thing("deployments", "web", 2, "b", labels={"a": "b"})))
    assert who.json("changed", "deploy/web")["answer"]["user"] == FLUX


@pytest.mark.parametrize("verb", ["patch", "update"])
def test_without_an_answer_a_whole_object_may_have_changed_nothing(who: Asker, verb: str) -> None:
    begun = [
        made("10:00:00.000000", "alice", "statefulsets", "db", answer=False),
        pod("10:00:00.050000", "db", "statefulsets", "db-0", answer=False),
        report("10:00:00.100000", STATEFUL, "statefulsets", "db", 1, answer=False),
        applied("10:00:30.000000", "bob", "statefulsets", "db", verb=verb),
        pod("10:00:30.050000", "db", "statefulsets", "db-1", answer=False),
    ]
    write(who.path, *begun)
    found = who.json("created", "pod/db-1")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "whether that changed anything is not in the log" in said(found)
    # the controller's next report tells
    for generation, user in ((1, "alice"), (2, "bob")):
        write(who.path, *begun, report("10:00:30.060000", STATEFUL, "statefulsets", "db", generation, answer=False))
        found = who.json("created", "pod/db-1")
        assert (root(found), found["confidence"]) == (user, "certain")
        assert "lacks a change" not in said(found)


def test_a_put_that_carries_the_generation_before_is_counted(who: Asker) -> None:
    """Its sender knew generation 1: it made 2 of it, and the log lacks nothing."""
    put = event("10:01:00.000000", "bob", "update", "statefulsets", "db", **APPS)
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db", answer=False),
        report("10:00:00.100000", STATEFUL, "statefulsets", "db", 1, answer=False),
        bodies(put, thing("statefulsets", "db", 1)),
        report("10:01:00.040000", STATEFUL, "statefulsets", "db", 2, answer=False),
        pod("10:01:00.050000", "db", "statefulsets", "db-2", answer=False),
    )
    found = who.json("created", "pod/db-2")
    assert (root(found), found["confidence"]) == ("bob", "certain")


def test_a_generation_that_jumps_shows_that_a_change_is_missing(who: Asker) -> None:
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db"),
        applied("10:01:00.000000", "bob", "statefulsets", "db", thing("statefulsets", "db", 3, "b")),
        pod("10:01:00.050000", "db", "statefulsets", "db-3"),
    )
    found = who.json("created", "pod/db-3")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "the log lacks a change" in said(found)


def test_a_scale_to_the_same_size_is_no_cause(who: Asker) -> None:
    scale = event("10:00:10.000000", "bob", "patch", "statefulsets", "db", sub="scale", **APPS)
    write(
        who.path,
        made("10:00:00.000000", "alice", "statefulsets", "db", replicas=3),
        bodies(
            scale, {"spec": {"replicas": 3}}, {"kind": "Scale", "metadata": {"name": "db"}, "spec": {"replicas": 3}}
        ),
        pod("10:00:20.000000", "db", "statefulsets", "db-2"),
    )
    found = who.json("created", "pod/db-2")
    assert (root(found), found["confidence"]) == ("alice", "certain")


WEB = "web-7d4b9c6f58"


def resized(time: str, generation: int, replicas: int, user: str = DEPLOYER) -> Event:
    body = thing("replicasets", WEB, generation, replicas=replicas, ownerReferences=owned_by("deployments", "web"))
    return bodies(event(time, user, "update", "replicasets", WEB, **APPS), body, body)


def scaled(time: str, user: str, replicas: int, resource: str = "deployments", name: str = "web") -> Event:
    asked = {"spec": {"replicas": replicas}}
    answer = {"kind": "Scale", "metadata": {"name": name}, **asked}
    return bodies(event(time, user, "patch", resource, name, sub="scale", **APPS), asked, answer)


def begun(replicas: int = 1) -> list[Event]:
    """alice's Deployment, and its Pods."""
    owner = {"ownerReferences": owned_by("deployments", "web")}
    pods = [pod(at(9, 0.06), WEB, "replicasets", f"{WEB}-zzzz{n}") for n in "bcdfghj"[:replicas]]
    return [
        made(at(9, 0), "alice", "deployments", "web", replicas=replicas),
        made(at(9, 0.03), DEPLOYER, "replicasets", WEB, replicas=replicas, **owner),
        *pods,
    ]


def deleted(time: str, user: str, name: str, **meta: Any) -> Event:
    answer = {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}", **meta}}
    return bodies(event(time, user, "delete", "pods", name), {"kind": "DeleteOptions"}, answer)


def test_the_last_pods_of_a_large_scale_belong_to_it(who: Asker) -> None:
    """The controller makes 20 a second: a thousand take a minute."""
    names = [f"{WEB}-b{a}{b}bb" for a in "bcdfghjk" for b in "bcdfghjk"]
    grown = [scaled(at(10, 0), "bob", 1 + len(names)), resized(at(10, 0.03), 2, 1 + len(names))]
    created = [pod(at(10, 0.1 + n), WEB, "replicasets", name) for n, name in enumerate(names)]
    write(who.path, *begun(), *grown, *created)
    found = who.json("created", f"pod/{names[-1]}")
    assert (root(found), found["confidence"]) == ("bob", "certain")
    # with one of the others gone on the way, it may have taken its place
    write(who.path, *begun(), *grown, *created[:-1], deleted(at(10, 60), "eve", names[0]), created[-1])
    found = who.json("created", f"pod/{names[-1]}")
    assert (root(found), found["confidence"]) == ("bob", "inferred")
    assert "may have taken the place" in said(found)


def test_a_pod_that_a_quota_held_up_belongs_to_the_scale(who: Asker) -> None:
    write(
        who.path,
        *begun(),
        scaled(at(10, 0), "bob", 3),
        resized(at(10, 0.03), 2, 3),
        pod(at(10, 0.06), WEB, "replicasets", "", code=403),
        pod(at(10, 10), WEB, "replicasets", "", code=403),
        pod(at(10, 100), WEB, "replicasets", f"{WEB}-bbbb2"),
    )
    found = who.json("created", f"pod/{WEB}-bbbb2")
    assert (root(found), found["confidence"]) == ("bob", "certain")


def test_a_pod_that_no_resize_was_short_of_is_not_surely_the_creators(who: Asker) -> None:
    """bob's Pod was made at once: the second took the place of one that failed, whose end no request tells."""
    write(
        who.path,
        *begun(),
        scaled(at(10, 0), "bob", 2),
        resized(at(10, 0.03), 2, 2),
        pod(at(10, 0.06), WEB, "replicasets", f"{WEB}-bbbb2"),
        pod(at(10, 5), WEB, "replicasets", f"{WEB}-cccc2"),
    )
    assert root(who.json("created", f"pod/{WEB}-bbbb2")) == "bob"
    found = who.json("created", f"pod/{WEB}-cccc2")
    assert (root(found), found["confidence"]) == ("alice", "inferred")
    assert f"{DEPLOYER} changed the size of replicaset default/{WEB}" in said(found)


def daemons(generation: int = 1) -> list[Event]:
    created = [made(at(9, 0), "alice", "daemonsets", "cni"), pod(at(9, 0.05), "cni", "daemonsets", "cni-bbbb2")]
    change = bodies(
        event(at(10, 0), "bob", "patch", "daemonsets", "cni", **APPS),
        {"spec": {"template": {}}},
        thing("daemonsets", "cni", 2, "b"),
    )
    return [*created, change] if generation > 1 else created


def test_the_last_pods_of_a_daemonset_that_went_to_many_nodes_belong_to_that(who: Asker) -> None:
    names = [f"cni-b{a}{b}bb" for a in "bcdfghjk" for b in "bcdfghjk"]
    late = pod(at(11, 0), "cni", "daemonsets", "cni-late2")
    created = [pod(at(10, 0.1 + n), "cni", "daemonsets", name) for n, name in enumerate(names)]
    write(who.path, *daemons(2), *created, late)
    found = who.json("created", f"pod/{names[-1]}")
    assert (root(found), found["confidence"]) == ("bob", "certain")
    # a node joined: it is the DaemonSet's maker's, or that of whoever changed which nodes are meant
    found = who.json("created", "pod/cni-late2")
    assert (root(found), found["confidence"]) == ("alice", "inferred")
    assert "bob changed daemonset default/cni" in said(found)


def test_a_daemonsets_rollout_waits_for_the_grace_of_its_pods(who: Asker) -> None:
    write(
        who.path,
        *daemons(2),
        deleted(at(10, 0.1), DAEMONS, "cni-bbbb2"),
        deleted(at(10, 300), "system:node:n1", "cni-bbbb2"),
        pod(at(10, 300.2), "cni", "daemonsets", "cni-cccc2"),
    )
    for verb, name in (("created", "cni-cccc2"), ("deleted", "cni-bbbb2")):
        found = who.json(verb, f"pod/{name}")
        assert (root(found), found["confidence"]) == ("bob", "certain")


def hash_of(revision: str) -> dict[str, Any]:
    return {"labels": {"controller-revision-hash": revision}} if revision else {}


@pytest.mark.parametrize(
    ("old", "new", "later", "gone", "back", "confidence"),
    [
        ("", "", 12, None, "alice", "inferred"),
        ("1", "1", 0, None, "alice", "certain"),
        ("1", "2", 0, "bob", "bob", "certain"),
        ("1", "2", 2, "bob", "bob", "certain"),
        ("", "", 0, "bob", "bob", "certain"),
    ],
    ids=["long after", "the same template", "another template", "another template, late", "right after"],
)
def test_a_pod_of_a_statefulset_that_failed_is_nobodys_wish(
    who: Asker, old: str, new: str, later: int, gone: str | None, back: str, confidence: str
) -> None:
    hour = 10 + later
    change = bodies(
        event(at(10, 0), "bob", "patch", "statefulsets", "db", **APPS),
        {"spec": {"replicas": 3}},
        thing("statefulsets", "db", 2, replicas=3),
    )
    write(
        who.path,
        made(at(9, 0), "alice", "statefulsets", "db", replicas=2),
        pod(at(9, 0.05), "db", "statefulsets", "db-0", **hash_of(old)),
        change,
        deleted(at(hour, 5), STATEFUL, "db-0"),
        pod(at(hour, 5.1), "db", "statefulsets", "db-0", **hash_of(new)),
    )
    found = who.json("deleted", "pod/db-0")
    assert found["answer"]["user"] == STATEFUL
    assert root(found) == gone
    assert gone or "no request in this log caused this" in said(found)
    found = who.json("created", "pod/db-0")
    assert (root(found), found["confidence"]) == (back, confidence)


def test_a_statefulset_that_nobody_changed_deletes_for_nobody(who: Asker) -> None:
    write(
        who.path,
        made(at(9, 0), "alice", "statefulsets", "db"),
        pod(at(9, 0.05), "db", "statefulsets", "db-0"),
        deleted(at(10, 0), STATEFUL, "db-0"),
    )
    found = who.json("deleted", "pod/db-0")
    assert root(found) is None
    assert "nobody changed statefulset default/db since it was made" in said(found)


def adopted(time: str, name: str) -> Event:
    owner = {"ownerReferences": owned_by("replicasets", WEB)}
    patch = event(time, SETS, "patch", "pods", name)
    return bodies(
        patch, {"metadata": owner}, {"kind": "Pod", "metadata": {"name": name, "uid": f"u-{name}", **owner}}
    )


def test_a_pod_that_a_replicaset_took_over_and_did_not_need_was_its_makers(who: Asker) -> None:
    bare = {"kind": "Pod", "metadata": {"name": "bare", "labels": {"app": "web"}}}
    events = [
        *begun(),
        bodies(event(at(11, 0), "bob", "create", "pods", "bare", code=201), bare, bare),
        adopted(at(11, 0.02), "bare"),
    ]
    owner = {"ownerReferences": owned_by("replicasets", WEB)}
    for name in ("bare", f"{WEB}-zzzzb"):
        # the controller may as well find that another one is the one too many
        write(who.path, *events, deleted(at(11, 0.05), SETS, name, **owner))
        found = who.json("deleted", f"pod/{name}")
        assert (root(found), found["confidence"]) == ("bob", "certain")
        assert found["chain"][-1]["object"]["name"] == "bare"
    write(who.path, *events, resized(at(11, 5), 2, 1), deleted(at(11, 400), SETS, f"{WEB}-zzzzb", **owner))
    found = who.json("deleted", f"pod/{WEB}-zzzzb")
    assert root(found) is None
    assert "no request in this log caused this" in said(found)


def test_a_large_scale_down_is_followed_for_a_while(who: Asker) -> None:
    owner = {"ownerReferences": owned_by("replicasets", WEB)}
    names = [f"{WEB}-zzzz{n}" for n in "bcdfghj"]
    asked = [scaled(at(10, 0), "bob", 1), resized(at(10, 0.03), 2, 1)]
    ends = [deleted(at(10, 0.1 + 10 * n), SETS, name, **owner) for n, name in enumerate(names)]
    write(who.path, *begun(7), *asked, *ends)
    found = who.json("deleted", f"pod/{names[-1]}")
    assert (root(found), found["confidence"]) == ("bob", "certain")
    write(who.path, *begun(7), *asked, ends[0], ends[-1])
    found = who.json("deleted", f"pod/{names[-1]}")
    assert (root(found), found["confidence"]) == ("bob", "inferred")


def test_where_a_replicasets_changes_are_not_logged_its_deployments_tell(who: Asker) -> None:
    owner = {"ownerReferences": owned_by("replicasets", WEB)}
    write(who.path, *begun(), scaled(at(10, 0), "bob", 0), deleted(at(10, 0.1), SETS, f"{WEB}-zzzzb", **owner))
    found = who.json("deleted", f"pod/{WEB}-zzzzb")
    assert (root(found), found["confidence"]) == ("bob", "inferred")


AUTOSCALER = f"{CONTROLLER}horizontal-pod-autoscaler"
SCALERS = "horizontalpodautoscalers"


def scaler(time: str, user: str, verb: str, name: str, target: str = "web", most: int = 9, sub: str = "") -> Event:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": target}, "maxReplicas": most}
    body = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "spec": spec}
    body["metadata"] = {"name": name, "uid": f"u-{name}"}
    found = event(
        time, user, verb, SCALERS, name, code=201 if verb == "create" else 200, sub=sub, group="autoscaling"
    )
    return bodies(found, body, {"kind": "Status", "status": "Success"} if verb == "delete" else body)


@pytest.mark.parametrize(
    ("others", "root_user", "confidence"),
    [
        (
            [scaler(at(9, 100), "alice", "create", "old"), scaler(at(9, 200), "alice", "delete", "old")],
            "bob",
            "certain",
        ),
        (
            [scaler(at(9, 100), "alice", "create", "zzz"), scaler(at(9, 200), "alice", "update", "zzz", "other")],
            "bob",
            "certain",
        ),
        ([scaler(at(9, 100), "alice", "create", "zzz")], "bob", "inferred"),
        ([scaler(at(9, 400), FLUX, "update", "anew")], "bob", "certain"),
        ([scaler(at(9, 400), FLUX, "update", "anew", most=20)], FLUX, "certain"),
    ],
    ids=["deleted", "for another", "two for one", "an update that changed nothing", "an update"],
)
def test_an_autoscaler_is_judged_by_what_it_was_when_it_scaled(
    who: Asker, others: list[Event], root_user: str, confidence: str
) -> None:
    events = [
        *begun(),
        *others,
        scaler(at(9, 300), "bob", "create", "anew"),
        scaled(at(10, 0), AUTOSCALER, 2),
        resized(at(10, 0.03), 2, 2),
        pod(at(10, 0.06), WEB, "replicasets", f"{WEB}-cccc2"),
        scaler(at(10, 0.2), AUTOSCALER, "update", "anew", sub="status"),
    ]
    write(who.path, *sorted(events, key=lambda one: str(one["stageTimestamp"])))
    found = who.json("created", f"pod/{WEB}-cccc2")
    assert (root(found), found["confidence"]) == (root_user, confidence)
    assert found["chain"][-1]["object"]["name"] == "anew"


@pytest.mark.parametrize(
    ("patch", "evictor"),
    [
        ({"metadata": {"labels": {"rack": "7"}}}, None),
        ({"spec": {"unschedulable": True}}, None),
        ({"spec": {"unschedulable": None}}, None),
        ({"spec": {"taints": None}}, None),
        ({"spec": {"taints": [{"effect": "NoSchedule"}]}}, None),
        ({"spec": {"taints": [{"effect": "NoExecute"}]}}, "bob"),
        ([{"op": "add", "path": "/spec/taints/-", "value": {"effect": "PreferNoSchedule"}}], None),
        ([{"op": "remove", "path": "/spec/taints/0"}], None),
        ([{"op": "add", "path": "/spec/taints/-", "value": {"key": "a", "effect": "NoExecute"}}], "bob"),
    ],
)
def test_only_a_taint_of_one_kind_on_a_node_evicts(who: Asker, patch: Event, evictor: str | None) -> None:
    write(
        who.path,
        event(at(9, 0), "alice", "create", "pods", "p1", code=201),
        event(at(9, 1), "system:node:n1", "patch", "pods", "p1", sub="status"),
        bodies(event(at(10, 0), "bob", "patch", "nodes", "n1", ns=""), patch),
        event(at(10, 300), f"{CONTROLLER}taint-eviction-controller", "delete", "pods", "p1"),
    )
    found = who.json("deleted", "pod/p1")
    assert root(found) == evictor
    assert evictor or "nobody in this log tainted n1 in the ten minutes before" in said(found)


def test_a_node_that_kubernetes_tainted_was_not_tainted_by_whoever_changed_it(who: Asker) -> None:
    lifecycle = f"{CONTROLLER}node-controller"
    write(
        who.path,
        event(at(9, 0), "alice", "create", "pods", "p1", code=201),
        event(at(9, 1), "system:node:n1", "patch", "pods", "p1", sub="status"),
        event(at(10, 0), "bob", "patch", "nodes", "n1", ns=""),
        event(at(10, 60), lifecycle, "patch", "nodes", "n1", ns=""),
        event(at(10, 300), f"{CONTROLLER}taint-eviction-controller", "delete", "pods", "p1"),
    )
    found = who.json("deleted", "pod/p1")
    assert root(found) is None
    assert "node-controller tainted node n1 after that" in said(found)


def test_whoever_else_changed_the_node_may_have_tainted_it(who: Asker) -> None:
    write(
        who.path,
        event(at(9, 0), "alice", "create", "pods", "p1", code=201),
        event(at(9, 1), "system:node:n1", "patch", "pods", "p1", sub="status"),
        event(at(10, 0), "carol", "patch", "nodes", "n1", ns=""),
        event(at(10, 10), "bob", "patch", "nodes", "n1", ns=""),
        event(at(10, 300), f"{CONTROLLER}taint-eviction-controller", "delete", "pods", "p1"),
    )
    assert "carol at 2026-11-23T10:00:00.000000Z changed node n1, too" in said(who.json("deleted", "pod/p1"))


@pytest.mark.parametrize(
    ("changed", "evictor", "reason"), [(False, "alice", "whoever made it"), (True, "bob", "bob")]
)
def test_a_finished_job_goes_for_whoever_said_how_long_it_is_kept(
    who: Asker, changed: bool, evictor: str, reason: str
) -> None:
    patch = bodies(
        event(at(9, 5), "bob", "patch", "jobs", "j", group="batch"), {"spec": {"ttlSecondsAfterFinished": 1}}
    )
    write(
        who.path,
        event(at(9, 0), "alice", "create", "jobs", "j", code=201, group="batch"),
        *([patch] if changed else []),
        event(at(10, 0), f"{CONTROLLER}ttl-after-finished-controller", "delete", "jobs", "j", group="batch"),
    )
    found = who.json("deleted", "job/j")
    assert (root(found), found["confidence"]) == (evictor, "inferred")
    assert found["chain"][-1]["why"].startswith(reason)


def test_the_clocks_of_two_servers_do_not_tell_which_of_two_writes_changed_it(who: Asker, tmp_path: Path) -> None:
    answer = thing("statefulsets", "db", 2, "b")
    patch = event(at(10, 1), "bob", "patch", "statefulsets", "db", **APPS)
    write(
        tmp_path / "cp1" / "audit.log",
        made(at(9, 0), "alice", "statefulsets", "db"),
        bodies(patch, {"spec": {"template": {}}}, answer),
        pod(at(10, 3), "db", "statefulsets", "db-1"),
    )
    for seconds, user, confidence in ((0.5, "bob", "inferred"), (2, FLUX, "inferred"), (-60, "bob", "certain")):
        other = applied(at(10 if seconds > 0 else 9, seconds % 3600), FLUX, "statefulsets", "db", answer)
        if seconds < 0:
            other["responseObject"] = thing("statefulsets", "db", 1)
        write(tmp_path / "cp2" / "audit.log", other)
        found = who.json("created", "pod/db-1", log=tmp_path)
        assert (root(found), found["confidence"]) == (user, confidence)


def test_a_resize_before_the_last_one_was_fulfilled_makes_it_a_guess(who: Asker) -> None:
    names = [f"{WEB}-bbb{n}b" for n in "bcd"]
    write(
        who.path,
        *begun(),
        scaled(at(10, 0), "bob", 3),
        resized(at(10, 0.03), 2, 3),
        pod(at(10, 0.1), WEB, "replicasets", names[0]),
        scaled(at(10, 5), "carol", 4),
        resized(at(10, 5.03), 3, 4),
        pod(at(10, 5.1), WEB, "replicasets", names[1]),
        pod(at(10, 5.2), WEB, "replicasets", names[2]),
    )
    expected = [("bob", "certain"), ("bob", "inferred"), ("carol", "certain")]
    found = [who.json("created", f"pod/{name}") for name in names]
    assert [(root(one), one["confidence"]) for one in found] == expected
    assert "before it had all the Pods asked for" in said(found[1])
