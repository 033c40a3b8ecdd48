"""What a controller followed that is no owner by name or reference: on small made-up logs."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, Asker, event, write
from whokit import at_level

GARBAGE, AGGREGATION = f"{CONTROLLER}generic-garbage-collector", f"{CONTROLLER}clusterrole-aggregation-controller"
BINDER, ENDPOINTS = f"{CONTROLLER}persistent-volume-binder", f"{CONTROLLER}endpoint-controller"
MANAGER = "system:kube-controller-manager"
TOKENS = {"userAgent": "kube-controller-manager/v1.20.2 (linux/amd64) kubernetes/faecb19/tokens-controller"}
RBAC = {"group": "rbac.authorization.k8s.io", "ns": ""}
LEVELS = ("RequestResponse", "Request", "Metadata")
Event = dict[str, Any]


def body(found: Event, request: Event, answer: Event | None = None) -> Event:
    return {**found, "requestObject": request, "responseObject": answer or request}


def asked(who: Asker, level: str, events: list[Event], verb: str, target: str) -> tuple[str | None, str, Event]:
    write(who.path, *(at_level(one, level) for one in events))
    found = who.json(verb, target)
    return found["root"] and found["root"]["user"], found["confidence"], found


def secret(time: str) -> Event:
    annotations = {"kubernetes.io/service-account.name": "bot"}
    made = event(time, "judy", "create", "secrets", "bot-extra", code=201)
    return body(made, {"kind": "Secret", "metadata": {"name": "bot-extra", "annotations": annotations}})


def removed(time: str, user: str, resource: str, name: str, **more: Any) -> Event:
    options = {"kind": "DeleteOptions"}
    return body(event(time, user, "delete", resource, name, **more), options, {"kind": "Status"})


@pytest.mark.parametrize("level", LEVELS)
def test_a_token_made_by_hand_goes_with_its_account(who: Asker, level: str) -> None:
    events = [
        secret("09:00:00.000000"),
        removed("10:00:00.000000", "oscar", "serviceaccounts", "bot"),
        removed("10:00:00.005000", MANAGER, "secrets", "bot-extra", **TOKENS),
    ]
    root, confidence, _ = asked(who, level, events, "deleted", "secret/bot-extra")
    assert (root, confidence) == ("oscar", "inferred" if level == "Metadata" else "certain")
    other = removed("09:59:59.990000", "eve", "serviceaccounts", "other")
    root, _, found = asked(who, level, [events[0], other, *events[1:]], "deleted", "secret/bot-extra")
    assert root == (None if level == "Metadata" else "oscar")
    assert root or "what tokens-controller followed" in " ".join(found["notes"])


REFERENCE = {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "nosuch", "uid": "u-1"}]}
PATCHED = {"kind": "Pod", "metadata": {"name": "p", "uid": "u-p", **REFERENCE}}
PLAIN = {"kind": "Pod", "metadata": {"name": "p", "uid": "u-p"}}
MADE = body(event("09:00:00.000000", "alice", "create", "pods", "p", code=201), PLAIN)
POINTED = body(event("10:00:00.000000", "mallory", "patch", "pods", "p"), {"metadata": REFERENCE}, PATCHED)
SWEPT = body(event("10:00:00.040000", GARBAGE, "delete", "pods", "p"), {"kind": "DeleteOptions"}, PATCHED)


@pytest.mark.parametrize("level", LEVELS)
def test_whoever_named_an_owner_that_there_was_not_had_it_collected(who: Asker, level: str) -> None:
    root, confidence, found = asked(who, level, [MADE, POINTED, SWEPT], "deleted", "pod/p")
    assert (root, confidence) == ("mallory", "inferred")
    assert "who deleted that is not in this log" not in " ".join(found["notes"])


def test_a_program_that_wrote_it_just_before_is_nothing_unusual(who: Asker) -> None:
    """An operator goes on with what the garbage collector is about to take: no body says that it named an owner."""
    wrote = event("10:00:00.000000", "system:serviceaccount:ops:operator", "patch", "pods", "p")
    assert asked(who, "Metadata", [MADE, wrote, SWEPT], "deleted", "pod/p")[0] is None


def test_an_owner_that_was_there_was_deleted_by_somebody(who: Asker) -> None:
    """The log shows it, though not its end; or the garbage collector took its time."""
    there = event("09:30:00.000000", "carol", "get", "configmaps", "nosuch")
    for events in ([MADE, there, POINTED, SWEPT], [MADE, POINTED, {**SWEPT, **times("10:30:00.000000")}]):
        root, _, found = asked(who, "Request", events, "deleted", "pod/p")
        assert root is None
        assert "configmap default/nosuch was gone; who deleted that is not in this log" in " ".join(found["notes"])


def times(time: str) -> Event:
    return {"requestReceivedTimestamp": f"2026-11-23T{time}Z", "stageTimestamp": f"2026-11-23T{time}Z"}


@pytest.mark.parametrize("level", LEVELS)
def test_a_role_is_aggregated_for_whoever_wrote_a_part_of_it(who: Asker, level: str) -> None:
    def role(time: str, user: str, verb: str, name: str, labels: Event, *rules: str) -> Event:
        found = event(time, user, verb, "clusterroles", name, code=201 if verb == "create" else 200, **RBAC)
        return body(found, {"kind": "ClusterRole", "metadata": {"name": name, "labels": labels}, "rules": rules})

    events = [
        role("09:00:00.000000", "alice", "create", "agg", {}),
        role("10:00:00.000000", "bob", "create", "part", {"agg": "yes"}, "a rule"),
        role("10:00:00.005000", AGGREGATION, "update", "agg", {}, "a rule"),
    ]
    root, confidence, _ = asked(who, level, events, "changed", "clusterrole/agg")
    assert (root, confidence) == ("bob", "inferred")


@pytest.mark.parametrize("level", LEVELS)
def test_endpoints_follow_a_change_of_their_service(who: Asker, level: str) -> None:
    select = body(event("09:00:20.000000", "frank", "patch", "services", "sel"), {"spec": {"selector": {"a": "b"}}})
    events = [
        event("09:00:00.000000", "dave", "create", "services", "sel", code=201),
        event("09:00:00.040000", ENDPOINTS, "create", "endpoints", "sel", code=201),
        select,
        event("09:00:23.700000", ENDPOINTS, "update", "endpoints", "sel"),
    ]
    root, confidence, _ = asked(who, level, events, "changed", "endpoints/sel")
    assert (root, confidence) == ("frank", "inferred")
    # long after, it followed its Pods
    later = event("09:30:00.000000", ENDPOINTS, "update", "endpoints", "sel")
    root, confidence, found = asked(who, level, [*events, later], "changed", "endpoints/sel")
    assert (root, confidence) == ("dave", "inferred")
    assert (
        "frank changed service default/sel at 2026-11-23T09:00:20.000000Z, before endpoints default/sel was changed"
        in (" ".join(found["notes"]))
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_volume_is_bound_for_whoever_claimed_it(who: Asker, level: str) -> None:
    claim = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "data"}
    volume = {"kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": {"claimRef": claim}}
    events = [
        event("09:00:00.000000", "alice", "create", "persistentvolumes", "pv", ns="", code=201),
        event("09:10:00.000000", "bob", "create", "persistentvolumeclaims", "data", code=201),
        body(event("09:10:00.008000", BINDER, "update", "persistentvolumes", "pv", ns=""), volume),
    ]
    root, confidence, _ = asked(who, level, events, "changed", "pv/pv")
    assert (root, confidence) == ("bob", "inferred")
