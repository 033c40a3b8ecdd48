"""Requests on subresources: which of them change an object, as people mean it, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logkit import event, write

from kaudit_setup.cli import main

KUBECTL = "kubectl/v1.36.2 (linux/amd64)"


def on(number: int, user: str, path: str, verb: str = "patch", agent: str = KUBECTL, **more: Any) -> dict[str, Any]:
    """A request of `user` on `RESOURCE[/SUBRESOURCE]` of the object web in namespace shop."""
    resource, _, part = path.partition("/")
    thing = {"resource": resource, "namespace": "shop", "name": "web", "apiVersion": "v1"}
    thing |= {"apiGroup": "apps"} if resource == "deployments" else {}
    return event(
        number,
        user={"username": user, "groups": ["system:authenticated"]},
        verb=verb,
        objectRef=thing | ({"subresource": part} if part else {}),
        responseStatus={"code": 201 if verb == "create" else 200},
        requestURI=f"/api/v1/namespaces/shop/{resource}/web{f'/{part}' if part else ''}",
        userAgent=agent,
        **more,
    )


MADE = on(1, "alice", "pods", "create")
SCHEDULED = on(2, "system:kube-scheduler", "pods/binding", "create", "kube-scheduler/v1.36.2 (linux/amd64)/scheduler")


def asked(capfd: pytest.CaptureFixture[str], tmp_path: Path, *events: dict[str, Any], question: str) -> str:
    log = write(tmp_path / "audit.log", *events)
    main(["who", *question.split(), "-n", "shop", "--log", str(log)])
    return " ".join(capfd.readouterr().out.split())


def test_what_the_scheduler_does_to_every_pod_is_a_note(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = asked(capfd, tmp_path, MADE, SCHEDULED, question="changed pod/web")
    assert said.startswith("No successful change of pod shop/web found in this log")
    assert "system:kube-scheduler bound it to a node at 2026-11-23 16:00:02 UTC, as every Pod is once" in said
    # whoever changed it is named all the same
    said = asked(capfd, tmp_path, MADE, SCHEDULED, on(3, "bob", "pods"), question="changed pod/web")
    assert said.startswith("bob changed it on")
    assert "as every Pod is once" in said
    assert "also by" not in said


@pytest.mark.parametrize("user", ["mallory", "system:serviceaccount:batch:own-scheduler"])
def test_who_binds_a_pod_by_hand_changed_it(capfd: pytest.CaptureFixture[str], tmp_path: Path, user: str) -> None:
    events = (MADE, on(2, user, "pods/binding", "create"))
    assert asked(capfd, tmp_path, *events, question="changed pod/web").startswith(f"{user} bound it on")
    assert asked(capfd, tmp_path, *events, question="changed pods").startswith(
        f"1 change of pods in namespace shop by {user}"
    )
    said = asked(capfd, tmp_path, MADE, SCHEDULED, question="changed pods")
    assert "system:kube-scheduler" not in said


def test_a_status_counts_only_where_nothing_else_was_changed(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scaled, status = on(3, "erin", "deployments/scale"), on(4, "frank", "deployments/status")
    said = asked(capfd, tmp_path, scaled, status, question="changed deploy/web")
    assert said.startswith("erin scaled it on")
    assert "also by: frank" in said
    said = asked(capfd, tmp_path, status, question="changed deploy/web")
    assert said.startswith("frank reported the status of it on")
    assert "; that changed its status, not its spec." in said


def test_a_debug_container_is_a_change(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for verb in ("patch", "update"):
        changed = on(3, "bob", "pods/ephemeralcontainers", verb)
        said = asked(capfd, tmp_path, MADE, changed, question="changed pod/web")
        assert said.startswith("bob added a debug container to it on")


def test_an_eviction_is_a_deletion_and_a_token_is_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evicted = on(3, "gina", "pods/eviction", "create")
    assert asked(capfd, tmp_path, MADE, evicted, question="deleted pod/web").startswith("gina evicted it on")
    assert asked(capfd, tmp_path, MADE, evicted, question="changed pod/web").startswith("No successful change")
    taken = on(3, "dave", "serviceaccounts/token", "create")
    assert asked(capfd, tmp_path, taken, question="read sa/web").startswith("dave took a token of it on")
    assert asked(capfd, tmp_path, taken, question="changed sa/web").startswith("No successful change")
