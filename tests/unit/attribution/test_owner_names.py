"""Whose child an object is by its name alone, where nothing but a mention of it is in the log."""

from __future__ import annotations

import pytest
from eventkit import event
from whokit import answer, in_lines


@pytest.mark.parametrize(
    ("child", "owner"),
    [
        (("", "pods", "web-5d9c7b8f6d-bbcdf"), ("apps", "replicasets", "web-5d9c7b8f6d")),
        (("", "pods", "db-10"), ("apps", "statefulsets", "db")),
        (("", "pods", "indexed-3-bbcdf"), ("batch", "jobs", "indexed")),
        (("", "pods", "tick-29924178-kbrbx"), ("batch", "jobs", "tick-29924178")),
        (("apps", "replicasets", "web-5d9c7b8f6d"), ("apps", "deployments", "web")),
        (("batch", "jobs", "tick-1795460940"), ("batch", "cronjobs", "tick")),
        (("", "persistentvolumeclaims", "my-data-my-db-0"), ("apps", "statefulsets", "my-db")),
        (("", "secrets", "deployer-token-bbcdf"), ("", "serviceaccounts", "deployer")),
        (("discovery.k8s.io", "endpointslices", "svc1-bbcdf"), ("", "services", "svc1")),
        (("apps", "controllerrevisions", "db-6676879c86"), ("apps", "statefulsets", "db")),
        (("", "configmaps", "kube-root-ca.crt"), ("", "namespaces", "ns")),
    ],
)
def test_names_that_controllers_give(child: tuple[str, str, str], owner: tuple[str, str, str]) -> None:
    """Where nothing but a mention of it is in the log, a name leads to its owner."""
    (group, resource, name), space = child, "" if owner[1] == "namespaces" else "ns"
    log = in_lines(
        [
            event("09:00:00.000000", "alice", "create", owner[1], owner[2], code=201, group=owner[0], ns=space),
            event("09:10:00.000000", "erin", "get", resource, name, group=group, ns="ns"),
        ]
    )
    found = answer(log, "created", f"{resource}{f'.{group}' if group else ''}/{name}", "ns")
    assert (found.root and found.root.user, found.confidence) == ("alice", "inferred")
    above = found.links[-1].object
    assert (above.group, above.resource, above.name) == owner


@pytest.mark.parametrize("name", ["my-suspicious-pod", "web-abcde", "web-bbcd", "web"])
def test_names_that_no_controller_gives(name: str) -> None:
    kinds = [("apps", "replicasets"), ("apps", "statefulsets"), ("apps", "daemonsets"), ("batch", "jobs")]
    owners = [
        event("09:00:00.000000", "alice", "create", resource, owner, code=201, group=group)
        for group, resource in kinds
        for owner in ("web", "my", "my-suspicious", "my-suspicious-pod")
    ]
    found = answer(
        in_lines([*owners, event("09:10:00.000000", "erin", "get", "pods", name)]),
        "created",
        f"pod/{name}",
        "default",
    )
    assert (found.root, found.confidence) == (None, "unknown")
