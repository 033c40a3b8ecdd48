"""Events as kube-apiserver spells them, made up, and the command that is asked about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import only

from kaudit_setup.cli import main

DAY = "2026-11-23T"
ADMIN = ["system:masters", "system:authenticated"]
CONTROLLER = "system:serviceaccount:kube-system:"
_serial = iter(range(10**9))


def agent_of(user: str) -> str:
    """The user agent of Kubernetes' own where `user` is one of them, else kubectl's."""
    version = "v1.23.3 (linux/amd64) kubernetes/816c97a"
    if user.startswith(CONTROLLER):
        return f"kube-controller-manager/{version}/{user}"
    if user.startswith("system:node:"):
        return f"kubelet/{version}"
    return f"{user.removeprefix('system:')}/{version}" if user.startswith("system:kube-") else f"kubectl/{version}"


def event(
    time: str,
    user: str,
    verb: str,
    resource: str,
    name: str = "",
    *,
    ns: str = "default",
    code: int = 200,
    sub: str = "",
    group: str = "",
    query: str = "",
    as_user: str = "",
    stage: str = "ResponseComplete",
    **more: Any,
) -> dict[str, Any]:
    """One event as kube-apiserver spells it."""
    where = f"/namespaces/{ns}" if ns else ""
    what = f"/{name}" if name and verb != "create" else ""
    ref = {
        "resource": resource,
        "namespace": ns,
        "name": name,
        "apiGroup": group,
        "apiVersion": "v1",
        "subresource": sub,
    }
    whole: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{next(_serial)}",
        "stage": stage,
        "requestURI": f"/api/v1{where}/{resource}{what}{query}",
        "verb": verb,
        "user": {"username": user, "groups": ["system:nodes"] if user.startswith("system:node:") else ADMIN},
        "impersonatedUser": {"username": as_user, "groups": ["system:authenticated"]} if as_user else None,
        "sourceIPs": ["192.168.1.135"],
        "userAgent": agent_of(user),
        "objectRef": {key: value for key, value in ref.items() if value},
        "responseStatus": {"metadata": {}, "code": code} if stage != "RequestReceived" else None,
        "requestReceivedTimestamp": f"{DAY}{time}Z",
        "stageTimestamp": f"{DAY}{time}Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n" for e in events)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return path


NOISE = (
    event("00:00:00.000000", "system:apiserver", "get", "nodes", "n", ns=""),
    event("23:00:00.000000", "system:apiserver", "get", "nodes", "n", ns=""),
)


class Asker:
    """Runs the command as a user does."""

    def __init__(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = tmp_path / "cp1" / "audit.log"
        self.capsys = capsys

    def json(self, *args: str, log: Path | None = None) -> dict[str, Any]:
        main(["who", *args, "--log", str(log or self.path), "-o", "json"])
        found: dict[str, Any] = only(self.capsys.readouterr().out)
        return found

    def text(self, *args: str) -> str:
        main(["who", *args, "--log", str(self.path)])
        return self.capsys.readouterr().out
