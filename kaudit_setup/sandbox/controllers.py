"""The two controllers that make Pods out of a Deployment, so that `who` has a chain to follow.

They act through the API as the real ones do: with their own service accounts, and without naming the Pod they make
(the name is in the response only).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from kaudit_setup.sandbox.audit import Json
from kaudit_setup.sandbox.objects import Target
from kaudit_setup.sandbox.requests.access import User
from kaudit_setup.sandbox.service import Answer, Call

_GROUPS = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")


class Controllers:
    """Called after every create; what follows from it happens in a thread, a moment later."""

    def __init__(self, handle: Callable[[Call], Answer], version: str) -> None:
        self._handle, self._version = handle, version

    def after(self, target: Target, made: Json) -> None:
        """A Deployment has a ReplicaSet, a ReplicaSet its Pods."""
        work = {"deployments": self._deployment, "replicasets": self._replicaset}.get(target.resource)
        if work is not None:
            threading.Thread(target=work, args=(target, made), daemon=True).start()

    def _deployment(self, target: Target, made: Json) -> None:
        spec = made.get("spec") or {}
        template = spec.get("template") or {"spec": {}}
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": f"{made['metadata']['name']}-{digest}", "ownerReferences": [_owner(made)]},
            "spec": {"replicas": spec.get("replicas", 1), "template": template},
        }
        self._create("deployment-controller", f"/apis/apps/v1/namespaces/{target.namespace}/replicasets", body)

    def _replicaset(self, target: Target, made: Json) -> None:
        spec = made.get("spec") or {}
        template = spec.get("template") or {"spec": {}}
        for _ in range(min(int(spec.get("replicas", 1)), 10)):
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"generateName": f"{made['metadata']['name']}-", "ownerReferences": [_owner(made)]},
                "spec": template.get("spec") or {},
            }
            self._create("replicaset-controller", f"/api/v1/namespaces/{target.namespace}/pods", body)

    def _create(self, controller: str, url: str, body: Json) -> None:
        user = User(f"system:serviceaccount:kube-system:{controller}", _GROUPS, f"uid-{controller}")
        agent = f"kube-controller-manager/v{self._version} (linux/amd64) kubernetes/sandbox/"
        headers = {"user-agent": f"{agent}system:serviceaccount:kube-system:{controller}"}
        self._handle(Call("POST", url, headers, json.dumps(body).encode(), user))


def _owner(made: Json) -> Json:
    return {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "name": made["metadata"]["name"],
        "uid": made["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
