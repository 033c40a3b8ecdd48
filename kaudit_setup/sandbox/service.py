"""What the API server stand-in does with one request: authenticate, audit, impersonate, authorize, answer.

The order is that of staging/src/k8s.io/apiserver/pkg/server/config.go:DefaultBuildHandlerChain, so an event's
`user` is the original one and its authorization annotations are about the impersonated one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.policy.model import Attributes
from kaudit_setup.sandbox import access
from kaudit_setup.sandbox.access import ANONYMOUS, TOKENS, Ask, User
from kaudit_setup.sandbox.audit import Backend, Entry, Json
from kaudit_setup.sandbox.judge import attributes
from kaudit_setup.sandbox.objects import StatusError, Store, Target

_LONG_VERBS = {"watch", "proxy"}
_LONG_SUBRESOURCES = {"attach", "exec", "proxy", "log", "portforward"}
_HEALTH = ("/healthz", "/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. `peer` is the identity in its client certificate; header names are in lower case."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: User | None = None
    source: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response: `body` is an object (sent as JSON) or text. `watch` seconds of silence follow, if any."""

    code: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    watch: float | None = None
    entry: Entry | None = None

    def payload(self) -> tuple[bytes, str]:
        """Bytes and their content type."""
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return json.dumps(self.body).encode() + b"\n", "application/json"


class Service:
    """The whole API, without HTTP."""

    def __init__(self, store: Store, backend: Backend, *, version: str, healthy: Callable[[], bool]) -> None:
        self._store, self._backend, self._version, self._healthy = store, backend, version, healthy
        self.after: Callable[[Target, Json], None] = lambda _target, _made: None

    def handle(self, call: Call) -> Answer:
        """Answer and write the events of one request; a watch's ResponseComplete is `finish`."""
        user = self._authenticate(call)
        path = urlsplit(call.url).path
        asked = replace(
            attributes(call.method, call.url), user=user.name if user else None, groups=user.groups if user else ()
        )
        long_running = asked.is_resource and (asked.verb in _LONG_VERBS or asked.subresource in _LONG_SUBRESOURCES)
        audit_id = call.headers.get("audit-id") or str(uuid.uuid4())
        entry = self._backend.begin(asked, _base(call, asked, user, audit_id), long_running=long_running)
        headers = {"Audit-Id": audit_id}
        if user is None:
            refused = StatusError(401, "Unauthorized", "Unauthorized")
            # staging/src/k8s.io/apiserver/pkg/endpoints/filters/authn_audit.go: this one event and no other
            self._backend.write(entry, "ResponseStarted", 401, refused.status())
            return Answer(401, refused.status(), headers)
        self._backend.write(entry, "RequestReceived")
        watch = None
        try:
            user = self._impersonate(call, user, entry)
            ask = Ask(
                user, asked.verb, asked.api_group, asked.resource, asked.subresource, asked.namespace, asked.path
            )
            reason = access.allows(ask)
            if entry:
                entry.annotations["authorization.k8s.io/decision"] = "forbid" if reason is None else "allow"
                entry.annotations["authorization.k8s.io/reason"] = reason or ""
            if reason is None:
                raise access.forbidden(ask, asked.name)
            if asked.is_resource and asked.verb == "watch":
                code, body, watch = 200, None, _watch_seconds(call.url)
            elif asked.is_resource:
                code, body = self._resource(call, asked, entry)
            else:
                code, body = self._path(call, path)
        except StatusError as error:
            code, body = error.code, error.status()
        if watch is not None:
            self._backend.write(entry, "ResponseStarted", code)
            return Answer(code, "", headers, watch, entry)
        recorded = body if asked.is_resource or isinstance(body, dict) else None
        if long_running:
            self._backend.write(entry, "ResponseStarted", code, recorded)
        self._backend.write(entry, "ResponseComplete", code, recorded)
        return Answer(code, body, headers)

    def finish(self, answer: Answer) -> None:
        """A watch has ended."""
        self._backend.write(answer.entry, "ResponseComplete", answer.code)

    def _authenticate(self, call: Call) -> User | None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if call.peer:
            return call.peer
        return TOKENS.get(token.strip()) if scheme.lower() == "bearer" else ANONYMOUS

    def _impersonate(self, call: Call, user: User, entry: Entry | None) -> User:
        name = call.headers.get("impersonate-user", "")
        groups = [g for g in call.headers.get("impersonate-group", "").split("\n") if g]
        if not name:
            if groups:
                words = "without impersonating a user name"
                raise StatusError(400, "BadRequest", f"requested groups {groups} {words}")
            return user
        for resource, wanted in (("users", name), *(("groups", g) for g in groups)):
            ask = Ask(user, "impersonate", "", resource)
            if access.allows(ask) is None:
                raise access.forbidden(ask, wanted)
        account = name.split(":")
        if account[:2] == ["system", "serviceaccount"] and len(account) == 4 and not groups:
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{account[2]}"]
        other = User(name, (*groups, "system:authenticated"))
        if entry:
            entry.impersonated = other
        return other

    def _resource(self, call: Call, asked: Attributes, entry: Entry | None) -> tuple[int, Json]:
        parts = asked.path.split("/")
        version = parts[2] if asked.api_group == "" else parts[3]
        scoped = asked.namespace if asked.resource != "namespaces" else ""
        target = Target(asked.api_group, version, asked.resource, scoped, asked.name)
        query = parse_qs(urlsplit(call.url).query)
        dry_run = query.get("dryRun") == ["All"]
        if asked.verb == "get" and not asked.subresource:
            return 200, self._store.get(target)
        if asked.verb == "list":
            return 200, self._store.list(target)
        if asked.verb == "create" and not asked.name:
            sent = _decode(call.body, target)
            if entry:
                name = (sent.get("metadata") or {}).get("name")
                if name:
                    reference = {**entry.base["objectRef"]}
                    entry.base["objectRef"] = _named(reference, name)
                entry.request_object = sent
            made = self._store.create(target, sent, dry_run=dry_run)
            if not dry_run:
                self.after(target, made)
            return 201, made
        if asked.verb in ("update", "patch") and not asked.subresource:
            change = _decode(call.body, target)
            if entry:
                entry.request_object = change
            return 200, self._store.replace(target, change, merge=asked.verb == "patch", dry_run=dry_run)
        if asked.verb == "delete":
            gone = self._store.delete(target, dry_run=dry_run)
            details = {"name": asked.name, "kind": asked.resource, "uid": gone["metadata"]["uid"]}
            if asked.resource == "pods":
                return 200, gone
            return 200, {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            }
        # a subresource: the object must be there, and there is no kubelet behind it
        self._store.get(target)
        raise StatusError(404, "NotFound", "the server could not find the requested resource", {})

    def _path(self, call: Call, path: str) -> tuple[int, Any]:
        if call.method not in ("GET", "HEAD"):
            message = "the server does not allow this method on the requested resource"
            raise StatusError(405, "MethodNotAllowed", message, {})
        if any(path == health or path.startswith(f"{health}/") for health in _HEALTH):
            if self._healthy() or not path.startswith("/readyz"):
                return 200, "ok"
            return 500, "[+]ping ok\n[-]poststarthook/sandbox failed: reason withheld\nreadyz check failed\n"
        if path == "/version":
            major, minor, _ = self._version.split(".")
            return 200, {"major": major, "minor": minor, "gitVersion": f"v{self._version}", "platform": "linux/amd64"}
        if path == "/metrics":
            return 200, self._backend.metrics()
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        raise StatusError(404, "NotFound", "the server could not find the requested resource", {})


def _base(call: Call, asked: Attributes, user: User | None, audit_id: str) -> Json:
    base: Json = {"auditID": audit_id, "requestURI": call.url, "verb": asked.verb}
    base["user"] = user.json() if user else {}
    base["sourceIPs"] = [call.source]
    agent = call.headers.get("user-agent", "")
    if agent:
        base["userAgent"] = agent if len(agent) <= 1024 else f"{agent[:1024]}...TRUNCATED"
    if asked.is_resource:
        version = asked.path.split("/")[2 if asked.api_group == "" else 3]
        reference = {
            "resource": asked.resource,
            "namespace": asked.namespace,
            "name": asked.name,
            "apiGroup": asked.api_group,
            "apiVersion": version,
            "subresource": asked.subresource,
        }
        base["objectRef"] = {key: value for key, value in reference.items() if value}
    return base


def _named(reference: Json, name: str) -> Json:
    order = ("resource", "namespace", "name", "apiGroup", "apiVersion", "subresource")
    full = {**reference, "name": name}
    return {key: full[key] for key in order if key in full}


def _decode(body: bytes, target: Target) -> Json:
    kind = target.kind
    try:
        sent = json.loads(body)
    except ValueError as error:
        words = f"couldn't get version/kind; json parse error: {error}"
        message = f"the object provided is unrecognized (must be of type {kind}): {words}"
        raise StatusError(400, "BadRequest", message) from error
    if not isinstance(sent, dict):
        raise StatusError(400, "BadRequest", f"the object provided is unrecognized (must be of type {kind})")
    return sent


def _watch_seconds(url: str) -> float:
    given = parse_qs(urlsplit(url).query).get("timeoutSeconds", ["30"])[0]
    return float(given) if given.isdigit() else 30.0
