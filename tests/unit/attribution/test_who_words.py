"""The words of an answer: what was asked for, to which object, how many; each on a small made-up log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

from kaudit_setup.cli import main
from kaudit_setup.units import counted


@pytest.mark.parametrize(
    ("verb", "tried", "said"),
    [
        ("deleted", {"verb": "create", "sub": "eviction", "code": 429}, "tried to evict pod default/x at"),
        (
            "exec",
            {"verb": "get", "sub": "proxy", "code": 500},
            "tried to send a request through the proxy to pod default/x at",
        ),
        ("exec", {"verb": "create", "sub": "exec", "code": 403}, "tried to run a command in pod default/x at"),
        ("deleted", {"verb": "delete", "code": 403}, ": refused with 403"),
        ("deleted", {"verb": "delete", "code": 503}, ": failed with 503"),
    ],
)
def test_an_attempt_is_called_what_it_was(who: Asker, verb: str, tried: dict[str, Any], said: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "victor", resource="pods", name="x", **tried))
    assert said in who.text(verb, "pod/x")


def test_a_namesake_is_named(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "pods", "x", code=201),
        event("10:00:00.000000", "judy", "delete", "pods", "x"),
        event("11:00:00.000000", "bob", "create", "pods", "x", code=201),
        event("12:00:00.000000", "carol", "delete", "pods", "x"),
        event("13:00:00.000000", "ruth", "create", "pods", "x", code=201),
    )
    deleted = who.text("deleted", "pod/x")
    assert deleted.startswith("carol deleted it")
    assert "an earlier pod default/x was deleted by judy at 2026-11-23 10:00:00 UTC" in deleted
    assert "a later pod default/x was created by ruth at" in deleted
    assert "an earlier pod default/x was created by ann" in who.text("created", "pod/x")


def test_what_a_controller_made_anew_names_who_deleted_the_one_before(who: Asker) -> None:
    controller = f"{CONTROLLER}deployment-controller"
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "deployments", "web", group="apps", code=201),
        event("09:00:00.100000", controller, "create", "replicasets", "web-8c885b86c", group="apps", code=201),
        event("10:00:00.000000", "wanda", "delete", "replicasets", "web-8c885b86c", group="apps"),
        event("10:00:00.100000", controller, "create", "replicasets", "web-8c885b86c", group="apps", code=201),
    )
    notes = who.json("created", "rs/web-8c885b86c")["notes"]
    assert any("web-8c885b86c was made again after wanda deleted it" in note for note in notes)


def test_what_a_user_did_to_no_object_by_name(who: Asker) -> None:
    path = {"requestURI": "/healthz", "objectRef": None}
    write(
        who.path,
        *NOISE,
        event("10:00:00.000000", "fiona", "list", "pods"),
        event("10:00:00.000000", "fiona", "deletecollection", "pods"),
        event("10:00:00.000000", "fiona", "deletecollection", "secrets", query="?labelSelector=a%3Db"),
        event("10:00:00.000000", "fiona", "get", "", "", ns="", **path),
        event("10:00:00.000000", "fiona", "create", "pods", code=403),
    )
    text = who.text("touched", "--user", "fiona")
    assert "listed all pods in namespace default  200" in text
    assert "deleted all pods in namespace default  200" in text
    assert "deleted all secrets in namespace default that match a=b  200" in text
    assert "read /healthz  200" in who.text("read", "--user", "fiona")
    assert "on 2026-11-23 10:00:00 UTC" in text.splitlines()[0]
    assert "between" not in text.splitlines()[0]
    created = who.text("created", "pods", "--user", "fiona")
    assert "(to create a pod of a name that is not logged in namespace default: 403)" in created


def test_a_kind_and_a_name_may_be_two_words(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "ann", "create", "pods", "twin", code=201))
    assert who.text("created", "po", "twin").startswith("ann created it")
    assert main(["who", "created", "po/twin", "twin", "--log", str(who.path)]) == 2


def test_an_unknown_kind_comes_with_a_hint(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "ann", "create", "widgets", "w1", group="acme.io", code=201))
    assert "write a custom resource as plural.group" in who.text("created", "wi/w1")
    assert "plural.group" not in who.text("created", "widgets.acme.io/w1")
    assert "plural.group" not in who.text("created", "pod/nope")


def test_a_policy_that_drops_what_the_controllers_delete_is_named(who: Asker, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
        '- {level: None, userGroups: ["system:serviceaccounts:kube-system"]}\n- {level: Metadata}\n'
    )
    write(who.path, *NOISE)
    text = who.text("deleted", "pod/web-8664bd895d-q49c5", "--policy", str(policy))
    assert "does not log a delete by system:serviceaccount:kube-system:replicaset-controller: rule 1" in text
    assert "is the name" not in text


def test_a_name_is_not_doubted_below_an_answer(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "deployments", "web", group="apps", code=201),
        event(
            "09:00:00.100000",
            f"{CONTROLLER}deployment-controller",
            "create",
            "replicasets",
            "web-8c885b86c",
            group="apps",
            code=201,
        ),
    )
    text = who.text("created", "pod/web-8c885b86c-q49c5")
    assert text.startswith("ann created")
    assert "is the name" not in text


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "gap", "0 gaps"), (1, "damaged line", "1 damaged line"), (2, "policy", "2 policies"), (3, "day", "3 days")],
)
def test_numbers_and_their_nouns(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text
