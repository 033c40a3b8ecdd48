"""The stand-in's objects: a few resources, kept in one JSON file that outlives the API server, as etcd does."""

from __future__ import annotations

import copy
import fcntl
import json
import secrets
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Object = dict[str, Any]

# group, resource: (kind, whether it lives in namespaces)
RESOURCES: Mapping[tuple[str, str], tuple[str, bool]] = {
    ("", "pods"): ("Pod", True),
    ("", "services"): ("Service", True),
    ("", "secrets"): ("Secret", True),
    ("", "configmaps"): ("ConfigMap", True),
    ("", "serviceaccounts"): ("ServiceAccount", True),
    ("", "events"): ("Event", True),
    ("", "endpoints"): ("Endpoints", True),
    ("", "namespaces"): ("Namespace", False),
    ("", "nodes"): ("Node", False),
    ("apps", "deployments"): ("Deployment", True),
    ("apps", "replicasets"): ("ReplicaSet", True),
    ("coordination.k8s.io", "leases"): ("Lease", True),
}
FILE = "etcd.json"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class StatusError(Exception):
    """A request that ends in a Status; codes, reasons and words are apimachinery's (pkg/api/errors)."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> Object:
        """As the response body has it."""
        body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.reason}
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


def not_found(group: str, resource: str, name: str) -> StatusError:
    """404 for an object that is not there."""
    full = f"{resource}.{group}" if group else resource
    details = {"name": name, **({"group": group} if group else {}), "kind": resource}
    return StatusError(404, "NotFound", f'{full} "{name}" not found', details)


def modified(target: Target) -> StatusError:
    """409 for a change that was made to an older version of the object."""
    full = f"{target.resource}.{target.group}" if target.group else target.resource
    message = (
        f'Operation cannot be fulfilled on {full} "{target.name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return StatusError(409, "Conflict", message, {"name": target.name, "kind": target.resource})


@dataclass(slots=True)
class Target:
    """Where a request points."""

    group: str
    version: str
    resource: str
    namespace: str
    name: str

    @property
    def kind(self) -> str:
        """Of the objects there. Raises StatusError where the stand-in has no such resource."""
        found = RESOURCES.get((self.group, self.resource))
        if found is None:
            raise StatusError(404, "NotFound", "the server could not find the requested resource", {})
        return found[0]

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def key(self, name: str) -> str:
        """Of an object in the store."""
        return "/".join((self.group, self.resource, self.namespace, name))


@dataclass
class Store:
    """Get, list, create, patch, delete; every change is on disk when the call returns.

    The API servers of one cluster share the file: each sees what another wrote, and only one writes at a time.
    """

    path: Path
    _objects: dict[str, Object] = field(default_factory=dict)
    _revision: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: tuple[int, int] = (0, 0)

    @classmethod
    def open(cls, path: Path) -> Store:
        """What the last server of the cluster left, or an empty one."""
        return cls(path)

    @property
    def empty(self) -> bool:
        """Whether this is a new cluster's."""
        with self._turn():
            return not self._objects

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock, self.path.with_name(f".{self.path.name}.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                now = self.path.stat()
                # every write is a new file
                if (now.st_ino, now.st_mtime_ns) != self._seen:
                    saved = json.loads(self.path.read_text())
                    self._objects, self._revision = saved["objects"], saved["revision"]
                    self._seen = (now.st_ino, now.st_mtime_ns)
            yield

    def announce(self, address: str, port: int) -> None:
        """Add an API server to the endpoints of service kubernetes (pkg/controlplane/reconcilers/lease.go)."""
        target = Target("", "v1", "endpoints", "default", "kubernetes")
        mine = _subset(address, port)
        new = {
            "kind": target.kind,
            "apiVersion": "v1",
            "metadata": {"name": target.name, "namespace": target.namespace, "uid": str(uuid.uuid4())},
            "subsets": [],
        }
        with self._turn():
            found = self._objects.setdefault(target.key(target.name), new)
            if mine not in found["subsets"]:
                self._revision += 1
                found["subsets"].append(mine)
                found["metadata"]["resourceVersion"] = str(self._revision)
                self._save()

    def withdraw(self, address: str, port: int) -> None:
        """Take it out again, as a server that is told to end does first (RemoveEndpoints)."""
        target = Target("", "v1", "endpoints", "default", "kubernetes")
        mine = _subset(address, port)
        with self._turn():
            found = self._objects.get(target.key(target.name))
            if found and mine in found["subsets"]:
                self._revision += 1
                found["subsets"].remove(mine)
                found["metadata"]["resourceVersion"] = str(self._revision)
                self._save()

    def get(self, target: Target) -> Object:
        """One object. Raises StatusError."""
        with self._turn():
            found = self._objects.get(target.key(target.name)) if target.kind else None
        if found is None:
            raise not_found(target.group, target.resource, target.name)
        return copy.deepcopy(found)

    def list(self, target: Target) -> Object:
        """Every object of that resource, of one namespace or of all."""
        kind = target.kind
        with self._turn():
            items = [
                {k: v for k, v in item.items() if k not in ("kind", "apiVersion")}
                for key, item in sorted(self._objects.items())
                if key.startswith(f"{target.group}/{target.resource}/")
                and (not target.namespace or item["metadata"].get("namespace") == target.namespace)
            ]
            revision = self._revision
        return {
            "kind": f"{kind}List",
            "apiVersion": target.api_version,
            "metadata": {"resourceVersion": str(revision)},
            "items": copy.deepcopy(items),
        }

    def create(self, target: Target, sent: Object, *, dry_run: bool = False) -> Object:
        """The stored object; a dry run's is not stored. Raises StatusError."""
        kind = target.kind
        meta = dict(sent.get("metadata") or {})
        if not meta.get("name") and meta.get("generateName"):
            # staging/src/k8s.io/apiserver/pkg/storage/names/generate.go
            suffix = "".join(secrets.choice(_ALPHABET) for _ in range(5))
            meta["name"] = meta["generateName"] + suffix
        name = meta.get("name")
        if not name:
            message = f'{kind} "" is invalid: metadata.name: Required value: name or generateName is required'
            raise StatusError(422, "Invalid", message, {"kind": kind})
        if target.namespace:
            with self._turn():
                if f"/namespaces//{target.namespace}" not in self._objects:
                    raise not_found("", "namespaces", target.namespace)
            meta["namespace"] = target.namespace
        with self._turn():
            if target.key(name) in self._objects:
                full = f"{target.resource}.{target.group}" if target.group else target.resource
                details = {"name": name, "kind": target.resource}
                raise StatusError(409, "AlreadyExists", f'{full} "{name}" already exists', details)
            meta["uid"] = str(uuid.uuid4())
            meta["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            if not dry_run:
                self._revision += 1
                meta["resourceVersion"] = str(self._revision)
            made = {"kind": kind, "apiVersion": target.api_version, "metadata": meta}
            made |= {k: v for k, v in sent.items() if k not in made}
            if not dry_run:
                self._objects[target.key(name)] = made
                self._save()
        return copy.deepcopy(made)

    def replace(self, target: Target, change: Object, *, merge: bool, dry_run: bool = False) -> Object:
        """PUT (`merge` False) or a merge PATCH. Raises StatusError."""
        old = self.get(target)
        new = _merged(old, change) if merge else {**change, "kind": old["kind"], "apiVersion": old["apiVersion"]}
        kept = ("name", "namespace", "uid", "creationTimestamp")
        guard = (change.get("metadata") or {}).get("resourceVersion")
        new["metadata"] = {**(new.get("metadata") or {}), **{k: v for k, v in old["metadata"].items() if k in kept}}
        with self._turn():
            now = self._objects.get(target.key(target.name), old)["metadata"].get("resourceVersion")
            if guard and guard != now:
                raise modified(target)
            if not dry_run:
                self._revision += 1
                new["metadata"]["resourceVersion"] = str(self._revision)
                self._objects[target.key(target.name)] = new
                self._save()
        return copy.deepcopy(new)

    def delete(self, target: Target, *, dry_run: bool = False) -> Object:
        """The object that is gone. Raises StatusError."""
        old = self.get(target)
        if not dry_run:
            with self._turn():
                self._revision += 1
                self._objects.pop(target.key(target.name), None)
                self._save()
        return old

    def _save(self) -> None:
        fresh = self.path.with_name(f".{self.path.name}")
        fresh.write_text(json.dumps({"objects": self._objects, "revision": self._revision}))
        fresh.replace(self.path)
        now = self.path.stat()
        self._seen = (now.st_ino, now.st_mtime_ns)


def _subset(address: str, port: int) -> Object:
    return {"addresses": [{"ip": address}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}


def _merged(old: Object, change: Object) -> Object:
    """RFC 7386."""
    new = dict(old)
    for key, value in change.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, dict):
            new[key] = _merged(new[key] if isinstance(new.get(key), dict) else {}, value)
        else:
            new[key] = value
    return new
