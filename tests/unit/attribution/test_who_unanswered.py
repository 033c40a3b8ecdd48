"""What is no request, what is unknown and why, and the shape of an answer: each on a small made-up log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attributionkit import EventLog, Question, Verb, ask, with_notes
from documentkit import only
from eventkit import CONTROLLER, DAY, NOISE, Asker, event, write
from whokit import answer, in_lines

from kaudit_setup.auditlog.kinds import parse_kind
from kaudit_setup.auditlog.sources.best_effort import BestEffortRunner, missing
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.cli import main
from kaudit_setup.errors import NodeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script


def test_the_sentence_of_the_article(who: Asker) -> None:
    write(
        who.path,
        event(
            "22:21:15.910428", "kubernetes-admin", "create", "pods", "my-suspicious-pod", code=201, as_user="foobar"
        ),
    )
    text = who.text("created", "pod/my-suspicious-pod")
    assert text.splitlines()[0] == (
        "foobar created it on 2026-11-23 22:21:15 UTC from 192.168.1.135 with kubectl v1.23.3,"
        " impersonated by kubernetes-admin."
    )
    assert f"{who.path}:1" in text
    assert "Confidence: certain (the request names it)." in text


def test_the_json_has_exactly_the_documented_keys(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "admin", "create", "pods", "x", code=201, as_user="foobar"))
    found = who.json("created", "po/x", "-n", "default")
    assert found["reasons"] == []
    assert list(found) == [
        "question",
        "confidence",
        "reasons",
        "answer",
        "root",
        "chain",
        "events",
        "coverage",
        "notes",
    ]
    assert found["question"] == {
        "verb": "created",
        "group": "",
        "resource": "pods",
        "namespace": "default",
        "name": "x",
    }
    assert found["confidence"] == "certain"
    assert list(found["answer"]) == [
        "user", "groups", "impersonatedBy", "sourceIPs", "userAgent", "time", "verb", "code",
        "decision", "reason", "auditID", "level", "stage", "source",
    ]  # fmt: skip
    assert found["answer"]["user"] == "foobar"
    assert found["answer"]["impersonatedBy"] == "admin"
    assert found["answer"]["source"] == {"node": "cp1", "file": str(who.path), "line": 3}
    assert found["root"] == found["answer"]
    assert [list(link) for link in found["chain"]] == [["object", "event", "confidence", "why"]]
    assert list(found["coverage"][0]) == ["node", "from", "to", "gaps", "files", "damaged", "unreadable"]
    assert found["coverage"][0]["from"] == f"{DAY}00:00:00.000000Z"
    assert found["coverage"][0]["gaps"][0]["from"] == f"{DAY}00:00:00.000000Z"


def test_exit_codes(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    args = ["--log", str(who.path)]
    assert main(["who", "created", "pod/x", *args]) == 0
    assert main(["who", "created", "pod/nope", *args]) == 1
    assert main(["who", "created", "x", *args]) == 2
    assert main(["who", "created", "podd/x", *args]) == 2
    assert main(["who", "created", *args]) == 2
    assert main(["who", "made", "pod/x", *args]) == 2
    assert main(["who", "created", "pod/x", "--policy", "no-such-preset", *args]) == 2
    assert "Traceback" not in who.capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"code": 403}, ": refused with 403"),
        ({"code": 409}, ": refused with 409"),
        ({"code": 201, "query": "?dryRun=All&fieldManager=kubectl-create"}, "a dry run"),
        ({"stage": "RequestReceived"}, "outcome unknown, this log has only stage"),
        ({"stage": "Panic", "code": 500}, "the server panicked over it (500), and it may have taken effect before"),
        ({"code": 500}, "failed with 500"),
    ],
)
def test_what_failed_is_not_a_deed(who: Asker, changed: dict[str, Any], said: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "mallory", "create", "pods", "x", **changed))
    found = who.json("created", "pod/x")
    assert found["confidence"] == "unknown"
    assert found["answer"] is None
    assert found["root"] is None
    assert found["notes"][0].startswith("No successful create of pod default/x found in this log")
    assert any("mallory" in note and said in note for note in found["notes"])


@pytest.mark.parametrize("changed", [{"stage": "RequestReceived"}, {"stage": "Panic", "code": 500}, {"code": 504}])
@pytest.mark.parametrize(("verb", "did"), [("delete", "deleted"), ("patch", "changed")])
def test_a_request_whose_end_is_not_logged_is_in_the_first_sentence(
    who: Asker, changed: dict[str, Any], verb: str, did: str
) -> None:
    alive = event("09:00:00.000000", "alice", "create", "pods", "x", code=201)
    write(who.path, *NOISE, alive, event("10:00:00.000000", "mallory", verb, "pods", "x", **changed))
    found = who.json(did, "pod/x")
    assert (found["answer"], found["confidence"]) == (None, "unknown")
    assert found["notes"][0].startswith(f"This log does not tell whether mallory {did} pod default/x at")


def test_an_object_that_lived_on_was_not_deleted_by_a_request_without_an_end(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("10:00:00.000000", "mallory", "delete", "configmaps", "x", stage="RequestReceived"),
        event("10:09:00.000000", "bob", "patch", "configmaps", "x"),
    )
    found = who.json("deleted", "cm/x")
    assert found["notes"][0].startswith("No successful deletion of configmap default/x found")


def test_a_real_create_after_a_dry_run_is_the_deed(who: Asker) -> None:
    write(
        who.path,
        event("10:00:00.000000", "mallory", "create", "pods", "x", code=201, query="?dryRun=All"),
        event("10:00:05.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:09.000000", "mallory", "create", "pods", "x", code=409),
    )
    found = who.json("created", "pod/x")
    assert found["answer"]["user"] == "alice"
    assert sum("mallory" in note for note in found["notes"]) == 2


def test_failed_logins_have_one_stage_and_no_user(who: Asker) -> None:
    nobody = event("10:00:00.000000", "", "get", "secrets", "s", code=401, stage="ResponseStarted")
    nobody = {**nobody, "user": {}, "annotations": {}}
    write(who.path, *NOISE, nobody)
    found = who.json("read", "secret/s")
    assert found["answer"] is None
    assert any("an unauthenticated client" in note and "401" in note for note in found["notes"])


def test_stages_and_copies_are_one_event(who: Asker, tmp_path: Path) -> None:
    begun = event("10:00:00.000000", "alice", "create", "pods", "x", stage="RequestReceived", auditID="same")
    done = event("10:00:00.000000", "alice", "create", "pods", "x", code=201, auditID="same")
    for node in ("cp1", "cp2"):
        write(tmp_path / node / "audit.log", begun, done)
    found = who.json("touched", "pod/x", log=tmp_path)
    assert [e["stage"] for e in found["events"]] == ["ResponseComplete"]
    assert found["events"][0]["source"]["node"] == "cp1"
    assert [each["node"] for each in found["coverage"]] == ["cp1", "cp2"]


def test_before_impersonation_a_request_is_the_same_request(who: Asker) -> None:
    """At RequestReceived the impersonated user is not known yet: that is no attempt of the impersonator's own."""
    begun = event("10:00:00.000000", "admin", "create", "pods", "x", stage="RequestReceived", auditID="same")
    done = event("10:00:00.000000", "admin", "create", "pods", "x", code=201, as_user="alice", auditID="same")
    write(who.path, begun, done)
    found = who.json("created", "pod/x")
    assert found["answer"]["user"] == "alice"
    assert found["notes"] == []
    assert len(who.json("touched", "pod/x")["events"]) == 1


def test_nobody_hides_behind_anothers_audit_id(who: Asker) -> None:
    """Audit-ID is a header that clients may send."""
    write(
        who.path,
        event("10:00:00.000000", "mallory", "create", "pods", "x", code=201, auditID="chosen"),
        event("10:00:05.000000", "alice", "get", "pods", "x", auditID="chosen"),
    )
    assert who.json("created", "pod/x")["answer"]["user"] == "mallory"


def test_the_log_that_does_not_reach_back_is_told_from_nobody(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "system:node:n1", "patch", "pods", "x", sub="status"))
    found = who.json("created", "pod/x")
    assert found["confidence"] == "unknown"
    assert found["notes"][0].startswith("pod default/x already existed at")
    assert f"the log begins at {DAY}00:00:00.000000Z" in found["notes"][0]


def test_a_binding_shows_that_the_create_was_dropped(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("10:00:00.000000", "system:kube-scheduler", "create", "pods", "x", sub="binding", code=201),
    )
    assert "the policy did not log it, or it is in another node's log" in who.json("created", "pod/x")["notes"][0]


def test_the_policy_that_did_not_log_it(who: Asker, tmp_path: Path) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "system:node:n1", "patch", "pods", "x", sub="status"))
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verbs: [delete]\n"
        "- level: None\n  resources: [{group: '', resources: [pods]}]\n- level: Metadata\n"
    )
    found = who.json("created", "pod/x", "--policy", str(policy))
    assert found["notes"][0].startswith("The policy does not log this: rule 2 (line 6) has level None")
    found = who.json("deleted", "pod/x", "--policy", str(policy))
    assert any("a deletecollection by a person" in note for note in found["notes"])
    found = who.json("changed", "cm/x", "--policy", str(policy))
    assert found["notes"][0].startswith("No successful change of configmap default/x")


@pytest.mark.parametrize("verb", ["created", "changed", "deleted", "read", "exec"])
def test_a_node_whose_log_is_missing(who: Asker, verb: str) -> None:
    servers = [
        event(
            "10:00:00.000000",
            f"system:node:{n}",
            "patch",
            "pods",
            f"kube-apiserver-{n}",
            ns="kube-system",
            sub="status",
        )
        for n in ("cp1", "cp2")
    ]
    write(who.path, *NOISE, *servers)
    said = who.json(verb, "cm/settings")["notes"][0]
    assert "requests through cp2 are not in this log (its log is missing: an API server ran there too" in said


@pytest.mark.parametrize(
    ("omitted", "said"),
    [
        (
            "[RequestReceived, ResponseComplete]",
            "No successful exec, attach, port-forward or proxy request into pod default/x",
        ),
        (
            "[ResponseStarted, ResponseComplete]",
            "The policy does not log this: rule 1 (line 4) omits the stages ResponseStarted and ResponseComplete",
        ),
    ],
)
def test_an_exec_is_seen_as_soon_as_it_starts(who: Asker, tmp_path: Path, omitted: str, said: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
        f"- level: Metadata\n  resources: [{{group: '', resources: [pods/exec]}}]\n  omitStages: {omitted}\n"
        "- level: Metadata\n"
    )
    assert who.json("exec", "pod/x", "--policy", str(policy))["notes"][0].startswith(said)


def test_gaps_and_an_empty_log(who: Asker, tmp_path: Path) -> None:
    write(who.path, *NOISE)
    assert any("has a gap from" in note for note in who.json("created", "pod/x")["notes"])
    write(who.path)
    found = who.json("created", "pod/x")
    assert found["notes"][0] == "This log holds no events."


def test_outside_of_the_window_is_said(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    found = who.json("created", "pod/x", "--since", f"{DAY}11:00:00Z")
    assert found["answer"] is None
    said = [f"alice created pod default/x at {DAY}10:00:00.000000Z, which is outside of the time asked for."]
    assert [note for note in found["notes"] if "pod default/x" in note] == said
    assert who.json("created", "pod/x", "--until", f"{DAY}11:00:00Z")["answer"]["user"] == "alice"
    found = who.json("created", "pod/x", "--until", f"{DAY}09:00:00Z")
    assert found["answer"] is None
    assert [note for note in found["notes"] if "pod default/x" in note] == said


@pytest.mark.parametrize(
    ("asked", "did", "verb", "sub"),
    [
        ("changed", "changed", "patch", ""),
        ("deleted", "deleted", "delete", ""),
        ("read", "read", "get", ""),
        ("exec", "connected to", "create", "exec"),
        ("touched", "touched", "get", ""),
    ],
)
@pytest.mark.parametrize("window", [("--since", f"{DAY}11:00:00Z"), ("--until", f"{DAY}09:00:00Z")])
def test_whatever_was_done_at_another_time_is_said(
    who: Asker, asked: str, did: str, verb: str, sub: str, window: tuple[str, str]
) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "bob", verb, "pods", "x", sub=sub))
    found = who.json(asked, "pod/x", *window)
    assert found["answer"] is None
    said = f"bob {did} pod default/x at {DAY}10:00:00.000000Z, which is outside of the time asked for."
    assert found["notes"][0] == said


def test_an_impersonated_controller_is_a_person(who: Asker) -> None:
    write(
        who.path,
        event(
            "10:00:00.000000",
            "mallory",
            "create",
            "pods",
            "web-5d9c7b8f6d-abcde",
            code=201,
            as_user=f"{CONTROLLER}replicaset-controller",
        ),
    )
    found = who.json("created", "pod/web-5d9c7b8f6d-abcde")
    assert found["root"]["impersonatedBy"] == "mallory"
    assert len(found["chain"]) == 1


MANAGER, AGENT = "system:kube-controller-manager", "kube-controller-manager/v1.20.2 (linux/amd64) kubernetes/faecb19"


@pytest.mark.parametrize(
    ("user", "agent", "as_user", "root"),
    [
        (MANAGER, f"{AGENT}/{CONTROLLER}replicaset-controller", "", "alice"),
        (MANAGER, f"{AGENT}/leader-election", "", None),
        ("mallory", f"{AGENT}/{CONTROLLER}replicaset-controller", "", "mallory"),
        ("mallory", AGENT, f"{CONTROLLER}replicaset-controller", f"{CONTROLLER}replicaset-controller"),
        ("system:serviceaccount:kube-system:deployer", AGENT, "", "system:serviceaccount:kube-system:deployer"),
    ],
)
def test_controllers_that_share_one_user_are_told_by_their_agent(
    user: str, agent: str, as_user: str, root: str | None
) -> None:
    """Only what a controller made leads further, to whoever made its Deployment."""
    deployer, apps = f"{CONTROLLER}deployment-controller", {"group": "apps"}
    log = in_lines(
        [
            event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **apps),
            event("09:00:00.100000", deployer, "create", "replicasets", "web-5d9c7b8f6d", code=201, **apps),
            event(
                "09:00:00.200000",
                user,
                "create",
                "pods",
                "web-5d9c7b8f6d-bbcdf",
                code=201,
                as_user=as_user,
                userAgent=agent,
            ),
        ]
    )
    found = answer(log, "created", "pod/web-5d9c7b8f6d-bbcdf", "default")
    assert (found.root and found.root.user) == root
    assert found.answer is not None
    assert found.answer.user == (as_user or user)


HOSTILE = "evil\x1b[31m\r\n\u202egnp\x07\x1b]8;;http://x\x07[bold]red[/bold]"


def test_hostile_strings_are_harmless(who: Asker) -> None:
    write(
        who.path,
        event("10:00:00.000000", HOSTILE, "create", "pods", "x", code=201, as_user=HOSTILE, userAgent=HOSTILE),
    )
    text = who.text("created", "pod/x")
    for char in "\x1b\x07\r\u202e":
        assert char not in text
    assert "\\x1b[31m" in text
    assert "[bold]red[/bold]" in text
    assert all(line.isprintable() for line in text.splitlines())
    main(["who", "created", "pod/x", "--log", str(who.path), "-o", "json"])
    out = who.capsys.readouterr().out
    assert out.isascii()
    assert only(out)["answer"]["user"] == HOSTILE


def test_the_last_delete_of_a_kubelet_is_not_the_deed(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "bob", "delete", "pods", "x"),
        event("10:00:30.000000", "system:node:n1", "delete", "pods", "x"),
    )
    assert who.json("deleted", "pod/x")["answer"]["user"] == "bob"
    write(who.path, *NOISE, event("10:00:30.000000", "system:node:n1", "delete", "pods", "x"))
    found = who.json("deleted", "pod/x")
    assert found["answer"] is None
    assert any("already terminating" in note for note in found["notes"])


def test_a_deletecollection_with_another_selector_is_not_it(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "eve", "deletecollection", "pods", query="?fieldSelector=metadata.name%3Dother"),
        event("11:00:00.000000", "bob", "delete", "pods", "x"),
    )
    assert who.json("deleted", "pod/x")["answer"]["user"] == "bob"
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "eve", "deletecollection", "pods"),
    )
    found = who.json("deleted", "pod/x")
    assert found["answer"]["user"] == "eve"
    assert found["confidence"] == "inferred"


def test_an_autoscaler_leads_to_its_maker(who: Asker) -> None:
    hpa = {"group": "autoscaling", "ns": "shop"}
    apps = {"group": "apps", "ns": "shop"}
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, **apps),
        event(
            "09:00:00.100000",
            f"{CONTROLLER}deployment-controller",
            "create",
            "replicasets",
            "web-5d9c7b8f6d",
            code=201,
            **apps,
        ),
        event("09:30:00.000000", "carol", "create", "horizontalpodautoscalers", "web-hpa", code=201, **hpa),
        event(
            "10:00:00.000000",
            f"{CONTROLLER}horizontal-pod-autoscaler",
            "update",
            "deployments",
            "web",
            sub="scale",
            **apps,
        ),
        event(
            "10:00:00.010000",
            f"{CONTROLLER}horizontal-pod-autoscaler",
            "update",
            "horizontalpodautoscalers",
            "web-hpa",
            sub="status",
            **hpa,
        ),
        event(
            "10:00:00.100000", f"{CONTROLLER}deployment-controller", "update", "replicasets", "web-5d9c7b8f6d", **apps
        ),
        event("10:00:00.200000", f"{CONTROLLER}replicaset-controller", "create", "pods", ns="shop", code=201),
        event(
            "10:00:00.300000",
            "system:kube-scheduler",
            "create",
            "pods",
            "web-5d9c7b8f6d-bbcdf",
            ns="shop",
            sub="binding",
            code=201,
        ),
    )
    found = who.json("created", "pod/web-5d9c7b8f6d-bbcdf", "-n", "shop")
    assert found["root"]["user"] == "carol"
    assert [link["object"]["resource"] for link in found["chain"]] == [
        "pods", "replicasets", "deployments", "horizontalpodautoscalers",
    ]  # fmt: skip
    assert any("alice" in note for note in found["notes"])


def test_the_question_turned_round(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "pods", "x", code=201),
        event("10:00:00.000000", "alice", "delete", "configmaps", "c", ns="shop", as_user="bob"),
        event("11:00:00.000000", "root", "get", "secrets", "s", as_user="alice"),
        event("12:00:00.000000", "alice", "create", "pods", "y", code=403),
        event("13:00:00.000000", "carol", "create", "pods", "alice", code=201),
    )
    found = who.json("touched", "--user", "alice")
    assert [(e["verb"], e["user"]) for e in found["events"]] == [
        ("create", "alice"),
        ("delete", "bob"),
        ("get", "alice"),
    ]
    assert [link["object"]["name"] for link in found["chain"]] == ["x", "c", "s"]
    assert any("1 matching request was refused" in note for note in found["notes"])
    assert len(who.json("touched", "pod", "--user", "alice")["events"]) == 1
    assert len(who.json("touched", "-n", "shop", "--user", "alice")["events"]) == 1
    assert len(who.json("read", "secret/s", "--user", "alice")["events"]) == 1
    assert "alice sent 3 requests between" in who.text("touched", "--user", "alice")
    assert who.json("touched", "--user", "nobody")["notes"] == ["No request by nobody found in this log."]


def test_standard_input_can_be_looked_at_twice(who: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(who.path, *NOISE, event("10:00:00.000000", "mallory", "create", "pods", "x", code=403))
    with path.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        main(["who", "created", "pod/x", "--log", "-", "-o", "json"])
    found = only(who.capsys.readouterr().out)
    assert found["notes"][0].startswith("No successful ")
    assert found["coverage"][0]["node"] == "stdin"


def test_damaged_lines_are_counted(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    with who.path.open("ab") as stream:
        stream.write(b'{"kind":"Event","objectRef":{"name":"x"},"level":\0}\n{"name":"x"')
    found = who.json("created", "pod/x")
    assert found["answer"]["user"] == "alice"
    assert found["coverage"][0]["damaged"] >= 1


class Lost:
    """A node that cannot be reached."""

    name = "cp2"

    def sh(self, *args: object, **kwargs: object) -> Any:
        raise NodeError("cp2: connection refused")


def test_one_lost_node_is_said_and_all_lost_is_an_error(tmp_path: Path) -> None:
    audit = tmp_path / "root/var/log/kubernetes/audit/audit.log"
    write(audit, *NOISE, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    runners = [BestEffortRunner(LocalNode(tmp_path / "root")), BestEffortRunner(Lost())]
    logs = EventLog(RemoteLogs(runners, script("lib") + script("logs"), ["/var/log/kubernetes/audit/audit.log"]))
    question = Question(Verb.created, parse_kind("pod"), "default", "x")
    found = with_notes(ask(logs, question), missing(runners), logs.unreadable)
    assert found.answer is not None
    assert found.answer.user == "alice"
    assert found.answer.source.line == 3
    assert any(note.startswith("The log of cp2 is missing from this answer") for note in found.notes)
    unknown = ask(logs, Question(Verb.created, parse_kind("pod"), "default", "y"))
    assert with_notes(unknown, missing(runners), 0).notes[1].startswith("The log of cp2 is missing")
    with pytest.raises(NodeError):
        missing(runners[1:])


def test_a_timeline_is_told_in_words(who: Asker) -> None:
    write(
        who.path,
        event("09:00:00.000000", "alice", "create", "deployments", "web", code=201, group="apps"),
        event("09:10:00.000000", "bob", "patch", "deployments", "web", sub="scale", group="apps"),
        event("09:20:00.000000", "eve", "list", "deployments", group="apps"),
        event("09:30:00.000000", "carol", "delete", "deployments", "web", group="apps"),
        event("09:40:00.000000", "eve", "list", "deployments", group="apps"),
    )
    text = who.text("touched", "deploy/web")
    assert text.startswith("4 requests. Latest by a user: carol deleted it on 2026-11-23")
    for step in ("alice  created it", "bob  scaled it", "eve  listed all deployments", "carol  deleted it"):
        assert step in text
    assert [e["user"] for e in who.json("touched", "deploy/web")["events"]] == ["alice", "bob", "eve", "carol"]
    found = who.json("read", "deploy/web")
    assert found["answer"]["user"] == "eve"
    assert found["confidence"] == "inferred"


def test_an_object_in_another_namespace_is_pointed_at(who: Asker) -> None:
    made = [
        event(f"10:00:0{n}.000000", "alice", "create", "pods", "web", code=201, ns=ns) for n, ns in enumerate("ba")
    ]
    write(who.path, *NOISE, *made, event("10:00:05.000000", "alice", "create", "configmaps", "web", code=201, ns="c"))
    for verb in ("created", "deleted", "touched", "read"):
        notes = who.json(verb, "pod/web", "-n", "default")["notes"]
        assert any("but one of that name is in namespace a, b: write -n a." in note for note in notes), verb
    assert not any("of that name" in note for note in who.json("created", "pod/other", "-n", "default")["notes"])


@pytest.mark.parametrize("short", ["deployer", "ci:deployer"])
def test_the_short_name_of_a_service_account_is_told_in_full(who: Asker, short: str) -> None:
    full = "system:serviceaccount:ci:deployer"
    write(who.path, *NOISE, event("10:00:00.000000", full, "delete", "pods", "web", code=200))
    found = who.json("touched", "--user", short)
    assert found["notes"][0] == f"No request by {short} found in this log."
    assert found["notes"][1].startswith(f"Did you mean {full}?")
    assert not any("Did you mean" in note for note in who.json("touched", "--user", "ployer")["notes"])
    assert not any("Did you mean" in note for note in who.json("touched", "--user", full)["notes"])
