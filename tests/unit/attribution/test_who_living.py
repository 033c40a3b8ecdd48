"""The living object as a witness: what it makes certain, what it adds, and that it never overrules the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from attributionkit import Answer, EventLog, Question, Verb, ask
from eventkit import CONTROLLER, NOISE, event, write
from whokit import parse_object

from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.sources.local import LocalLogs


class Said(NamedTuple):
    node: str
    code: str
    body: bytes


class Server:
    """API servers that show some objects, by path."""

    def __init__(self, nodes: int = 1) -> None:
        self.nodes = [dict[str, dict[str, Any]]() for _ in range(nodes)]
        self.asked: list[str] = []

    def has(self, path: str, uid: str, created: str, *, on: int = 0, **metadata: Any) -> Server:
        name = path.rpartition("/")[2]
        shown = {"name": name, "uid": uid, "creationTimestamp": f"2026-11-23T{created}Z", **metadata}
        self.nodes[on][path] = {"kind": "PartialObjectMetadata", "metadata": shown}
        return self

    def __call__(self, path: str) -> Sequence[Said]:
        self.asked.append(path)
        return [self._say(number, path) for number in range(len(self.nodes))]

    def _say(self, number: int, path: str) -> Said:
        found = self.nodes[number].get(path)
        name = path.rpartition("/")[2]
        missing = {"kind": "Status", "message": f'x "{name}" not found'}
        return Said(f"cp{number + 1}", "200" if found else "404", json.dumps(found or missing).encode())


def owned(kind: str, name: str, uid: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]


def manager(name: str, time: str) -> dict[str, str]:
    return {"manager": name, "operation": "Update", "time": f"2026-11-23T{time}Z"}


PODS, SETS = "/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/replicasets"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
POD = "web-7887448d46-mtt74"


def asked(path: Path, verb: str, target: str, server: Server | None) -> Answer:
    kind, name = parse_object(target)
    logs = LocalLogs(find_logs([str(path)]).files)
    return ask(EventLog(logs), Question(Verb(verb), kind, "default", name), None, server)


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    """At level Metadata: a person's Deployment, its ReplicaSet, a Pod without a name; and the scheduler's binding."""
    deployments, sets = f"{CONTROLLER}deployment-controller", f"{CONTROLLER}replicaset-controller"
    apps = {"group": "apps"}
    return write(
        tmp_path / "cp1/audit.log",
        *NOISE,
        event("10:00:00.100000", "ann", "create", "deployments", "web", code=201, **apps),
        event("10:00:00.200000", deployments, "create", "replicasets", "web-7887448d46", code=201, **apps),
        event("10:00:00.300000", sets, "create", "pods", code=201),
        event("10:00:00.350000", "system:kube-scheduler", "create", "pods", POD, sub="binding", code=201),
    )


def living() -> Server:
    server = Server().has(
        f"{PODS}/{POD}", "u1", "10:00:00", ownerReferences=owned("ReplicaSet", "web-7887448d46", "u2")
    )
    server.has(f"{SETS}/web-7887448d46", "u2", "10:00:00", ownerReferences=owned("Deployment", "web", "u3"))
    return server.has(f"{DEPLOYMENTS}/web", "u3", "10:00:00")


def test_it_makes_a_chain_at_level_metadata_certain(rollout: Path) -> None:
    alone = asked(rollout, "created", f"pod/{POD}", None)
    assert (alone.confidence, alone.root and alone.root.user) == ("inferred", "ann")
    answer = asked(rollout, "created", f"pod/{POD}", living())
    assert (answer.confidence, answer.root and answer.root.user) == ("certain", "ann")
    assert [one.uid for one in answer.living] == ["u1", "u2", "u3"]
    assert any("living object" in link.why for link in answer.links)
    assert any("it agrees: made at 2026-11-23T10:00:00Z (UID u1)" in note for note in answer.notes)


def test_an_owner_that_was_made_anew_is_no_owner(rollout: Path) -> None:
    server = living().has(f"{DEPLOYMENTS}/web", "u9", "12:00:00")
    answer = asked(rollout, "created", f"pod/{POD}", server)
    assert [one.uid for one in answer.living] == ["u1", "u2"]
    assert any("is another one now (UID u9; the owner had u3)" in note for note in answer.notes)


def test_where_the_log_does_not_reach_back_it_says_what_is_known(tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *NOISE)
    server = Server().has(f"{DEPLOYMENTS}/web", "u3", "03:00:00", managedFields=[manager("helm", "03:00:00")])
    answer = asked(log, "created", "deploy/web", server)
    assert answer.confidence == "unknown"
    assert answer.notes[1] == (
        "The living object (read on cp1): made at 2026-11-23T03:00:00Z (UID u3) by manager `helm`"
        " (a name that the client gave itself, which proves no person)."
    )


def test_two_lives_of_one_name_are_told_apart(tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit.log",
        *NOISE,
        event("10:00:00.000000", "ann", "create", "pods", "x", code=201),
        event("11:00:00.000000", "bob", "delete", "pods", "x"),
    )
    server = Server().has(f"{PODS}/x", "u2", "12:00:00")
    answer = asked(log, "created", "pod/x", server)
    assert answer.answer is not None
    assert answer.answer.user == "ann"
    assert any("so it is another one of that name, whose create is not in this log" in note for note in answer.notes)
    deleted = asked(log, "deleted", "pod/x", server)
    assert any(
        "another one of that name exists since 2026-11-23T12:00:00Z (UID u2)" in note for note in deleted.notes
    )


def test_a_contradiction_is_a_note_and_the_log_keeps_its_word(tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *NOISE, event("11:00:00.000000", "bob", "delete", "pods", "x"))
    answer = asked(log, "deleted", "pod/x", Server().has(f"{PODS}/x", "u1", "09:00:00"))
    assert answer.answer is not None
    assert answer.answer.user == "bob"
    assert any("it disagrees with the log" in note for note in answer.notes)
    going = Server().has(f"{PODS}/x", "u1", "09:00:00", deletionTimestamp="2026-11-23T11:00:30Z")
    said = asked(log, "deleted", "pod/x", going).notes
    assert any("it is still there (UID u1), being deleted since 2026-11-23T11:00:30Z" in note for note in said)


def test_nodes_that_disagree_are_not_believed(rollout: Path) -> None:
    server = (
        Server(nodes=2).has(f"{DEPLOYMENTS}/web", "u1", "10:00:00").has(f"{DEPLOYMENTS}/web", "u2", "10:00:00", on=1)
    )
    answer = asked(rollout, "created", "deploy/web", server)
    assert answer.living == ()
    assert any("are they of several clusters?" in note for note in answer.notes)


def test_what_does_not_exist_is_no_witness(rollout: Path) -> None:
    answer = asked(rollout, "created", "deploy/web", Server())
    assert (answer.living, answer.confidence) == ((), "certain")
    assert not any("living" in note for note in answer.notes)
    assert "pod default/nope does not exist now." in asked(rollout, "created", "pod/nope", Server()).notes


def test_the_newest_managers_are_said_of_a_change(tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *NOISE, event("11:00:00.000000", "bob", "patch", "configmaps", "c"))
    fields = [manager("kubectl-edit", "11:00:00"), manager("helm", "09:00:00")]
    server = Server().has("/api/v1/namespaces/default/configmaps/c", "u1", "09:00:00", managedFields=fields)
    notes = asked(log, "changed", "cm/c", server).notes
    assert any("last written by `kubectl-edit` (Update) at 2026-11-23T11:00:00Z" in note for note in notes)


def test_a_custom_kind_is_read_in_the_version_that_the_log_shows(tmp_path: Path) -> None:
    uri = "/apis/example.com/v1beta1/namespaces/default/widgets/w"
    made = event("10:00:00.000000", "ann", "patch", "widgets", "w", group="example.com", requestURI=uri)
    log = write(tmp_path / "audit.log", *NOISE, made)
    server = Server().has(uri, "u1", "09:00:00")
    assert [one.uid for one in asked(log, "changed", "widgets.example.com/w", server).living] == ["u1"]
    assert server.asked == [uri]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"metadata":7}', b'{"metadata":{"name":"other"}}', b'{"metadata":{"name":"web"}}']
)
def test_whatever_a_server_answers_ends_in_words(rollout: Path, body: bytes) -> None:
    class Odd(Server):
        def _say(self, number: int, path: str) -> Said:
            return Said("cp1", "200", body)

    assert asked(rollout, "created", "deploy/web", Odd()).answer is not None


@pytest.mark.parametrize(
    ("verb", "made", "said"),
    [
        ("created", "12:00:00", "by a request that is not in this log"),
        ("created", "09:00:00", "before that request"),
        ("created", "10:00:00", ""),
        ("deleted", "10:00:00", "it still exists"),
        ("deleted", "12:00:00", ""),
    ],
)
def test_what_the_living_object_contradicts_is_not_certain(tmp_path: Path, verb: str, made: str, said: str) -> None:
    """The log keeps its word, and the first sentence says what speaks against it."""
    requests = [event("10:00:00.000000", "ann", "create", "pods", "x", code=201)]
    if verb == "deleted":
        requests.append(event("11:00:00.000000", "bob", "delete", "pods", "x"))
    log = write(tmp_path / "audit.log", *NOISE, *requests)
    answer = asked(log, verb, "pod/x", Server().has(f"{PODS}/x", "u2", made))
    assert answer.answer is not None
    assert answer.answer.user == {"created": "ann", "deleted": "bob"}[verb]
    assert answer.confidence == ("inferred" if said else "certain")
    assert said in answer.proviso
    assert bool(said) == bool(answer.proviso)
