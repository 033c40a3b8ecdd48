"""`who` without the name of one object: by kind, by pattern, in all namespaces."""

from __future__ import annotations

from typing import Any

import pytest
from documentkit import only
from eventkit import CONTROLLER, NOISE, Asker, event, write
from logkit import SCENARIO

from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode

RBAC = {"group": "rbac.authorization.k8s.io"}


def listed(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["user"], f"{one['object']['namespace']}/{one['object']['name']}") for one in answer["events"]]


@pytest.fixture
def deletions(who: Asker) -> Asker:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "delete", "pods", "web-1", ns="shop"),
        event("09:01:00.000000", "system:node:n1", "delete", "pods", "web-1", ns="shop"),
        event("09:02:00.000000", "bob", "deletecollection", "pods", ns="shop"),
        event("09:03:00.000000", "eve", "create", "pods", "web-2", ns="shop", sub="eviction", code=201),
        event("09:04:00.000000", "ann", "delete", "pods", "db-1", ns="lab"),
        event("09:05:00.000000", "ann", "delete", "services", "web-3", ns="shop"),
        event("09:06:00.000000", "mallory", "delete", "pods", "web-4", ns="shop", code=403),
    )
    return who


def test_the_deletions_of_a_namespace(deletions: Asker) -> None:
    found = deletions.json("deleted", "pods", "-n", "shop")
    assert listed(found) == [("ann", "shop/web-1"), ("bob", "shop/"), ("eve", "shop/web-2")]
    assert found["background"][0] == {
        "user": "system:node:n1",
        "count": 1,
        "first": "2026-11-23T09:01:00.000000Z",
        "last": "2026-11-23T09:01:00.000000Z",
    }
    assert any("refused" in note and "web-4" in note for note in found["notes"])
    text = deletions.text("deleted", "po", "-n", "shop")
    assert text.startswith("3 deletions of po in namespace shop by 3 users.")
    assert "pods/eviction shop/web-2" in text


def test_all_namespaces_all_kinds_and_several_kinds(deletions: Asker) -> None:
    assert deletions.json("deleted", "pods", "-A")["total"] == 4
    assert deletions.json("deleted", "-A")["total"] == 5
    assert deletions.json("deleted", "-n", "shop")["total"] == 4
    assert deletions.json("deleted", "pods,svc", "-n", "shop")["total"] == 4
    assert deletions.json("deleted", "pods", "-n", "shop", "--since", "2026-11-23T09:03:00Z")["total"] == 1


def test_names_may_be_patterns(deletions: Asker) -> None:
    found = deletions.json("deleted", "pod/web-*", "-n", "shop")
    # a deletion of all Pods may have taken one that is meant
    assert listed(found) == [("ann", "shop/web-1"), ("bob", "shop/"), ("eve", "shop/web-2")]
    assert listed(deletions.json("deleted", "pod", "d?-1", "-A")) == [("bob", "shop/"), ("ann", "lab/db-1")]
    assert listed(deletions.json("deleted", "pod/db-1", "-A")) == [("bob", "shop/"), ("ann", "lab/db-1")]


def test_only_the_newest_are_listed_and_all_are_counted(deletions: Asker) -> None:
    found = deletions.json("deleted", "pods", "-A", "--last", "1")
    assert listed(found) == [("ann", "lab/db-1")]
    assert found["total"] == 4
    assert listed(deletions.json("deleted", "pod/*", "--user", "ann")) == [("ann", "shop/web-1"), ("ann", "lab/db-1")]
    assert [(one["user"], one["count"]) for one in found["by"]] == [("ann", 2), ("bob", 1), ("eve", 1)]
    text = deletions.text("deleted", "pods", "-A", "--last", "1")
    assert "4 deletions of pods in all namespaces by 3 users; the newest 1 are listed" in text
    assert "By user" in text


def test_the_timeline_of_an_object_can_be_cut(deletions: Asker) -> None:
    found = deletions.json("touched", "--user", "ann", "--last", "2")
    assert [one["time"][11:16] for one in found["events"]] == ["09:04", "09:05"]
    assert "1 earlier request not listed (--last 2)." in found["notes"]


def test_in_another_namespace(deletions: Asker) -> None:
    found = deletions.json("deleted", "pods")
    assert found["confidence"] == "unknown"
    assert found["sentence"].startswith("No deletion of pods in namespace default found in this log")
    assert (
        found["notes"][0] == "There are some in namespace shop (3), lab (1): write -n shop, or -A for all namespaces."
    )
    assert main(["who", "deleted", "pods", "--log", str(deletions.path)]) == 1


def test_who_is_behind_a_controller(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["who", "deleted", "pods", "-n", "shop", "--log", str(SCENARIO), "-o", "json"]) == 0
    found = only(capsys.readouterr().out)
    by_controllers = [one for one in found["events"] if one["user"].startswith(CONTROLLER)]
    assert {one["behind"]["event"]["user"] for one in by_controllers} == {"dave", "mallory"}
    assert {one["behind"]["confidence"] for one in by_controllers} == {"inferred"}
    assert main(["who", "deleted", "pods", "-n", "lab", "--log", str(SCENARIO), "-o", "json"]) == 0
    emptied = only(capsys.readouterr().out)["events"][-1]
    assert emptied["verb"] == "deletecollection"
    assert emptied["behind"]["object"]["resource"] == "namespaces"
    assert emptied["behind"]["event"]["user"] == "alice"


def test_in_a_large_log_who_is_behind_all_of_them_is_not_looked_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    assert main(["who", "deleted", "pods", "-n", "shop", "--log", str(SCENARIO), "-o", "json"]) == 0
    found = only(capsys.readouterr().out)
    assert [bool(one["behind"]) for one in found["events"]] == [False] * 4 + [True, True]
    assert any("who is behind 4 earlier ones by controllers was not looked up" in note for note in found["notes"])


def test_a_change_of_rbac_is_also_what_is_made_or_taken_away(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "clusterrolebindings", "evil", ns="", code=201, **RBAC),
        event("09:01:00.000000", "bob", "patch", "roles", "r", ns="shop", **RBAC),
        event("09:02:00.000000", "eve", "delete", "rolebindings", "b", ns="lab", **RBAC),
        event("09:03:00.000000", "ann", "get", "roles", "r", ns="shop", **RBAC),
        event("09:04:00.000000", "system:apiserver", "create", "clusterroles", "view", ns="", code=201, **RBAC),
    )
    found = who.json("changed", "rbac")
    assert listed(found) == [("ann", "/evil"), ("bob", "shop/r"), ("eve", "lab/b")]
    assert listed(who.json("changed", "rbac", "-n", "shop")) == [("ann", "/evil"), ("bob", "shop/r")]
    assert listed(who.json("changed", "roles", "-n", "shop")) == [("bob", "shop/r")]


def test_reads_of_a_namespace_are_also_lists_of_all(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "list", "secrets", ns=""),
        event("09:01:00.000000", "bob", "get", "secrets", "s", ns="kube-system"),
        event("09:02:00.000000", "eve", "get", "secrets", "s", ns="shop"),
        event("09:03:00.000000", "system:node:n1", "get", "secrets", "s", ns="kube-system"),
    )
    found = who.json("read", "secrets", "-n", "kube-system")
    assert listed(found) == [("ann", "/"), ("bob", "kube-system/s")]
    assert [one["user"] for one in found["background"]] == ["system:node:n1"]


def test_sessions_anywhere_also_through_a_kubelet(who: Asker) -> None:
    through = "/api/v1/nodes/n1/proxy/exec/shop/db-0/app?command=id"
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "pods", "web-1", ns="shop", sub="exec", code=101),
        event("09:01:00.000000", "bob", "get", "nodes", "n1", ns="", sub="proxy", requestURI=through),
        event("09:02:00.000000", "eve", "get", "services", "s", ns="lab", sub="proxy"),
        event("09:03:00.000000", "eve", "get", "pods", "web-1", ns="shop"),
        event("09:04:00.000000", "ann", "create", "pods", "web-1", ns="shop", sub="exec", stage="RequestReceived"),
    )
    assert listed(who.json("exec", "-A")) == [("ann", "shop/web-1"), ("bob", "shop/db-0"), ("eve", "lab/s")]
    assert listed(who.json("exec", "pods", "-n", "shop")) == [("ann", "shop/web-1"), ("bob", "shop/db-0")]
    assert who.json("exec", "web-1", "-n", "shop")["answer"]["user"] == "ann"


def test_new_objects_whose_names_are_not_logged_are_said(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "pods", "web-1", ns="shop", code=201),
        event("09:01:00.000000", "ann", "create", "pods", ns="shop", code=201),
    )
    found = who.json("created", "pod/web-*", "-n", "shop")
    assert listed(found) == [("ann", "shop/web-1")]
    assert found["notes"][0].startswith("1 created object has no name in this log and may match web-*")


def test_nothing_readable_is_said_first(who: Asker) -> None:
    who.path.parent.mkdir(parents=True)
    who.path.write_text("not an event\n" * 3)
    assert not who.text("deleted", "pods", "-A").startswith("No deletion")
    assert main(["who", "deleted", "pods", "-A", "--log", str(who.path)]) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["deleted"], "missing object"),
        (["deleted", "pods", "-A", "-n", "shop"], "-A excludes -n"),
        (["deleted", "pod/"], "has no name"),
        (["deleted", "pod/a/b"], "already has a name"),
        (["deleted", "/a"], "'/a' has no kind"),
        (["deleted", "pdos", "-A"], "did you mean"),
    ],
)
def test_what_cannot_be_asked(who: Asker, args: list[str], said: str) -> None:
    write(who.path, *NOISE)
    assert main(["who", *args, "--log", str(who.path)]) == 2
    assert said in who.capsys.readouterr().err


def test_on_nodes(nodes: list[LocalNode], capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["who", "read", "pods", "-n", "ns", "--host", "cp1", "--host", "cp2", "-o", "json"]
    assert main(asked) == 0
    found = only(capsys.readouterr().out)
    assert found["total"] == 180
    assert len(found["events"]) == 20
    assert {one["source"]["node"] for one in found["events"]} == {"cp1", "cp2"} or found["coverage"]
