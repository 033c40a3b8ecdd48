"""Writes that changed nothing are no changes: each on a small made-up log."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

ARGO = "system:serviceaccount:argocd:application-controller"
SSA = "?fieldManager=argocd&force=true"
Event = dict[str, Any]


def web(time: str, user: str, verb: str, version: int = 0, *, replicas: int = 1, **more: Any) -> Event:
    """A request on a Deployment; with `version`, its answer is logged."""
    spec: Event = {"replicas": replicas}
    meta: Event = {"name": "web", "uid": "u", "resourceVersion": str(version), "generation": replicas}
    if more.get("sub") != "status" and verb != "create":
        meta["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    if more.get("sub") == "scale":
        del meta["generation"]
    kind = "Scale" if more.get("sub") == "scale" else "Deployment"
    body = {"kind": kind, "apiVersion": "apps/v1", "metadata": meta, "spec": spec}
    logged: Event = {"level": "RequestResponse", "responseObject": body} if version else {}
    return event(f"09:{time}.000000", user, verb, "deployments", "web", group="apps", **logged, **more)


def report(time: str, version: int, replicas: int = 1) -> Event:
    return web(time, f"{CONTROLLER}deployment-controller", "update", version, replicas=replicas, sub="status")


APPLIED = [
    web("00:00", ARGO, "patch", 10, code=201, query=SSA),
    report("00:01", 11),
    web("03:00", ARGO, "patch", 11, query=SSA),
    web("06:00", ARGO, "patch", 11, query=SSA),
]


def test_what_is_applied_again_since_a_report_of_the_controller_is_no_change(who: Asker) -> None:
    write(who.path, *NOISE, *APPLIED)
    found = who.json("changed", "deploy/web")
    assert (found["answer"], found["confidence"], found["events"]) == (None, "unknown", [])
    assert found["notes"][0] == (
        "No effective change of deployment default/web found in this log: 2 requests changed nothing,"
        f" the latest by {ARGO} at 2026-11-23T09:06:00.000000Z."
    )
    assert "changed nothing of it" in who.text("touched", "deploy/web")


def test_who_wrote_before_the_same_was_applied_again_changed_it(who: Asker) -> None:
    write(
        who.path,
        *APPLIED,
        web("07:00", "gina", "patch", 12, replicas=2, sub="scale"),
        report("07:01", 13, replicas=2),
        web("09:00", ARGO, "patch", 13, replicas=2, query=SSA),
    )
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("gina", "certain")
    # what the controller reported while the change was under way may show the object as the change left it
    late = {**report("08:59", 14, replicas=3), "stageTimestamp": "2026-11-23T09:09:01.000000Z"}
    write(who.path, *APPLIED, late, web("09:00", "gina", "patch", 14, replicas=3))
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("gina", "certain")


def settings(time: str, user: str, verb: str, version: int = 0, value: str = "1", **more: Any) -> Event:
    meta = {"name": "c", "resourceVersion": str(version)}
    body: Event = {"kind": "ConfigMap", "metadata": meta, "data": {"a": value}}
    logged: Event = {"level": "RequestResponse", "responseObject": body} if version else {}
    return event(f"09:{time}.000000", user, verb, "configmaps", "c", **logged, **more)


@pytest.mark.parametrize("sight", [("alice", "create", 201), ("bob", "get", 200)])
def test_one_patch_that_asked_for_what_was_there_is_no_change(who: Asker, sight: tuple[str, str, int]) -> None:
    user, verb, code = sight
    write(who.path, settings("00:00", user, verb, 5, code=code), settings("01:00", "bob", "patch", 5))
    found = who.json("changed", "cm/c")
    assert found["answer"] is None
    said = "the only one, by bob at 2026-11-23T09:01:00.000000Z, changed nothing"
    assert said in found["notes"][0]
    write(who.path, settings("00:00", user, verb, 5, code=code), settings("01:00", "bob", "patch", 6, "2"))
    assert who.json("changed", "cm/c")["confidence"] == "certain"


def test_an_approval_is_a_change_though_it_stands_in_the_status(who: Asker) -> None:
    def csr(time: str, user: str, verb: str, version: int, **more: Any) -> Event:
        body = {"kind": "CertificateSigningRequest", "metadata": {"name": "c", "resourceVersion": str(version)}}
        logged = {"level": "RequestResponse", "responseObject": body}
        return event(
            f"09:{time}.000000",
            user,
            verb,
            "certificatesigningrequests",
            "c",
            ns="",
            group="certificates.k8s.io",
            **logged,
            **more,
        )

    made = csr("00:00", "petra", "create", 5, code=201)
    write(who.path, made, csr("01:00", "approver", "update", 6, sub="approval"))
    assert who.json("changed", "csr/c")["answer"]["user"] == "approver"
    write(who.path, made, csr("01:00", "approver", "update", 5, sub="approval"))
    assert who.json("changed", "csr/c")["answer"] is None


def test_without_answers_what_repeats_itself_is_in_doubt(who: Asker) -> None:
    write(
        who.path,
        web("00:00", ARGO, "patch", code=201, query=SSA),
        web("01:00", "mona", "patch", query="?fieldManager=kubectl-annotate"),
        web("03:00", ARGO, "patch", query=SSA),
        web("06:00", ARGO, "patch", query=SSA),
    )
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("mona", "inferred")
    assert f"{ARGO} repeated an earlier request after that, at 2026-11-23T09:06:00" in found["chain"][0]["why"]
    write(who.path, web("00:00", ARGO, "patch", code=201, query=SSA), web("03:00", ARGO, "patch", query=SSA))
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == (ARGO, "inferred")


def test_without_answers_a_patch_by_somebody_is_a_change(who: Asker) -> None:
    again = web("00:00", "alice", "patch", query="?fieldManager=kubectl-edit")
    write(who.path, again, web("01:00", "bob", "patch"), {**again, **web("02:00", "alice", "patch")})
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == ("alice", "certain")


def applied(time: str, user: str, replicas: int, **more: Any) -> Event:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas},
    }
    return web(time, user, "patch", query=SSA, level="Request", requestObject=body, **more)


def test_the_same_words_again_change_nothing_if_nobody_spoke_in_between(who: Asker) -> None:
    write(who.path, applied("00:00", ARGO, 1, code=201), applied("03:00", ARGO, 1))
    assert who.json("changed", "deploy/web")["answer"] is None
    write(who.path, applied("00:00", ARGO, 1, code=201), applied("03:00", ARGO, 2), applied("06:00", ARGO, 2))
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["time"][14:19], found["confidence"]) == ("03:00", "certain")
    gina = web("02:00", "gina", "patch", sub="scale", level="Request", requestObject={"spec": {"replicas": 2}})
    write(who.path, applied("00:00", ARGO, 1, code=201), gina, applied("03:00", ARGO, 2))
    found = who.json("changed", "deploy/web")
    assert (found["answer"]["user"], found["confidence"]) == (ARGO, "inferred")
