"""Objects as users name them: kinds in every spelling of kubectl, custom kinds, and what names no object."""

from __future__ import annotations

from pathlib import Path

import pytest
from eventkit import NOISE, Asker, event, write

from kaudit_setup.auditlog.kinds import parse_kind
from kaudit_setup.cli import main
from kaudit_setup.errors import Exit


@pytest.mark.parametrize(
    ("spelled", "resource", "group"),
    [
        ("po", "pods", ""), ("Pod", "pods", ""), ("pods", "pods", ""), ("deploy", "deployments", "apps"),
        ("deployments.apps", "deployments", "apps"), ("deployments.v1.apps", "deployments", "apps"),
        ("deployment.apps", "deployments", "apps"), ("cj", "cronjobs", "batch"), ("svc", "services", ""),
        ("ing", "ingresses", "networking.k8s.io"), ("crd", "customresourcedefinitions", "apiextensions.k8s.io"),
        ("widgets.example.com", "widgets", "example.com"), ("certs.v1.cert-manager.io", "certs", "cert-manager.io"),
        ("netpol", "networkpolicies", "networking.k8s.io"),
        ("clusterrole", "clusterroles", "rbac.authorization.k8s.io"),
    ],
)  # fmt: skip
def test_kinds_as_kubectl_takes_them(spelled: str, resource: str, group: str) -> None:
    kind = parse_kind(spelled)
    assert (kind.resource, kind.group) == (resource, group)


def test_custom_kinds_are_found_as_they_are_logged(who: Asker) -> None:
    write(
        who.path, *NOISE, event("10:00:00.000000", "walter", "create", "widgets", "w1", group="example.com", code=201)
    )
    for target in ("widgets.example.com/w1", "widget.example.com/w1", "widgets/w1", "widget/w1"):
        found = who.json("created", target)
        assert found["answer"]["user"] == "walter", target
        assert found["question"]["group"] == "example.com"
        assert found["question"]["resource"] == "widgets"


@pytest.mark.parametrize("text", ["pod/", "pod/a/b", "po d/x", "pdos/x"])
def test_what_names_no_object_is_refused(text: str, tmp_path: Path) -> None:
    write(tmp_path / "audit.log", event("10:00:00.000000", "alice", "create", "pods", "x"))
    assert main(["who", "created", text, "-n", "ns", "--log", str(tmp_path / "audit.log")]) == Exit.USAGE
