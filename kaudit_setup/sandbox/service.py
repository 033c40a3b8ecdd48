"""What the API server stand-in does with one request: authenticate, audit, impersonate, authorize, answer.

The order is that of staging/src/k8s.io/apiserver/pkg/server/config.go:DefaultBuildHandlerChain, so an event's
`user` is the original one and its authorization annotations are about the impersonated one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.policy.model import Attributes, Stage
from kaudit_setup.sandbox.audit import Backend, Entry, Json
from kaudit_setup.sandbox.objects import StatusError, Store, Target
from kaudit_setup.sandbox.requests import access
from kaudit_setup.sandbox.requests.access import ANONYMOUS, TOKENS, Ask, User
from kaudit_setup.sandbox.requests.metrics import RequestMetrics
from kaudit_setup.sandbox.requests.policy import attributes
from kaudit_setup.values import replace

_LONG_VERBS = {"watch", "proxy"}
_LONG_SUBRESOURCES = {"attach", "exec", "proxy", "log", "portforward"}
_HEALTH = ("healthz", "livez", "readyz")
_STAGES: tuple[Stage, ...] = ("ResponseComplete",)
_LONG_STAGES: tuple[Stage, ...] = ("ResponseStarted", "ResponseComplete")


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


@dataclass(frozen=True, slots=True)
class _Work:
    """A request on a resource that is allowed: what it points at, and what was sent."""

    verb: str
    target: Target
    body: bytes
    dry_run: bool
    entry: Entry | None


class Service:
    """The whole API, without HTTP."""

    def __init__(self, store: Store, backend: Backend, *, version: str, healthy: Callable[[], bool]) -> None:
        self._store, self._backend, self._version, self._healthy = store, backend, version, healthy
        self._requests = RequestMetrics()
        self.after: Callable[[Target, Json], None] = lambda _target, _made: None

    def handle(self, call: Call) -> Answer:
        """Answer and write the events of one request; a watch's ResponseComplete is `finish`."""
        user = self._authenticate(call)
        who = user or User("")
        asked = replace(attributes(call.method, call.url), user=user.name if user else None, groups=who.groups)
        long_running = asked.is_resource and (asked.verb in _LONG_VERBS or asked.subresource in _LONG_SUBRESOURCES)
        audit_id = call.headers.get("audit-id") or str(uuid.uuid4())
        entry = self._backend.begin(asked, _base(call, asked, user, audit_id), long_running=long_running)
        if user is None:
            # staging/src/k8s.io/apiserver/pkg/endpoints/filters/authn_audit.go: this one event and no other
            refused = StatusError(401, "Unauthorized", "Unauthorized").status()
            self._backend.write(entry, "ResponseStarted", 401, refused)
            return Answer(401, refused, {"Audit-Id": audit_id})
        self._backend.write(entry, "RequestReceived")
        try:
            answer = self._answer(call, asked, self._impersonate(call, user, entry), entry)
        except StatusError as error:
            answer = Answer(error.code, error.status())
        self._record(answer, asked, entry, long_running=long_running)
        self._requests.add(asked, answer.code, len(answer.payload()[0]))
        return replace(answer, headers={"Audit-Id": audit_id}, entry=entry)

    def finish(self, answer: Answer) -> None:
        """A watch has ended."""
        self._backend.write(answer.entry, "ResponseComplete", answer.code)

    def _answer(self, call: Call, asked: Attributes, user: User, entry: Entry | None) -> Answer:
        """What the request gets if it is allowed. Raises StatusError."""
        ask = Ask(user, asked.verb, asked.api_group, asked.resource, asked.subresource, asked.namespace, asked.path)
        reason = access.allows(ask)
        if entry:
            entry.annotations["authorization.k8s.io/decision"] = "forbid" if reason is None else "allow"
            entry.annotations["authorization.k8s.io/reason"] = reason or ""
        if reason is None:
            raise access.forbidden(ask, asked.name)
        if not asked.is_resource:
            return Answer(*self._path(call.method, asked.path))
        if asked.verb == "watch":
            return Answer(200, "", watch=_watch_seconds(call.url))
        return Answer(*self._resource(call, asked, entry))

    def _record(self, answer: Answer, asked: Attributes, entry: Entry | None, *, long_running: bool) -> None:
        if answer.watch is not None:
            self._backend.write(entry, "ResponseStarted", answer.code)
            return
        recorded = answer.body if asked.is_resource or isinstance(answer.body, dict) else None
        for stage in _LONG_STAGES if long_running else _STAGES:
            self._backend.write(entry, stage, answer.code, recorded)

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
        scoped = asked.namespace if asked.resource != "namespaces" else ""
        target = Target(asked.api_group, _version(asked), asked.resource, scoped, asked.name)
        dry_run = parse_qs(urlsplit(call.url).query).get("dryRun") == ["All"]
        works: dict[str, Callable[[_Work], tuple[int, Json]]] = {
            "get": lambda work: (200, self._store.get(work.target)),
            "list": lambda work: (200, self._store.list(work.target)),
            "create": self._create,
            "update": self._change,
            "patch": self._change,
            "delete": self._delete,
        }
        if asked.verb not in works or asked.subresource or (asked.verb == "create" and asked.name):
            # the object must be there, and there is no kubelet behind its subresources
            self._store.get(target)
            raise StatusError(404, "NotFound", "the server could not find the requested resource", {})
        return works[asked.verb](_Work(asked.verb, target, call.body, dry_run, entry))

    def _create(self, work: _Work) -> tuple[int, Json]:
        sent = _decode(work.body, work.target)
        if work.entry:
            name = (sent.get("metadata") or {}).get("name")
            if name:
                work.entry.base["objectRef"] = _named(work.entry.base["objectRef"], name)
            work.entry.request_object = sent
        made = self._store.create(work.target, sent, dry_run=work.dry_run)
        if not work.dry_run:
            self.after(work.target, made)
        return 201, made

    def _change(self, work: _Work) -> tuple[int, Json]:
        change = _decode(work.body, work.target)
        if work.entry:
            work.entry.request_object = change
        return 200, self._store.replace(work.target, change, merge=work.verb == "patch", dry_run=work.dry_run)

    def _delete(self, work: _Work) -> tuple[int, Json]:
        gone = self._store.delete(work.target, dry_run=work.dry_run)
        if work.target.resource == "pods":
            return 200, gone
        details = {"name": work.target.name, "kind": work.target.resource, "uid": gone["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return 200, {**status, "details": details}

    def _path(self, method: str, path: str) -> tuple[int, Any]:
        if method not in ("GET", "HEAD"):
            message = "the server does not allow this method on the requested resource"
            raise StatusError(405, "MethodNotAllowed", message, {})
        top = path.lstrip("/").partition("/")[0]
        if top in _HEALTH:
            if self._healthy() or top != "readyz":
                return 200, "ok"
            return 500, "[+]ping ok\n[-]poststarthook/sandbox failed: reason withheld\nreadyz check failed\n"
        major, minor, _ = self._version.split(".")
        pages: dict[str, Callable[[], Any]] = {
            "/version": lambda: {
                "major": major,
                "minor": minor,
                "gitVersion": f"v{self._version}",
                "platform": "linux/amd64",
            },
            "/metrics": lambda: self._backend.metrics() + self._requests.text(),
            "/api": lambda: {"kind": "APIVersions", "versions": ["v1"]},
        }
        if path not in pages:
            raise StatusError(404, "NotFound", "the server could not find the requested resource", {})
        return 200, pages[path]()


def _version(asked: Attributes) -> str:
    """Of the API group: what follows /api or /apis/GROUP."""
    return asked.path.split("/")[2 if asked.api_group == "" else 3]


def _base(call: Call, asked: Attributes, user: User | None, audit_id: str) -> Json:
    base: Json = {"auditID": audit_id, "requestURI": call.url, "verb": asked.verb}
    base["user"] = user.json() if user else {}
    base["sourceIPs"] = [call.source]
    agent = call.headers.get("user-agent", "")
    if agent:
        base["userAgent"] = agent if len(agent) <= 1024 else f"{agent[:1024]}...TRUNCATED"
    if asked.is_resource:
        reference = {
            "resource": asked.resource,
            "namespace": asked.namespace,
            "name": asked.name,
            "apiGroup": asked.api_group,
            "apiVersion": _version(asked),
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
