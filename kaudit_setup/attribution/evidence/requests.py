"""Events → requests: one each, whatever its stages, with what is known about its object and whether it took effect.

A request keeps small values only, never an event's bodies, so that a list of 10 MB costs no more than a few strings.
Source: staging/src/k8s.io/apiserver/pkg/audit/request.go (what is recorded at each level and stage).
"""

from __future__ import annotations

from datetime import datetime
from sys import intern
from typing import Literal

import msgspec

from kaudit_setup.attribution.evidence.actors import controller_of, node_of
from kaudit_setup.attribution.evidence.bodies import Facts, body_facts
from kaudit_setup.attribution.evidence.list_responses import lists_object
from kaudit_setup.attribution.evidence.uri_query import asks_dry_run, path_segments, value
from kaudit_setup.auditlog.event import Event, ObjectReference, impersonator
from kaudit_setup.auditlog.kinds import home_group
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.values import replace

Outcome = Literal["done", "refused", "dry-run", "open"]

TIMED_OUT = 504
_LATER = {"": 0, "RequestReceived": 1, "ResponseStarted": 2, "ResponseComplete": 3, "Panic": 4}
_EXEC = frozenset({"exec", "attach", "portforward", "proxy"})
_NODE_PROXY = len(("api", "v1", "nodes", "NAME", "proxy"))
_CONNECTS = _EXEC | {"token"}
# The kubelet's own paths into a Pod, and the subresource of the Pod that does the same.
_KUBELET = {"exec": "exec", "run": "exec", "attach": "attach", "portForward": "portforward", "containerLogs": "log"}
# Requests on a subresource that change what an object is or does; `status` is what controllers report about it.
_NO_CHANGE = frozenset({"status", "binding", "token", "eviction", "log", "exec", "attach", "portforward", "proxy"})


class Source(msgspec.Struct, frozen=True):
    """Where an event was read: node, file, line (1-based, 0 until the lines before it are counted).

    `hit`: the place as the search knows it, without its text. `one_cluster`: whether all that was searched is known
    to be of one cluster.
    """

    node: str
    file: str
    line: int
    hit: Hit | None = None
    one_cluster: bool = False


class Object(msgspec.Struct, frozen=True):
    """An object's coordinates; `namespace` is empty for cluster-scoped ones."""

    group: str
    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        if not self.name:
            return f"all {self.resource}{f' in namespace {self.namespace}' if self.namespace else ''}"
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{singular(self.resource)} {where}{self.name}"


class Request(msgspec.Struct, frozen=True):
    """One request. `at`/`end` are Unix seconds of receipt and of the last stage seen; `time` is `at` as logged.

    `user` is the one acted as, `impersonator` the one who really sent it. `controller` and `node` are set where the
    actor is one of Kubernetes' own. `group` is the object's, whichever of its groups served it. `facts` is what
    bodies say, with nothing in it at level Metadata. `no_op` is set where the log shows that it left its object as it
    was (see `no_op_updates`).
    """

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    groups: tuple[str, ...]
    impersonator: str
    source_ips: tuple[str, ...]
    agent: str
    time: str
    at: float
    end: float
    code: int
    decision: str
    reason: str
    audit_id: str
    level: str
    stage: str
    uri: str
    source: Source
    facts: Facts
    controller: str
    node: str
    outcome: Outcome
    no_op: bool = False

    @property
    def done(self) -> bool:
        """Whether the request took effect: completed or under way, not refused, not a dry run."""
        return self.outcome == "done"

    @property
    def object(self) -> Object:
        """The request's object; its name is empty where the log does not tell."""
        return Object(self.group, self.resource, self.namespace, self.name)

    @property
    def by_kubernetes(self) -> bool:
        """Whether one of Kubernetes' own components sent it, nobody impersonating it."""
        return bool(self.controller or self.node)

    @property
    def key(self) -> tuple[str, ...]:
        """What all stages of one request share. An Audit-ID header is taken verbatim from clients, so the ID alone
        would let somebody hide a request behind another's. At RequestReceived nobody is impersonated yet
        (AS/pkg/server/config.go:DefaultBuildHandlerChain), so that it is the sender who counts.
        """
        return (self.audit_id, self.time, *self.shape)

    @property
    def shape(self) -> tuple[str, str, str]:
        """What was asked for and by whom, as the server knows it in every stage."""
        return (self.verb, self.uri, self.impersonator or self.user)


def singular(resource: str) -> str:
    """`pods` to `pod`, for sentences."""
    if resource.endswith("ies"):
        return f"{resource[:-3]}y"
    if resource.endswith(("sses", "xes", "ches", "shes")):
        return resource[:-2]
    return resource.removesuffix("s") if not resource.endswith(("ss", "points")) else resource


def stage_rank(stage: str) -> int:
    """How much a stage shows: the later, the more (RequestReceived: no name of a create, no code)."""
    return _LATER.get(stage, 0)


def request_of(event: Event, source: Source, about: Object | None = None) -> Request:
    """One event, read at `source`, as a request. `about`: the object asked about, if there is one."""
    who, behind = event.impersonated_user or event.user, impersonator(event)
    facts = body_facts(event)
    if about is not None and event.verb == "list":
        facts = replace(facts, shown=lists_object(event, about.name, about.namespace))
    obj = _object_of(event.object_ref, facts.response_name if event.verb == "create" else "")
    return Request(
        # what many events share is kept once: a busy object has a hundred thousand of them
        verb=intern(event.verb),
        group=intern(obj.group),
        resource=intern(obj.resource),
        subresource=intern(event.object_ref.subresource),
        namespace=intern(obj.namespace),
        name=obj.name,
        user=intern(who.username),
        groups=tuple(map(intern, who.groups)),
        impersonator=intern(behind),
        source_ips=tuple(map(intern, event.source_ips)),
        agent=intern(event.user_agent),
        time=event.request_received_timestamp,
        at=seconds(event.request_received_timestamp),
        end=seconds(event.stage_timestamp),
        code=event.response_status.code,
        decision=event.annotations.decision,
        reason=intern(event.annotations.reason),
        audit_id=event.audit_id,
        level=event.level,
        stage=event.stage,
        uri=intern(event.request_uri),
        source=source,
        facts=facts,
        controller=controller_of(who.username, event.user_agent, behind),
        node=node_of(who.username, who.groups, event.user_agent, behind),
        outcome=_outcome(event, facts),
    )


def _object_of(ref: ObjectReference, made: str) -> Object:
    """The object that a request names. `made`: what the answer to a create calls the new object."""
    name = proxied(ref.name) if ref.subresource == "proxy" else ref.name
    if not name and not ref.subresource:
        name = made
    namespace = "" if ref.resource == "namespaces" else ref.namespace
    return Object(home_group(ref.api_group, ref.resource), ref.resource, namespace, name)


def creates(request: Request) -> bool:
    """Whether it created its object: POST, or an upsert by PUT or a server-side apply (201)."""
    if request.subresource:
        return False
    return request.verb == "create" or (request.verb in {"patch", "update"} and request.code == 201)


def changes(request: Request) -> bool:
    """Whether it changed its object: PUT or PATCH, also of `scale`; `status` only if not by Kubernetes."""
    if request.verb not in {"update", "patch"} or creates(request):
        return request.verb == "create" and request.subresource == "ephemeralcontainers"
    if request.subresource == "status":
        return not request.by_kubernetes
    return request.subresource not in _NO_CHANGE


def alters(request: Request) -> bool:
    """Whether it changed its object, as people ask for it: see `changes`; and a Pod's binding by anybody but the
    scheduler, which does that once to every Pod.
    """
    return changes(request) or (binds(request) and not request.by_kubernetes)


def binds(request: Request) -> bool:
    """Whether it gave a Pod its node, spec.nodeName (pkg/registry/core/pod/storage/storage.go:BindingREST)."""
    return request.verb == "create" and request.subresource == "binding"


def target(request: Request) -> str:
    """What a request was about, for sentences: an object, a new one, or all of its kind, or those that match."""
    if request.name:
        return str(request.object)
    if request.verb != "create":
        asked = selector(request)
        return f"{request.object}{f' that match {asked}' if asked else ''}"
    where = f" in namespace {request.namespace}" if request.namespace else ""
    return f"a {singular(request.resource)} of a name that is not logged{where}"


def collection(request: Request) -> str:
    """`all pods`, or those of them that a request on a whole collection asked for."""
    asked = selector(request)
    return f"all {request.resource}{f' that match {asked}' if asked else ''}"


def selector(request: Request) -> str:
    """What a request on a whole collection asked its objects to match; empty for all."""
    asked = (value(request.uri, "labelSelector"), value(request.uri, "fieldSelector"))
    return " and ".join(filter(None, asked))


def deletes(request: Request) -> bool:
    """Whether it deleted its object, or its whole collection: DELETE or an eviction."""
    if request.verb in {"delete", "deletecollection"}:
        return not request.subresource
    return request.verb == "create" and request.subresource == "eviction"


def reads(request: Request) -> bool:
    """Whether it showed the object to somebody: get, list, watch, a Pod's log; a service account's token."""
    if request.verb in {"get", "list", "watch"}:
        return request.subresource not in _EXEC
    return request.verb == "create" and request.subresource == "token"


def executes(request: Request) -> bool:
    """Whether it connected to its object: exec, attach, port-forward or proxy, with whatever verb."""
    return request.subresource in _EXEC


def through_kubelet(request: Request) -> Request | None:
    """What a request through a node's proxy did inside a Pod, as a request on that Pod; None if it did not.

    Source: pkg/kubelet/server/server.go:InstallDebuggingHandlers (`/exec/<namespace>/<pod>/...` and the like).
    """
    if (request.group, request.resource, request.subresource) != ("", "nodes", "proxy"):
        return None
    parts = path_segments(request.uri)[_NODE_PROXY:]
    if len(parts) < 3 or parts[0] not in _KUBELET:
        return None
    return replace(request, resource="pods", subresource=_KUBELET[parts[0]], namespace=parts[1], name=parts[2])


def proxied(name: str) -> str:
    """The name of the Pod, Service or node that a request for its proxy names with a scheme or a port.

    `name`, `name:port`, `scheme:name:port` (the port may be empty). Source: AM/pkg/util/net/port_split.go.
    """
    parts = name.split(":")
    if len(parts) == 3 and parts[0] in {"http", "https", ""}:
        return parts[1]
    return parts[0] if len(parts) == 2 else name


def seconds(timestamp: str) -> float:
    """An RFC 3339 timestamp in Unix seconds, 0.0 where it cannot be read."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return 0.0


def _outcome(event: Event, facts: Facts) -> Outcome:
    stage, code = event.stage, event.response_status.code
    # a request that was given up after its time goes on in the server (AS/pkg/server/filters/timeout.go)
    if stage in {"", "RequestReceived"} or code == TIMED_OUT:
        return "open"
    if stage == "Panic" or code >= 400:
        return "refused"
    if facts.dry_run:
        return "dry-run"
    said = _dry_run_in_uri(event, facts) if code and asks_dry_run(event.request_uri) else None
    return said or ("done" if code else "open")


def _dry_run_in_uri(event: Event, facts: Facts) -> Outcome | None:
    """What a request came to whose URI asks for a dry run; None if the server took no notice of that.

    A deletion's URI counts if the request has no body, which only a level above Metadata shows. Whoever sends a read,
    an exec or a request for a token may write it into the URI all the same (AS/pkg/endpoints/installer.go,
    pkg/registry/core/serviceaccount/storage/token.go).
    """
    if event.verb in {"delete", "deletecollection"}:
        if event.request_object:
            return None
        return "open" if facts.dry_run is None else "dry-run"
    heeded = event.verb in {"create", "update", "patch"} and event.object_ref.subresource not in _CONNECTS
    return "dry-run" if heeded else None
