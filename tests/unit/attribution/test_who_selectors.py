"""Deletions of all that match a selector: whose labels matched, on small made-up logs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from eventkit import CONTROLLER, Asker, event, write
from whokit import answer, at_level, in_lines

DEPLOYER, GARBAGE = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}generic-garbage-collector"
Event = dict[str, Any]


def swept(time: str, user: str, selector: str, resource: str = "pods", **more: Any) -> Event:
    return event(time, user, "deletecollection", resource, query=f"?labelSelector={quote(selector)}", **more)


def body(found: Event, meta: Event, answer: Event | None = None) -> Event:
    return {**found, "requestObject": {"metadata": meta}, "responseObject": {"metadata": answer or meta}}


def made(labels: Event, name: str = "p", resource: str = "pods", **more: Any) -> Event:
    found = event("09:00:00.000000", "alice", "create", resource, name, code=201, **more)
    return body(found, {"name": name, "labels": labels})


GONE = event("10:00:10.000000", "system:node:n1", "delete", "pods", "p")
SWEEPS = [swept("10:00:00.000000", "heidi", "grp in (a)"), swept("10:00:01.300000", "ivan", "set=s,grp!=c")]


@pytest.mark.parametrize(
    ("selector", "matching"),
    [
        ("grp=b", True),
        ("grp==b", True),
        ("grp = a", False),
        ("grp!=a", True),
        ("grp!=b", False),
        ("other!=b", True),
        ("grp in (a, b)", True),
        ("grp in (a)", False),
        ("grp notin (a),set", True),
        ("other notin (a)", True),
        ("grp notin (b)", False),
        ("set", True),
        ("!set", False),
        ("!other,grp in (a,b),set=s", True),
        ("other", False),
        ("empty=", True),
        ("set=s,grp!=c,grp!=d", True),
        ("num > 3", True),
        ("num < 3", False),
        ("grp > 3", False),  # a label that is no number
        ("grp == = b", True),  # no selector: nobody can tell
        ("", True),
    ],
)
def test_what_a_selector_asks_for(selector: str, matching: bool) -> None:
    """Whoever had all deleted that match, deleted the Pod, unless that was not among them."""
    labels = {"grp": "b", "set": "s", "empty": "", "num": "5"}
    events = [made(labels), swept("10:00:00.000000", "heidi", selector), GONE]
    found = answer(in_lines(at_level(one, "Request") for one in events), "deleted", "pod/p", "default")
    assert (found.root and found.root.user) == ("heidi" if matching else None)


def root(found: Event) -> str | None:
    return found["root"] and str(found["root"]["user"])


@pytest.mark.parametrize("level", ["Request", "Metadata"])
def test_whoever_asked_for_labels_that_it_had_deleted_it(who: Asker, level: str) -> None:
    write(who.path, *(at_level(one, level) for one in [made({"grp": "b", "set": "s"}), *SWEEPS, GONE]))
    found = who.json("deleted", "pod/p")
    assert found["confidence"] == "inferred"
    if level == "Request":
        assert root(found) == "ivan"
    else:
        # what its labels were is not in the log: both are named
        assert "ivan" in found["chain"][0]["why"] + str(root(found))
        assert "heidi" in found["chain"][0]["why"] + str(root(found))


@pytest.mark.parametrize(
    ("patch", "answer", "sweeper"),
    [
        ({"labels": {"grp": "a"}}, None, "heidi"),
        ({"labels": {"set": None}}, {"name": "p", "labels": {"grp": "b"}}, None),
        ({"annotations": {"grp": "a"}}, None, "ivan"),
    ],
)
def test_labels_change(who: Asker, patch: Event, answer: Event | None, sweeper: str | None) -> None:
    change = body(event("09:30:00.000000", "bob", "patch", "pods", "p"), patch, answer)
    level = "RequestResponse" if answer else "Request"
    write(who.path, *(at_level(one, level) for one in [made({"grp": "b", "set": "s"}), change, *SWEEPS, GONE]))
    assert root(who.json("deleted", "pod/p")) == sweeper


def test_what_is_not_logged_may_have_changed_them(who: Asker) -> None:
    change = event("09:30:00.000000", "bob", "patch", "pods", "p")
    write(who.path, at_level(made({"grp": "b"}), "Request"), change, *SWEEPS, GONE)
    found = who.json("deleted", "pod/p")
    assert root(found) == "heidi"
    assert "by ivan at" in found["chain"][0]["why"]


def test_a_server_side_apply_may_take_labels_away(who: Asker) -> None:
    change = event("09:30:00.000000", "bob", "patch", "pods", "p", query="?fieldManager=x&force=true")
    request = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"other": "x"}}}
    applied = {**change, "requestObject": request}
    write(who.path, *(at_level(one, "Request") for one in [made({"grp": "b", "set": "s"}), applied, *SWEEPS, GONE]))
    assert root(who.json("deleted", "pod/p")) == "heidi"


APPS = {"group": "apps"}


@pytest.mark.parametrize(("level", "reports"), [("Request", False), ("Metadata", True)])
def test_a_deployment_of_other_labels_stays(who: Asker, level: str, reports: bool) -> None:
    """By its labels, or because its controller goes on with it."""
    report = event("10:00:06.500000", DEPLOYER, "update", "deployments", "cd", sub="status", **APPS)
    sweep = swept("10:00:00.000000", "dave", "zap=1", "deployments", **APPS)
    events = [made({}, "cd", "deployments", **APPS), sweep, *([report] if reports else [])]
    write(who.path, *(at_level(one, level) for one in events))
    found = who.json("deleted", "deploy/cd")
    assert (root(found), found["answer"]) == (None, None)
    if reports:
        # nor does what it owns
        replicas = event("09:00:00.010000", DEPLOYER, "create", "replicasets", "cd-7b7b7746b7", code=201, **APPS)
        write(who.path, *(at_level(one, level) for one in [events[0], replicas, *events[1:]]))
        assert root(who.json("deleted", "rs/cd-7b7b7746b7")) is None
    assert "dave deleted all deployments in namespace default that match zap=1" in " ".join(found["notes"]) or reports


def test_a_deployment_that_waits_for_its_dependents_goes_on_for_a_while(who: Asker) -> None:
    write(
        who.path,
        at_level(made({}, "cd", "deployments", **APPS), "Metadata"),
        swept("10:00:00.000000", "dave", "zap=1", "deployments", **APPS),
        event("10:00:06.500000", DEPLOYER, "update", "deployments", "cd", sub="status", **APPS),
        event("10:00:31.000000", GARBAGE, "patch", "deployments", "cd", **APPS),
    )
    assert root(who.json("deleted", "deploy/cd")) == "dave"
