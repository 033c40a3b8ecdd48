"""The events that a request leaves in the log, stage by stage, and what each holds.

Sources: staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit.go:WithAudit (stages),
endpoints/filters/authn_audit.go (the only event of a failed login), pkg/audit/request.go (NewEventFromRequest,
LogRequestObject, LogResponseObject, LogRequestPatch), endpoints/handlers/watch.go:ServeHTTP (watches up to 1.22).
What depends on the version was seen on 1.20 and 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.evaluate import OMIT_MANAGED_FIELDS_SINCE
from kaudit_setup.policy.model import LEVELS, Attributes, Decision, Stage
from kaudit_setup.policy.request import is_long_running

_WATCH_STARTS_AT_ONCE_SINCE: Final = KubeVersion(1, 23)
_EVICTIONS_SINCE: Final = KubeVersion(1, 22)
_STATUS_MESSAGE_SINCE: Final = KubeVersion(1, 24)
# Connections that carry no object of the API: what they transport is never recorded.
_STREAMS: Final = frozenset({"exec", "attach", "portforward", "proxy", "log"})
# Connections that leave HTTP: the code of their answer is "switching protocols".
_UPGRADES: Final = frozenset({"exec", "attach", "portforward"})
_SECRETS: Final = {
    ("", "secrets"): "the Secret's data, base64 and nothing more",
    ("", "configmaps"): "the ConfigMap's data",
    ("authentication.k8s.io", "tokenreviews"): "the token under review",
}


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event. `written` is false where the policy omits its stage."""

    stage: Stage
    when: str
    written: bool
    holds: tuple[str, ...]
    lacks: tuple[str, ...]


def events(a: Attributes, decision: Decision, version: KubeVersion = NEWEST) -> tuple[EventPlan, ...]:
    """The events of a request in the order in which they are written; none at level None."""
    if decision.level == "None":
        return ()

    def plan(stage: Stage, when: str, holds: Iterator[str], lacks: Iterator[str]) -> EventPlan:
        return EventPlan(stage, when, stage not in decision.omit_stages, tuple(holds), tuple(lacks))

    if a.user is None:
        message = "Unauthorized" if version >= _STATUS_MESSAGE_SINCE else ""
        when = "when the login is refused; the only event of the request"
        lacks = iter(("user (an empty object)", "annotations", "requestObject", "responseObject"))
        return (plan("ResponseStarted", when, _started(a, 401, message), lacks),)
    planned = [plan("RequestReceived", "before the request is handled", _common(a, received=True), _early(a))]
    if is_long_running(a):
        planned.append(_long(a, version, plan))
    done = [*_common(a), *_outcome(version), *_bodies(a, decision, version)]
    missing = tuple(_missing(a, decision, version))
    planned.append(plan("ResponseComplete", "after the response", iter(done), iter(missing)))
    panic = iter([*_common(a), "responseStatus.code 500"])
    planned.append(plan("Panic", "instead of ResponseComplete, if the server panics", panic, iter(())))
    return tuple(planned)


_Plan: TypeAlias = Callable[[Stage, str, Iterator[str], Iterator[str]], EventPlan]


def _long(a: Attributes, version: KubeVersion, plan: _Plan) -> EventPlan:
    when, message = "when the response's header is sent", ""
    code = 101 if a.subresource in _UPGRADES else 200
    if a.verb == "watch" and version < _WATCH_STARTS_AT_ONCE_SINCE:
        when, message = "only at the end of the watch (fixed in 1.23)", "Connection closed early"
    return plan("ResponseStarted", when, _started(a, code, message), iter(("responseObject",)))


def _started(a: Attributes, code: int, message: str) -> Iterator[str]:
    yield from _common(a)
    yield f"responseStatus.code {code}" + (f', message "{message}"' if message else "")


def _common(a: Attributes, received: bool = False) -> Iterator[str]:
    if a.user is not None:
        yield "user (name, uid, groups, extra)"
    yield f'verb "{a.verb}"'
    yield "requestURI with its query" + (", the command among it" if a.subresource == "exec" else "")
    yield "sourceIPs, userAgent, auditID"
    if a.is_resource:
        yield _object_ref(a, received)
    if not received and a.user is not None:
        yield "impersonatedUser, if the request impersonates"
        yield "annotations: decision and reason of the authorization"


def _object_ref(a: Attributes, received: bool) -> str:
    parts = [f"resource {a.resource}" + (f"/{a.subresource}" if a.subresource else "")]
    parts += [f"apiGroup {a.api_group}"] if a.api_group else []
    parts += [f"namespace {a.namespace}"] if a.namespace else []
    if a.name:
        parts.append(f"name {a.name}")
    elif a.verb == "create" and not received:
        parts.append("name as the body has it")
    return f"objectRef: {', '.join(parts)}"


def _early(a: Attributes) -> Iterator[str]:
    yield "responseStatus, annotations, impersonatedUser"
    yield "requestObject (the body is not read yet)"
    if a.is_resource and a.verb == "create" and not a.name:
        yield "objectRef.name (it stands in the body)"


def _outcome(version: KubeVersion) -> Iterator[str]:
    reason = "reason and message" if version >= _STATUS_MESSAGE_SINCE else "reason"
    yield f"responseStatus: code; of an error also {reason}"


def _bodies(a: Attributes, decision: Decision, version: KubeVersion) -> Iterator[str]:
    rank = LEVELS.index(decision.level)
    if not a.is_resource and rank == 3:
        yield "responseObject only if the API server itself answers with an error (a Status)"
    if not a.is_resource or a.subresource in _STREAMS:
        return
    request = _request_object(a, version) if rank >= 2 else ""
    response = _response_object(a) if rank == 3 else ""
    for label, body in (("requestObject", request), ("responseObject", response)):
        if body:
            yield f"{label}: {body}{_delicate(a, label)}"
    if (request or response) and version >= OMIT_MANAGED_FIELDS_SINCE and decision.omit_managed_fields:
        yield "the objects without metadata.managedFields"


_SENT: Final = {
    **dict.fromkeys(("create", "update"), "the object after decoding and defaulting"),
    "patch": "the patch as it was sent",
    **dict.fromkeys(("delete", "deletecollection"), "the DeleteOptions, if some were sent"),
}
_ANSWERED: Final = {
    "get": "the object",
    "list": "the whole list",
    "deletecollection": "the list of what was deleted",
    "delete": "the deleted object, or a Status",
    "create": "the object as stored, with the name that the server gave it",
    **dict.fromkeys(("update", "patch"), "the object as stored"),
}


def _request_object(a: Attributes, version: KubeVersion) -> str:
    return "" if _loses_request(a, version) else _SENT.get(a.verb, "")


def _response_object(a: Attributes) -> str:
    return _ANSWERED.get(a.verb, "")


def _loses_request(a: Attributes, version: KubeVersion) -> bool:
    return a.subresource == "eviction" and version < _EVICTIONS_SINCE


def _delicate(a: Attributes, label: str) -> str:
    if a.resource == "serviceaccounts" and a.subresource == "token":
        return " — with the token issued" if label == "responseObject" else ""
    what = _SECRETS.get((a.api_group, a.resource), "") if not a.subresource else ""
    return f" — with {what}" if what and a.verb not in ("delete", "deletecollection") else ""


def _missing(a: Attributes, decision: Decision, version: KubeVersion) -> Iterator[str]:
    rank = LEVELS.index(decision.level)
    if a.is_resource and a.subresource in _STREAMS:
        yield "what goes through the connection, at every level"
    elif a.is_resource:
        yield from _missing_bodies(a, rank, version)
        yield from _missing_name(a, rank)
    elif rank > 1:
        yield "requestObject (bodies are recorded of API objects only)"


def _missing_bodies(a: Attributes, rank: int, version: KubeVersion) -> Iterator[str]:
    if a.verb == "watch":
        yield "the objects watched, at every level"
    elif rank < 3 and _response_object(a):
        yield "responseObject (level RequestResponse)"
    if rank < 2 and _request_object(a, version):
        yield "requestObject (level Request)"
    if _loses_request(a, version):
        yield "requestObject (kube-apiserver loses that of evictions; fixed in 1.22)"


def _missing_name(a: Attributes, rank: int) -> Iterator[str]:
    if a.verb == "create" and not a.name:
        where = "responseObject.metadata.name has it" if rank == 3 else "only level RequestResponse would show it"
        yield f"objectRef.name, if the client left the name to the server (generateName); {where}"
