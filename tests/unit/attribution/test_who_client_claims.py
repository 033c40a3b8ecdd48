"""What a client chooses proves nothing: a stranger with his own user imitates another, and is named all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write
from whokit import at_level

SETS, SCHEDULER, KUBELET = f"{CONTROLLER}replicaset-controller", "system:kube-scheduler", "system:node:cp1"
GARBAGE = f"{CONTROLLER}generic-garbage-collector"
OF_CONTROLLER = f"kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/1/{SETS}"
WEB = "web-7b7b7746b7"
Event = dict[str, Any]


def root(found: Event) -> str:
    return str((found["root"] or {}).get("user"))


def note_on_id(found: Event) -> str:
    return " ".join(note for note in found["notes"] if "Audit-ID" in note)


@pytest.mark.parametrize("other", [{}, {"time": "10:00:00.000000"}])
def test_a_copied_audit_id_hides_nobody_and_is_said(who: Asker, other: dict[str, str], tmp_path: Path) -> None:
    """Even at the same microsecond, in the log of another server."""
    time = other.get("time", "10:00:03.000000")
    write(tmp_path / "cp1/audit.log", *NOISE, event("10:00:00.000000", "alice", "get", "pods", "x", auditID="a"))
    write(tmp_path / "cp2/audit.log", *NOISE, event(time, "mallory", "delete", "pods", "x", auditID="a"))
    found = who.json("deleted", "pod/x", log=tmp_path)
    assert (found["root"]["user"], found["confidence"]) == ("mallory", "certain")
    assert "alice asked to read pod default/x" in note_on_id(found)
    touched = who.json("touched", "pod/x", log=tmp_path)
    assert {one["user"] for one in touched["events"]} == {"alice", "mallory"}
    assert "somebody may want to hide" in note_on_id(touched)


def test_the_same_user_on_two_servers_under_one_id_did_it_twice(who: Asker, tmp_path: Path) -> None:
    """Only what is passed on to an aggregated API is logged by two servers."""
    change = {"auditID": "a", "query": "?fieldManager=x"}
    write(tmp_path / "cp1/audit.log", *NOISE, event("10:00:00.000000", "mallory", "patch", "pods", "x", **change))
    write(tmp_path / "cp2/audit.log", *NOISE, event("10:00:01.000000", "mallory", "patch", "pods", "x", **change))
    found = who.json("changed", "pod/x", log=tmp_path)
    assert len(found["events"]) == 2
    assert "Audit-ID a is also that of another request" in note_on_id(found)


def test_ids_of_their_own_are_not_spoken_of(who: Asker) -> None:
    begun = event("10:00:00.000000", "alice", "create", "pods", "x", stage="RequestReceived", auditID="a")
    write(who.path, *NOISE, begun, event("10:00:00.000000", "alice", "create", "pods", "x", code=201, auditID="a"))
    assert note_on_id(who.json("touched", "pod/x")) == ""


@pytest.mark.parametrize("level", ["Metadata", "Request", "RequestResponse"])
def test_a_user_agent_makes_nobody_a_controller(who: Asker, level: str) -> None:
    made = event("10:00:00.000000", "mallory", "create", "pods", f"{WEB}-x7kbc", code=201, userAgent=OF_CONTROLLER)
    alices = event("09:59:59.000000", "alice", "create", "replicasets", WEB, code=201, group="apps")
    write(who.path, *NOISE, at_level(alices, level), at_level(made, level))
    found = who.json("created", f"pod/{WEB}-x7kbc")
    assert (found["root"]["user"], found["confidence"]) == ("mallory", "certain")


def test_an_impersonated_controller_is_the_one_who_impersonates(who: Asker) -> None:
    made = event("10:00:00.000000", "mallory", "delete", "pods", "x", as_user=SETS, userAgent=OF_CONTROLLER)
    write(who.path, *NOISE, made)
    found = who.json("deleted", "pod/x")
    assert (found["root"]["impersonatedBy"], len(found["chain"])) == ("mallory", 1)


def test_only_the_last_address_is_the_servers_word(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("10:00:00.000000", "mallory", "delete", "pods", "x", sourceIPs=["10.0.0.1", "192.0.2.9"]),
    )
    assert "from 192.0.2.9 (forwarded for 10.0.0.1, as the client says)" in who.text("deleted", "pod/x")


def nameless(time: str, user: str, prefix: str, owners: list[Event] | None = None) -> Event:
    body = {"metadata": {"generateName": prefix, "ownerReferences": owners or []}}
    return event(time, user, "create", "pods", code=201, requestObject=body)


def bound(time: str, name: str) -> Event:
    return event(time, SCHEDULER, "create", "pods", name, code=201, sub="binding")


OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": WEB}
SET = [
    event("09:59:59.000000", "alice", "create", "replicasets", WEB, code=201, group="apps"),
    nameless("09:59:59.100000", SETS, f"{WEB}-", [{**OWNER, "uid": "u-1", "controller": True}]),
]


@pytest.mark.parametrize("level", ["Metadata", "Request"])
@pytest.mark.parametrize("at", ["09:59:59.050000", "09:59:59.150000", "09:50:00.000000"])
def test_a_generated_name_like_a_controllers_is_never_certainly_the_controllers(
    who: Asker, level: str, at: str
) -> None:
    """A Pod with schedulingGates waits for as long as its maker likes, and is bound just when another one is made."""
    events = [*SET, nameless(at, "mallory", f"{WEB}-"), bound("09:59:59.200000", f"{WEB}-x7kbc")]
    events.sort(key=lambda one: one["requestReceivedTimestamp"])
    write(who.path, *NOISE, *(at_level(one, level) for one in events))
    found = who.json("created", f"pod/{WEB}-x7kbc")
    assert "certain" not in {found["confidence"], found["chain"][0]["confidence"]} or root(found) == "mallory"


def test_without_such_a_stranger_the_controller_is_certain(who: Asker) -> None:
    write(who.path, *NOISE, *(at_level(one, "Request") for one in [*SET, bound("09:59:59.200000", f"{WEB}-x7kbc")]))
    found = who.json("created", f"pod/{WEB}-x7kbc")
    assert (root(found), found["confidence"]) == ("alice", "certain")


@pytest.mark.parametrize("verb", ["get", "create"])
@pytest.mark.parametrize("query", ["?dryRun=All", "?command=sh&dryRun=All"])
def test_an_exec_that_says_dry_run_is_an_exec(who: Asker, verb: str, query: str) -> None:
    """The server does not look for that there: somebody wants his exec to be passed over."""
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", verb, "pods", "x", sub="exec", code=101, query=query))
    found = who.json("exec", "pod/x")
    assert (found["answer"]["user"], found["confidence"]) == ("mallory", "certain")


@pytest.mark.parametrize("sub", ["", "token"])
def test_a_read_that_says_dry_run_is_a_read(who: Asker, sub: str) -> None:
    resource, verb = ("serviceaccounts", "create") if sub else ("secrets", "get")
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", verb, resource, "s", sub=sub, query="?dryRun=All"))
    found = who.json("read", f"{resource}/s")
    assert (found["answer"]["user"], found["confidence"]) == ("mallory", "certain")


@pytest.mark.parametrize("level", ["Request", "RequestResponse"])
def test_a_deletion_with_a_body_is_none_that_its_uri_calls_a_dry_run(who: Asker, level: str) -> None:
    """With a body the server does not read the URI (AS/pkg/endpoints/handlers/delete.go)."""
    body = {"kind": "DeleteOptions", "apiVersion": "v1"}
    fields = {"query": "?dryRun=All", "level": level}
    real = event("10:00:00.000000", "mallory", "delete", "pods", "x", requestObject=body, **fields)
    write(who.path, *NOISE, real)
    found = who.json("deleted", "pod/x")
    assert (found["root"]["user"], found["confidence"]) == ("mallory", "certain")
    write(who.path, *NOISE, event("10:00:00.000000", "bob", "delete", "pods", "x", **fields))
    found = who.json("deleted", "pod/x")
    assert found["root"] is None
    assert any("bob tried" in note and "a dry run, without effect" in note for note in found["notes"])


def test_without_its_body_such_a_deletion_is_not_told_apart(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", "delete", "pods", "x", query="?dryRun=All"))
    found = who.json("deleted", "pod/x")
    assert (found["root"], found["confidence"]) == (None, "unknown")
    assert found["notes"][0].startswith("This log does not tell whether mallory deleted pod default/x at")
    said = who.json("deleted", "--user", "mallory")["notes"]
    assert "1 matching deletion may have been a dry run, as the URI says, or not" in said


@pytest.mark.parametrize(
    "query",
    [
        "?labelSelector=app%3Dweb&labelSelector=app%3Dnone",
        "?labelSelector=app%3Dnone;&labelSelector=app%3Dweb",
        "?labelSelector=%zz&labelSelector=app%3Dweb",
        "?labelSelector=&labelSelector=app%3Dnone",
        "?fieldSelector=metadata.name%3Dx&fieldSelector=metadata.name%3Dy",
    ],
)
def test_a_selector_that_the_server_does_not_read_spares_nothing(who: Asker, query: str) -> None:
    made = event("09:00:00.000000", "alice", "create", "configmaps", "x", code=201, level="RequestResponse")
    body = {"metadata": {"name": "x", "labels": {"app": "web"}}}
    made |= {"requestObject": body, "responseObject": body}
    write(who.path, *NOISE, made, event("10:00:00.000000", "mallory", "deletecollection", "configmaps", query=query))
    found = who.json("deleted", "cm/x")
    assert "mallory" in {root(found), *" ".join(found["notes"]).split()}
    assert not any("had other labels" in note for note in found["notes"])


@pytest.mark.parametrize(
    "path", ["exec/default/x/c", "%65xec/default/x/c", "exec//default/x/c", "exec/default/%78/c", "run/default/x/c"]
)
def test_a_path_through_a_node_is_read_as_the_kubelet_reads_it(who: Asker, path: str) -> None:
    through = event("10:00:00.000000", "mallory", "create", "nodes", "n1", ns="", sub="proxy")
    write(who.path, *NOISE, through | {"requestURI": f"/api/v1/nodes/n1/proxy/{path}?command=sh"})
    found = who.json("exec", "pod/x")
    assert (found["answer"]["user"], found["confidence"]) == ("mallory", "certain")


def test_a_repeated_change_stays_in_doubt_under_another_agent(who: Asker) -> None:
    """The user agent of a person says nothing: neither that it was somebody else, nor that it was something else."""
    applied = {"query": "?fieldManager=kubectl&force=true", "level": "Metadata"}
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "mallory", "patch", "configmaps", "x", **applied),
        event("09:30:00.000000", "alice", "patch", "configmaps", "x"),
        event("10:00:00.000000", "mallory", "patch", "configmaps", "x", userAgent="helm/v3", **applied),
    )
    assert who.json("changed", "cm/x")["root"]["user"] == "alice"


def test_an_event_object_that_somebody_wrote_announces_nothing(who: Asker) -> None:
    """`Created pod: NAME`, which only the controller itself may say."""
    said = {
        "message": f"Created pod: {WEB}-x7kbc",
        "involvedObject": {"kind": "ReplicaSet", "name": "other", "namespace": "default"},
    }
    forged = event("09:59:59.500000", "mallory", "create", "events", "e", code=201, requestObject=said)
    write(who.path, *NOISE, *SET, bound("09:59:59.200000", f"{WEB}-x7kbc"), forged)
    chain = who.json("created", f"pod/{WEB}-x7kbc")["chain"]
    assert [link["object"]["name"] for link in chain] == [f"{WEB}-x7kbc", WEB]


def test_what_the_garbage_collector_took_away_for_a_made_up_owner_is_not_certainly_anothers(who: Asker) -> None:
    """Somebody names an owner that is not there; meanwhile alice deletes something else."""
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "bob", "create", "configmaps", "x", code=201),
        event("09:59:58.000000", "mallory", "patch", "configmaps", "x"),
        event("09:59:58.500000", "alice", "delete", "replicasets", WEB, group="apps"),
        event("09:59:59.000000", GARBAGE, "delete", "configmaps", "x"),
    )
    found = who.json("deleted", "cm/x")
    assert found["confidence"] != "certain"


@pytest.mark.parametrize("groups", [["dev", "system:authenticated"], ["system:nodes", "system:authenticated"]])
def test_who_is_only_called_like_a_node_is_no_kubelet(who: Asker, groups: list[str]) -> None:
    made = event("10:00:00.000000", "system:node:w9", "create", "pods", "web", code=201)
    write(who.path, {**made, "user": {"username": "system:node:w9", "groups": groups}})
    found = who.json("created", "pod/web")
    assert found["answer"]["user"] == "system:node:w9"
    assert any("is a static Pod" in note for note in found["notes"]) is ("system:nodes" in groups)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"user": {"username": "bob, impersonated by alice"}}, '"bob, impersonated by alice" deleted it on'),
        ({"user": {"username": 'bob"; alice'}}, '"bob\\"; alice" deleted it on'),
        ({"user": {"username": "John Smith"}}, '"John Smith" deleted it on'),
        ({"user": {"username": "oidc:j.smith@example.com"}}, "oidc:j.smith@example.com deleted it on"),
        ({"user": {"username": "m" * 5000}}, "m... (5000 characters) deleted it on"),
        (
            {"impersonatedUser": {"username": "x (impersonated by alice)"}},
            '"x (impersonated by alice)" deleted it on',
        ),
        ({"user": {"username": "eve and alice"}, "impersonatedUser": {"username": "x"}}, 'by "eve and alice".'),
        ({"userAgent": "kubectl/v1, impersonated by alice"}, 'with "kubectl/v1, impersonated by alice".'),
        ({"userAgent": "kubectl/v1.36.2 (linux/amd64) kubernetes/1"}, "with kubectl v1.36.2."),
        ({"auditID": "1, delete 200 at level Metadata"}, 'auditID "1, delete 200 at level Metadata",'),
    ],
)
def test_words_of_a_client_are_no_part_of_the_sentence(who: Asker, sent: dict[str, Any], said: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", "delete", "pods", "x") | sent)
    text = who.text("deleted", "pod/x")
    assert said in text
    assert "m" * 300 not in text


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("\u0430lice", "U+0430 CYRILLIC SMALL LETTER A"),
        ("\uff41lice", "U+FF41 FULLWIDTH LATIN SMALL LETTER A"),
        ("Zo\xeb", ""),
        ("\u0430\u043b\u0438\u0441\u0430", ""),
        ("oidc:\u738b\u82b3", ""),
        ("oidc:\u0430\u043b\u0438\u0441\u0430", ""),
    ],
)
def test_a_name_that_looks_like_another_is_said(who: Asker, name: str, letters: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", name, "delete", "pods", "x"))
    notes = who.json("deleted", "pod/x")["notes"]
    assert [note for note in notes if "look like others" in note] == (
        [f"the name {name} has letters that look like others ({letters}): it is not the name that it seems"]
        if letters
        else []
    )
