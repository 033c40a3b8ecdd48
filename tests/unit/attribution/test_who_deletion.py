"""What ended an object, and what did not: dry runs, selectors, owners, definitions; each on a small made-up log."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

APPS = {"group": "apps"}
GARBAGE = f"{CONTROLLER}generic-garbage-collector"
DEPLOYMENTS = f"{CONTROLLER}deployment-controller"
NAMESPACES = f"{CONTROLLER}namespace-controller"
KUBELET = "system:node:n1"
SCHEDULER = "system:kube-scheduler"
SELECTED = "?labelSelector=app%3Ddc"


def settings(time: str, user: str, verb: str, **more: Any) -> dict[str, Any]:
    return event(time, user, verb, "configmaps", "c", code=201 if verb == "create" else 200, **more)


def pod(time: str, user: str, verb: str, name: str, **more: Any) -> dict[str, Any]:
    return event(time, user, verb, "pods", name, code=201 if verb == "create" else 200, **more)


def told(found: dict[str, Any]) -> tuple[str | None, str]:
    return (found["root"] or {}).get("user"), found["confidence"]


def test_a_second_delete_shows_that_the_first_did_nothing(who: Asker) -> None:
    """A ConfigMap is gone with the answer: kubectl's `--dry-run=server` stands in a body that is not logged."""
    made, first = settings("09:00:00.000000", "alice", "create"), settings("10:00:00.000000", "bob", "delete")
    write(who.path, made, first, settings("10:00:01.500000", "carol", "delete"))
    found = who.json("deleted", "cm/c")
    assert told(found) == ("carol", "inferred")
    assert any("bob deleted it" in note and "the deletion was a dry run" in note for note in found["notes"])
    assert not any("already terminating" in note for note in found["notes"])
    # with its options in the log it is no dry run: something held the ConfigMap
    real = {**first, "level": "Request", "requestObject": {"kind": "DeleteOptions"}}
    write(who.path, made, real, settings("10:00:01.500000", "carol", "delete"))
    assert told(who.json("deleted", "cm/c")) == ("bob", "certain")


def test_a_change_right_after_a_delete_shows_that_it_did_nothing(who: Asker) -> None:
    first = [
        settings("09:00:00.000000", "alice", "create"),
        settings("10:00:00.000000", "bob", "delete"),
        settings("10:00:01.200000", "dave", "patch"),
    ]
    write(who.path, *first)
    found = who.json("deleted", "cm/c")
    assert told(found) == ("bob", "inferred")
    assert "dave still found it" in found["chain"][0]["why"]
    gone = [
        event("10:05:00.000000", "zora", "delete", "namespaces", "default", ns="default"),
        event("10:05:06.000000", NAMESPACES, "deletecollection", "configmaps"),
    ]
    write(who.path, *first, *gone)
    assert told(who.json("deleted", "cm/c")) == ("zora", "inferred")


def test_what_is_let_go_of_at_last_was_deleted_by_the_first(who: Asker) -> None:
    """A finalizer held it: two deletes, and a change that nothing follows."""
    write(
        who.path,
        settings("09:00:00.000000", "alice", "create"),
        settings("10:00:00.000000", "bob", "delete"),
        settings("10:00:00.100000", "carol", "delete"),
        settings("10:00:01.200000", "dave", "patch"),
    )
    assert told(who.json("deleted", "cm/c")) == ("bob", "inferred")


def test_a_deployment_that_goes_in_the_foreground_is_there_for_a_while(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
        event("10:00:00.000000", "bob", "delete", "deployments", "web", **APPS),
        event("10:00:01.000000", "carol", "get", "deployments", "web", **APPS),
        event("10:00:31.000000", GARBAGE, "patch", "deployments", "web", **APPS),
    )
    assert told(who.json("deleted", "deploy/web")) == ("bob", "certain")


SET = "web-5d9c7b8f6d"
DRY = (
    event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
    event("09:00:00.010000", DEPLOYMENTS, "create", "replicasets", SET, code=201, **APPS),
    event("10:00:00.000000", "bob", "delete", "deployments", "web", **APPS),
    event("10:00:01.000000", "carol", "patch", "deployments", "web", sub="scale", **APPS),
    event("10:00:01.005000", DEPLOYMENTS, "update", "replicasets", SET, **APPS),
    pod("10:00:01.030000", SCHEDULER, "create", f"{SET}-bbcdf", sub="binding"),
    event("10:00:03.000000", "dave", "delete", "deployments", "web", **APPS),
    event("10:00:03.040000", GARBAGE, "delete", "replicasets", SET, **APPS),
    pod("10:00:03.080000", GARBAGE, "delete", f"{SET}-bbcdf"),
)


@pytest.mark.parametrize(
    ("verb", "what", "root"),
    [
        ("deleted", "deploy/web", "dave"),
        ("deleted", f"rs/{SET}", "dave"),
        ("deleted", f"pod/{SET}-bbcdf", "dave"),
        ("created", f"pod/{SET}-bbcdf", "carol"),
    ],
)
def test_a_deployment_that_was_scaled_after_a_delete_was_not_deleted_then(
    who: Asker, verb: str, what: str, root: str
) -> None:
    """The Pod's create is not in the log; that the scheduler met it tells when it was made."""
    write(who.path, *DRY)
    assert told(who.json(verb, what)) == (root, "inferred")


TWIN = (
    pod("09:00:00.000000", "cleo", "create", "twin"),
    pod("09:00:00.010000", SCHEDULER, "create", "twin", sub="binding"),
    pod("09:10:00.000000", "dmitri", "delete", "twin"),
    pod("09:10:12.000000", KUBELET, "delete", "twin"),
    pod("09:20:00.000000", "elena", "create", "twin"),
    pod("09:20:00.010000", SCHEDULER, "create", "twin", sub="binding"),
    pod("09:21:00.000000", "alice", "create", "dc1"),
    event("09:22:00.000000", "walter", "deletecollection", "pods", query=SELECTED),
)
TAKEN = pod("09:22:12.000000", KUBELET, "delete", "dc1")


def test_kubelets_tell_which_pods_a_selector_met(who: Asker) -> None:
    write(who.path, *TWIN, TAKEN, *NOISE)
    assert told(who.json("deleted", "pod/dc1")) == ("walter", "inferred")
    found = who.json("deleted", "pod/twin")
    assert told(found) == ("dmitri", "certain")
    assert found["notes"] == ["a later pod default/twin was created by elena at 2026-11-23T09:20:00.000000Z"]


def test_what_only_a_selector_would_tell_is_in_doubt(who: Asker) -> None:
    """No kubelet's last delete after the deletecollection is logged: its selector may have met `twin`, too."""
    write(who.path, *TWIN, *NOISE)
    found = who.json("deleted", "pod/twin")
    assert told(found) == ("dmitri", "certain")
    assert any("it may have been deleted once more" in note and "by walter" in note for note in found["notes"])
    found = who.json("deleted", "pod/dc1")
    assert told(found) == ("walter", "inferred")
    assert "app=dc" in found["chain"][0]["why"]
    assert "nothing shows whether it was one of them" in found["chain"][0]["why"]
    assert "nothing in this log shows that pod default/dc1 was one of them" in found["notes"]
    first = who.text("deleted", "pod/dc1").partition("Confidence")[0]
    assert "nothing in this log shows that pod default/dc1 was one of them" in " ".join(first.split())
    write(who.path, *TWIN, TAKEN, *NOISE)
    assert "was one of them" not in who.text("deleted", "pod/dc1").partition("Confidence")[0]


def test_what_the_log_does_not_mention_met_no_selector(who: Asker) -> None:
    write(who.path, *TWIN, TAKEN, *NOISE)
    found = who.json("deleted", "pod/neverwas")
    assert told(found) == (None, "unknown")
    said = "walter deleted all pods in namespace default that match app=dc at"
    assert any(note.startswith(said) and "nothing shows" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("selector", "user"),
    [
        ("metadata.name%3Dp1", "eve"),
        ("metadata.name%3D%3Dp1", "eve"),
        ("metadata.name%21%3Dp1", None),
        ("metadata.name!=p1,status.phase=Failed", None),
        ("metadata.name%3Dp2", None),
        ("metadata.name%21%3Dp2", "eve"),
    ],
)
def test_a_field_selector_goes_by_the_name(who: Asker, selector: str, user: str | None) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "p1", code=201),
        event("10:00:00.000000", "eve", "deletecollection", "pods", query=f"?fieldSelector={selector}"),
        event("10:00:30.000000", "system:node:n1", "delete", "pods", "p1"),
    )
    assert told(who.json("deleted", "pod/p1"))[0] == user


def test_a_selector_is_told_in_words(who: Asker, capsys: pytest.CaptureFixture[str]) -> None:
    write(who.path, *TWIN, TAKEN)
    text = who.text("deleted", "pod/dc1")
    assert text.startswith("walter deleted it (by a deletecollection of all pods that match app=dc) on")
    text = who.text("deleted", "--user", "walter")
    assert text.startswith("walter deleted all pods in namespace default that match app=dc on")
    write(who.path, event("09:22:00.000000", "walter", "deletecollection", "pods"))
    assert who.text("deleted", "--user", "walter").startswith("walter deleted all pods in namespace default on")
    assert "walter  deleted all pods in namespace default  200" in who.text("touched", "pod/dc1")


def test_what_follows_a_kubelets_last_delete_set_nothing_going(who: Asker) -> None:
    write(
        who.path,
        pod("09:00:00.000000", "alice", "create", "b2"),
        event("09:10:00.000000", "walter", "deletecollection", "pods", query=SELECTED),
        pod("09:10:07.000000", KUBELET, "delete", "b2"),
        event("09:10:17.000000", "zora", "delete", "namespaces", "default", ns="default"),
        event("09:10:23.000000", NAMESPACES, "deletecollection", "pods"),
    )
    assert told(who.json("deleted", "pod/b2")) == ("walter", "inferred")


def test_a_namespace_that_is_deleted_later_did_not_take_a_pod_that_was_gone(who: Asker) -> None:
    write(
        who.path,
        pod("09:00:00.000000", "alice", "create", "b2"),
        pod("09:10:07.000000", KUBELET, "delete", "b2"),
        event("09:10:17.000000", "zora", "delete", "namespaces", "default", ns="default"),
        event("09:10:23.000000", NAMESPACES, "deletecollection", "pods"),
    )
    assert told(who.json("deleted", "pod/b2")) == (None, "unknown")


def test_a_pod_of_which_only_the_end_is_logged_is_not_the_one_before(who: Asker) -> None:
    write(
        who.path,
        pod("09:00:00.000000", "alice", "create", "x"),
        pod("09:10:00.000000", "bob", "delete", "x"),
        pod("09:20:00.000000", "carol", "create", "x"),
        pod("09:30:00.000000", KUBELET, "delete", "x"),
    )
    found = who.json("deleted", "pod/x")
    assert told(found) == (None, "unknown")
    assert any("who deleted it first is not in this log" in note for note in found["notes"])


def owned(resource: str, name: str, time: str, user: str, *owners: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A create with its body, whose object these owners have."""
    references = [
        {"apiVersion": "apps/v1", "kind": kind, "name": one, "uid": one, "controller": True} for kind, one in owners
    ]
    body = {"kind": "X", "metadata": {"name": name, "uid": name, "ownerReferences": references}}
    made = event(time, user, "create", resource, name, code=201, **more)
    return {**made, "level": "RequestResponse", "responseObject": body}


def deleted_web(**options: Any) -> dict[str, Any]:
    return event("10:00:00.000000", "peggy", "delete", "deployments", "web", **APPS, **options)


KEPT = (
    event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **APPS),
    event("09:00:00.010000", DEPLOYMENTS, "create", "replicasets", SET, code=201, **APPS),
    pod("09:00:00.030000", SCHEDULER, "create", f"{SET}-bbcdf", sub="binding"),
)
ANOTHER = pod("11:00:00.000000", GARBAGE, "delete", "other-bbcdf")


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            [deleted_web(level="Request", requestObject={"propagationPolicy": "Orphan"})],
            "its dependents were to be kept",
        ),
        ([deleted_web(level="Request", requestObject={"orphanDependents": True})], "its dependents were to be kept"),
        (
            [deleted_web(), event("10:00:00.500000", GARBAGE, "patch", "replicasets", SET, **APPS)],
            f"the garbage collector orphaned replicaset default/{SET}",
        ),
        ([deleted_web(), ANOTHER], "the generic-garbage-collector did not delete"),
    ],
)
def test_a_pod_that_was_left_over_did_not_go_with_its_owner(
    who: Asker, after: list[dict[str, Any]], said: str
) -> None:
    write(who.path, *KEPT, *after, *NOISE)
    found = who.json("deleted", f"pod/{SET}-bbcdf")
    assert told(found) == (None, "unknown")
    assert any("peggy deleted deployment default/web" in note and said in note for note in found["notes"])


def test_a_pod_went_with_its_owner_if_the_log_lacks_what_takes_it(who: Asker) -> None:
    write(who.path, *KEPT, deleted_web(), *NOISE)
    assert told(who.json("deleted", f"pod/{SET}-bbcdf")) == ("peggy", "inferred")
    # its kubelet says that it went, so a request is missing
    write(who.path, *KEPT, deleted_web(), pod("10:00:31.000000", KUBELET, "delete", f"{SET}-bbcdf"), ANOTHER, *NOISE)
    assert told(who.json("deleted", f"pod/{SET}-bbcdf")) == ("peggy", "inferred")


def test_a_pod_that_somebody_made_by_name_is_nobodys(who: Asker) -> None:
    gone = event("10:00:00.000000", "wanda", "delete", "replicasets", SET, **APPS)
    by_hand = pod("09:30:00.000000", "mallory", "create", f"{SET}-bbcdf")
    write(who.path, by_hand, gone, *NOISE)
    assert told(who.json("deleted", f"pod/{SET}-bbcdf")) == (None, "unknown")
    adopted = pod("09:30:00.010000", f"{CONTROLLER}replicaset-controller", "patch", f"{SET}-bbcdf")
    write(who.path, by_hand, adopted, gone, *NOISE)
    assert told(who.json("deleted", f"pod/{SET}-bbcdf")) == ("wanda", "inferred")
    # the body says whose it is, whatever its name looks like
    for owners, root in (((), None), ((("ReplicaSet", "other"),), None), ((("ReplicaSet", SET),), "wanda")):
        made = owned("pods", f"{SET}-bbcdf", "09:30:00.000000", f"{CONTROLLER}replicaset-controller", *owners)
        write(who.path, made, gone, *NOISE)
        assert told(who.json("deleted", f"pod/{SET}-bbcdf"))[0] == root


CRD = ("customresourcedefinitions", "widgets.acme.io")
DEFINITION = event("10:00:00.000000", "lena", "delete", *CRD, ns="", group="apiextensions.k8s.io")


@pytest.mark.parametrize("how", ["made", "answer"])
def test_an_owner_that_a_body_names_is_the_only_one_to_ask_for(who: Asker, how: str) -> None:
    """The owner's end is not in the log; what else was deleted then has nothing to do with it."""
    made = owned("pods", "stray", "09:00:00.000000", "walt", ("ReplicaSet", "stray"))
    taken = pod("10:00:04.800000", GARBAGE, "delete", "stray")
    if how == "answer":
        taken = {**taken, "level": "RequestResponse", "responseObject": made["responseObject"]}
        made = pod("09:00:00.000000", "walt", "create", "stray")
    other = event("10:00:04.700000", "hank", "delete", "configmaps", "c")
    write(who.path, made, other, taken, *NOISE)
    found = who.json("deleted", "pod/stray")
    assert told(found) == (None, "certain")
    assert any(
        "because replicaset default/stray was gone; who deleted that is not" in note for note in found["notes"]
    )


def test_no_definition_of_a_kind_owns_a_pod(who: Asker) -> None:
    write(
        who.path,
        pod("09:00:00.000000", "walt", "create", "stray"),
        DEFINITION,
        pod("10:00:00.800000", GARBAGE, "delete", "stray"),
        *NOISE,
    )
    assert told(who.json("deleted", "pod/stray"))[0] is None


def test_custom_resources_go_with_their_definition(who: Asker) -> None:
    acme = {"group": "acme.io", "code": 201}
    made = event("09:00:00.000000", "kim", "create", "widgets", "w2", **acme)
    write(who.path, made, DEFINITION, *NOISE)
    found = who.json("deleted", "widgets.acme.io/w2")
    assert told(found) == ("lena", "inferred")
    assert [link["object"]["resource"] for link in found["chain"]] == ["widgets", "customresourcedefinitions"]
    again = event("11:00:00.000000", "kim", "create", "widgets", "w2", **acme)
    write(who.path, made, DEFINITION, again, *NOISE)
    assert told(who.json("deleted", "widgets.acme.io/w2"))[0] is None
    # other kinds have none
    write(who.path, event("09:00:00.000000", "kim", "create", "deployments", "w2", **APPS), DEFINITION, *NOISE)
    assert told(who.json("deleted", "deploy/w2"))[0] is None


def test_a_list_read_what_is_nowhere_else_in_the_log_only_if_it_existed(who: Asker) -> None:
    listed = event("10:00:00.000000", "hank", "list", "secrets", ns="")
    write(who.path, listed, *NOISE)
    found = who.json("read", "secret/nosuch")
    assert told(found) == ("hank", "inferred")
    assert "nothing else in this log mentions secret default/nosuch" in found["notes"][0]
    made = event("09:00:00.000000", "alice", "create", "secrets", "nosuch", code=201)
    write(who.path, *sorted([made, listed, *NOISE], key=lambda one: str(one["stageTimestamp"])))
    assert who.json("read", "secret/nosuch")["notes"] == []
    write(who.path, {**listed, "requestURI": "/api/v1/secrets?labelSelector=a%3Db"}, *NOISE)
    found = who.json("read", "secret/nosuch")
    assert (found["answer"], found["events"]) == (None, [])
    said = "hank sent a list of all secrets that match a=b in all namespaces at 2026-11-23T10:00:00.000000Z;"
    assert any(note.startswith(said) for note in found["notes"])
