"""An entry of Google Cloud's audit log for GKE, and what stands in its event: `protoPayload`
(google.cloud.audit.AuditLog) → the fields of an audit event.

What the entry does not say stays out: the groups of the user, whom a request impersonates in Kubernetes, and the
stage's own time. Somebody who uses a Google service account (`serviceAccountDelegationInfo`) is read as acting as it.
Source: "Audit log entries" and "GKE audit logging" of Google's documentation; google/cloud/audit/audit_log.proto;
google/rpc/code.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.shapes.events import REFUSED, compact
from kaudit_setup.auditlog.shapes.mapped.projected import MOST_KNOWN, are_bare

# google/rpc/code.proto names the HTTP status of each
_HTTP: Final = {0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400} | {
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}


class _Person(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    principal_email: str = ""


class _Delegate(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    principal_subject: str = ""
    first_party_principal: _Person = _Person()

    @property
    def name(self) -> str:
        return self.first_party_principal.principal_email or self.principal_subject


class _Who(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Identities of other providers have a subject and no email. `service_account_delegation_info`: who uses a
    service account, the one who began it first.
    """

    principal_email: str = ""
    principal_subject: str = ""
    service_account_delegation_info: tuple[_Delegate, ...] = ()

    @property
    def users(self) -> dict[str, Any]:
        """The fields of an event that say who asked, and as whom."""
        asked = {"username": self.principal_email or self.principal_subject}
        real = next((one.name for one in self.service_account_delegation_info if one.name), "")
        return {"user": {"username": real}, "impersonatedUser": asked} if real else {"user": asked}


class _Right(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    granted: bool = False


class _From(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    caller_ip: str = ""
    caller_supplied_user_agent: str = ""


class _Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str = ""
    type: str = msgspec.field(name="@type", default="")
    code: int = 0


class _Payload(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    service_name: str = ""
    method_name: str = ""
    resource_name: str = ""
    authentication_info: _Who = _Who()
    authorization_info: tuple[_Right, ...] = ()
    request_metadata: _From = _From()
    status: _Status = _Status()
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class _Operation(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: str = ""
    first: bool = False
    last: bool = False

    @property
    def begun(self) -> bool:
        """Whether the answer goes on."""
        return self.first and not self.last


class Head(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An entry of which only that is decoded in which it differs from many others."""

    proto_payload: msgspec.Raw = msgspec.Raw()
    timestamp: str = ""
    insert_id: str = ""
    operation: _Operation = _Operation()
    labels: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def name(self) -> str:
        """What its event has as its ID."""
        return self.operation.id or self.insert_id


HEAD: Final = msgspec.json.Decoder(Head)
HEADS: Final = msgspec.json.Decoder(list[Head])
PAYLOAD: Final = msgspec.json.Decoder(_Payload)
LONGEST_KNOWN: Final = 2048
"""Bytes of an entry's payload that is remembered, and of one whose parts are."""
_LABELS: Final = msgspec.json.Decoder(dict[str, str])
_TEXT: Final = msgspec.json.Encoder()
_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Around(NamedTuple):
    """An event without its ID and its times."""

    level: bytes
    asked: bytes
    bodies: bytes
    labels: bytes

    def event(self, name: bytes, time: bytes) -> bytes:
        """The whole, with a newline; the ID and the time are in quotes."""
        parts = (self.level, name, self.asked, self.bodies, RECEIVED, time, STAMPED, time, self.labels)
        return b"".join(parts)


RECEIVED: Final = b',"requestReceivedTimestamp":'
STAMPED: Final = b',"stageTimestamp":'


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What an event says, besides its ID, its times, and the bodies that it has at its `level`. `begun`: the answer
    goes on.
    """

    level: str
    method: str
    where: str
    who: _Who
    client: _From
    code: int
    decision: str
    begun: bool
    labels: bytes

    def around(self, bodies: bytes, size: int) -> Around:
        """The event; the parts of what has such a size are remembered. Raises one of `events.REFUSED` if the labels
        are none.
        """
        parts = _KNOWN if size <= LONGEST_KNOWN else _PARTS
        asked = (
            _BEGUN if self.begun else _COMPLETE,
            _TEXT.encode(_uri(self.where)),
            parts.verb(self.method),
            parts.users(self.who),
            parts.client(self.client),
            parts.ref(self.where, self.method.endswith(".create")),
            parts.status(self.code),
        )
        return Around(_LEVELS[self.level], b"".join(asked), bodies, parts.annotations(self.labels, self.decision))


class Contents(NamedTuple):
    """What is in a payload. `size`: its bytes without those of bodies."""

    asked: Asked
    bodies: bytes
    size: int

    @property
    def around(self) -> Around:
        """Its event. Raises one of `events.REFUSED`."""
        return self.asked.around(self.bodies, self.size)


def contents(head: Head, *, compacted: bool) -> Contents | None:
    """What is in the payload of `head`; None if it is another service's. `compacted`: whether bodies that stand over
    several lines are put into one. Raises one of `events.REFUSED`.
    """
    payload = PAYLOAD.decode(head.proto_payload)
    if payload.service_name != "k8s.io":
        return None
    # most entries have none
    request = _body(payload.request, compacted=compacted) if payload.request else b""
    response = _body(payload.response, compacted=compacted) if payload.response else b""
    asked = Asked(
        "RequestResponse" if response else "Request" if request else "Metadata",
        payload.method_name,
        payload.resource_name,
        payload.authentication_info,
        payload.request_metadata,
        _code(payload, response),
        _decision(payload),
        head.operation.begun,
        bytes(head.labels),
    )
    bodies = b',"requestObject":' + request if request else b""
    if response:
        bodies += b',"responseObject":' + response
    return Contents(asked, bodies, len(head.proto_payload) - len(payload.request) - len(payload.response))


def _body(text: msgspec.Raw, *, compacted: bool) -> bytes:
    body = bytes(text)
    return compact(body) if compacted else body


def shortened(where: str, dashes: Iterable[int]) -> tuple[str, int]:
    """A resource name in which some names (`NAMESPACE`, `NAME`) are a dash; and by how many bytes that makes the
    event shorter, in the URI and in the objectRef. Only what is in a namespace is made so.
    """
    parts = where.split("/", NAME + 1)
    if len(parts) < NAME or parts[2] != "namespaces" or parts[4] in _OF_NAMESPACES or not are_bare(parts[3:6]):
        return where, 0
    less = 0
    for at in dashes:
        if at < len(parts) and parts[at]:
            less += 2 * (len(parts[at]) - 1)
            parts[at] = "-"
    return "/".join(parts), less


NAMESPACE: Final = 3
NAME: Final = 5
"""Which part of a resource name it is: `GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME`."""
_OF_NAMESPACES: Final = frozenset({"", "status", "finalize", "namespaces"})


class _Ref(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    api_version: str = ""
    subresource: str = ""


def _annotations(labels: bytes, decision: str) -> bytes:
    """Raises one of `events.REFUSED` if these are no labels."""
    labelled = _LABELS.decode(labels)
    kept = {name: text for name, text in labelled.items() if "k8s.io/" in name or "kubernetes.io/" in name}
    if decision and "authorization.k8s.io/decision" not in kept:
        kept["authorization.k8s.io/decision"] = decision
    return b',"annotations":' + _TEXT.encode(kept) + b"}\n"


def _decision(payload: _Payload) -> str:
    """Empty if the entry does not say it."""
    if not payload.authorization_info:
        return ""
    return "allow" if all(map(_GRANTED, payload.authorization_info)) else "forbid"


_GRANTED: Final = attrgetter("granted")


def _verb(method: str) -> bytes:
    return b',"verb":' + _TEXT.encode(method.rpartition(".")[2])


def _users(who: _Who) -> bytes:
    return b"," + _TEXT.encode(who.users)[1:-1]


def _client(client: _From) -> bytes:
    addresses = [client.caller_ip] if client.caller_ip else []
    return b"," + _TEXT.encode({"sourceIPs": addresses, "userAgent": client.caller_supplied_user_agent})[1:-1]


def _ref(where: str, creates: bool) -> bytes:
    """The objectRef of `GROUP/VERSION[/namespaces/NAMESPACE]/RESOURCE[/NAME[/SUBRESOURCE]]`; `core` is no group."""
    group, _, rest = where.partition("/")
    version, _, rest = rest.partition("/")
    parts = rest.strip("/").split("/")
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces" and parts[2] not in {"status", "finalize"}:
        namespace, parts = parts[1], parts[2:]
    resource, name = parts[0], parts[1] if len(parts) > 1 else ""
    if resource == "namespaces" and not creates:
        namespace = name  # a request for one namespace carries it as its namespace, too
    if not resource:
        group = version = ""
    below = "/".join(filter(None, parts[2:])) if len(parts) > 2 else ""
    found = _Ref(resource, namespace, name, "" if group == "core" else group, version, below)
    return b',"objectRef":' + _TEXT.encode(found) if found != _NO_REF else b""


def _status(code: int) -> bytes:
    return b',"responseStatus":{"metadata":{},"code":' + _TEXT.encode(code) + b"}"


class _Parts(NamedTuple):
    """What makes the parts of an event that it has in common with others, each with a comma before it."""

    verb: Callable[[str], bytes]
    users: Callable[[_Who], bytes]
    client: Callable[[_From], bytes]
    ref: Callable[[str, bool], bytes]
    status: Callable[[int], bytes]
    annotations: Callable[[bytes, str], bytes]


_known = lru_cache(maxsize=MOST_KNOWN)
_NO_REF: Final = _Ref()
_PARTS: Final = _Parts(_verb, _users, _client, _ref, _status, _annotations)
_KNOWN: Final = _Parts(
    _known(_verb), _known(_users), _known(_client), _known(_ref), _known(_status), _known(_annotations)
)
_BEGUN: Final = b',"stage":"ResponseStarted","requestURI":'
_COMPLETE: Final = b',"stage":"ResponseComplete","requestURI":'
_LEVELS: Final = {
    level: b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"%s","auditID":' % level.encode()
    for level in ("Metadata", "Request", "RequestResponse")
}


def _uri(name: str) -> str:
    group, _, rest = name.partition("/")
    return f"/api/{rest}" if group == "core" else f"/apis/{name}" if rest else name


def _code(payload: _Payload, response: bytes) -> int:
    """The HTTP status: of the answer if it is a Status, else the nearest to the RPC status that the entry has."""
    if b'"Failure"' in response:
        try:
            answer = _ANSWER.decode(response)
        except REFUSED:
            answer = _Answer()
        if answer.code and (answer.kind == "Status" or answer.type.endswith(".Status")):
            return answer.code
    code = payload.status.code
    if code == 0 and payload.method_name.endswith(".create"):
        return 201
    return _HTTP.get(code, code)
