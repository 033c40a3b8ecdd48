"""Google Cloud's audit log entries for GKE: `protoPayload` (google.cloud.audit.AuditLog) → an audit event.

What the entry does not say stays out: the groups of the user, whom a request impersonates in Kubernetes, and the
stage's own time. Somebody who uses a Google service account (`serviceAccountDelegationInfo`) is read as acting as it.
Source: "Audit log entries" and "GKE audit logging" of Google's documentation; google/cloud/audit/audit_log.proto;
google/rpc/code.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, STRING, damaged
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.timestamps import restamp, stamp_or_nothing
from kaudit_setup.errors import InputError

# google/rpc/code.proto names the HTTP status of each
_HTTP: Final = {0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400} | {
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
_MOST_KNOWN: Final = 4096  # payloads, and parts of them, that are remembered
_LONGEST_KNOWN: Final = 2048  # bytes of an entry's payload that is remembered, and of one whose parts are


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


class _Entry(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    proto_payload: _Payload
    timestamp: str = ""
    receive_timestamp: str = ""
    insert_id: str = ""
    operation: _Operation = _Operation()
    labels: dict[str, str] = {}


class _Head(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An entry of which only that is decoded in which it differs from many others."""

    proto_payload: msgspec.Raw = msgspec.Raw()
    timestamp: str = ""
    receive_timestamp: str = ""
    insert_id: str = ""
    operation: _Operation = _Operation()
    labels: msgspec.Raw = msgspec.Raw(b"{}")


_Key = tuple[bytes, bytes, bool]
"""A payload, labels, and whether the answer goes on."""


class _Around(NamedTuple):
    """An event without its ID and its times."""

    level: bytes
    asked: bytes
    labels: bytes


_SECOND: Final = len("2026-11-23T16:06:07.")
_MICROS: Final = 6
_IN_BIGQUERY: Final = "protopayload_auditlog"
_BIGQUERY_KEY: Final = _IN_BIGQUERY.encode()
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_HEADS: Final = msgspec.json.Decoder(_Head)
_PAYLOAD: Final = msgspec.json.Decoder(_Payload)
_LABELS: Final = msgspec.json.Decoder(dict[str, str])
_TEXT: Final = msgspec.json.Encoder()
_STAMPED: Final = b',"stageTimestamp":'
_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Gke:
    """Entries of the service k8s.io become events; those of other services stay as they are, and are none.

    Requests without bodies differ in time and ID alone from many others: what becomes of the rest is remembered.
    """

    def __init__(self) -> None:
        self._known: dict[_Key, _Around | None] = {}

    def __call__(self, found: Texts, /) -> Texts:
        lines = found.lines or b"".join([text + b"\n" for text in found.texts])
        try:
            heads = _HEADS.decode_lines(lines)
        except REFUSED:
            heads = []
        if len(heads) != found.count:  # some of them are no entries
            return found.become(list(map(_event, found.texts)))
        # the body of a request may have line breaks
        return found.become_lines(self._lines(heads, found)) or found.become(list(map(_event, found.texts)))

    def _lines(self, heads: Sequence[_Head], found: Texts) -> bytes:
        """The events, each with a newline. Most of the time goes here: nothing is called for an entry as usual."""
        known, parts = self._known, list[bytes]()
        for at, head in enumerate(heads):
            operation = head.operation
            key = bytes(head.proto_payload), bytes(head.labels), operation.first and not operation.last
            around = known[key] if key in known else self._learn(key)
            time = _time(head.timestamp)
            if around is None or not time:
                parts += (_event(found[at]), b"\n")
            else:
                name = _TEXT.encode(operation.id or head.insert_id)
                parts += (around.level, name, around.asked, time, _STAMPED, time, around.labels)
        return b"".join(parts)

    def _learn(self, key: _Key) -> _Around | None:
        """What stands around the ID and the times of an event; None if it is none."""
        payload, labels, begun = key
        if len(payload) > _LONGEST_KNOWN:
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[key] = _around_of(payload, labels, begun=begun)
        return found


def is_entry(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether these are the fields of an audit log entry of a GKE cluster."""
    payload = bytes(fields.get("protoPayload") or fields.get(_IN_BIGQUERY) or b"")
    return b'"k8s.io"' in payload


def _of_bigquery(row: Mapping[str, msgspec.Raw]) -> bytes:
    """The entry of a row of a BigQuery export, which has bodies as strings and times in its own spelling."""
    payload = FIELDS.decode(row[_IN_BIGQUERY])
    for column, field in (("requestJson", "request"), ("responseJson", "response")):
        if bytes(payload.get(column, b"null")) != b"null":
            payload[field] = msgspec.Raw(STRING.decode(payload[column]).encode())
    at = STRING.decode(row["timestamp"]).removesuffix(" UTC").replace(" ", "T")
    entry = {key: row[key] for key in ("insertId", "operation") if bytes(row.get(key, b"null")) != b"null"}
    stamped = at if at.endswith("Z") else f"{at}Z"
    return msgspec.json.encode({**entry, "protoPayload": payload, "timestamp": stamped})


def _event(text: bytes) -> bytes:
    try:
        fields = FIELDS.decode(text) if _BIGQUERY_KEY in text else {}
        entry = _ENTRY.decode(_of_bigquery(fields) if _IN_BIGQUERY in fields else text)
        payload = entry.proto_payload
        if payload.service_name != "k8s.io":
            return b""
        head = len(text) - len(bytes(payload.request)) - len(bytes(payload.response))
        parts = _KNOWN if head <= _LONGEST_KNOWN else _PARTS
        annotations = _annotations(entry.labels, _decision(payload))
        around = _mapped(payload, parts, annotations, begun=entry.operation.begun)
        name = _TEXT.encode(entry.operation.id or entry.insert_id)
        time = _TEXT.encode(restamp(entry.timestamp))
        return b"".join((around.level, name, around.asked, time, _STAMPED, time, around.labels)).rstrip(b"\n")
    except (*REFUSED, InputError, KeyError):
        return damaged(text) if b"protoPayload" in text or _BIGQUERY_KEY in text else text


def _around_of(payload: bytes, labels: bytes, *, begun: bool) -> _Around | None:
    """As `_mapped`, of what is not decoded; None if that cannot be, or it is another service's."""
    try:
        asked = _PAYLOAD.decode(payload)
        annotations = _known_annotations(labels, _decision(asked))
        return _mapped(asked, _KNOWN, annotations, begun=begun) if asked.service_name == "k8s.io" else None
    except REFUSED:
        return None


def _time(text: str) -> bytes:
    """A time as an event has it, in quotes; empty if it is not written as usual."""
    fraction = text[_SECOND:-1]
    if len(fraction) < _MICROS or not fraction.isdigit() or not text.isascii() or text[-1] != "Z":
        return b""
    return f'"{text[: _SECOND + _MICROS]}Z"'.encode() if _is_second(text[:_SECOND]) else b""


@lru_cache(maxsize=_MOST_KNOWN)
def _is_second(text: str) -> bool:
    """Whether there is that second in a calendar; it ends with a point."""
    return text.endswith(".") and bool(stamp_or_nothing(f"{text[:-1]}Z"))


class _Ref(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    api_version: str = ""
    subresource: str = ""


def _annotations(labelled: Mapping[str, str], decision: str) -> bytes:
    labels = {name: text for name, text in labelled.items() if "k8s.io/" in name or "kubernetes.io/" in name}
    if decision and "authorization.k8s.io/decision" not in labels:
        labels["authorization.k8s.io/decision"] = decision
    return b',"annotations":' + _TEXT.encode(labels) + b"}\n"


def _decision(payload: _Payload) -> str:
    """Empty if the entry does not say it."""
    if not payload.authorization_info:
        return ""
    return "allow" if all(one.granted for one in payload.authorization_info) else "forbid"


def _mapped(payload: _Payload, parts: _Parts, annotations: bytes, *, begun: bool) -> _Around:
    where, method = payload.resource_name, payload.method_name
    request, response = bytes(payload.request), bytes(payload.response)
    asked = (
        _BEGUN if begun else _COMPLETE,
        _TEXT.encode(_uri(where)),
        parts.verb(method),
        parts.users(payload.authentication_info),
        parts.client(payload.request_metadata),
        parts.ref(where, method.endswith(".create")),
        parts.status(_code(payload, response)),
        b',"requestObject":' if request else b"",
        request,
        b',"responseObject":' if response else b"",
        response,
        b',"requestReceivedTimestamp":',
    )
    level = "RequestResponse" if response else "Request" if request else "Metadata"
    return _Around(_LEVELS[level], b"".join(asked), annotations)


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


_known = lru_cache(maxsize=_MOST_KNOWN)
_NO_REF: Final = _Ref()
_PARTS: Final = _Parts(_verb, _users, _client, _ref, _status)
_KNOWN: Final = _Parts(_known(_verb), _known(_users), _known(_client), _known(_ref), _known(_status))
_BEGUN: Final = b',"stage":"ResponseStarted","requestURI":'
_COMPLETE: Final = b',"stage":"ResponseComplete","requestURI":'
_LEVELS: Final = {
    level: b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"%s","auditID":' % level.encode()
    for level in ("Metadata", "Request", "RequestResponse")
}


@_known
def _known_annotations(labels: bytes, decision: str) -> bytes:
    """Raises one of `events.REFUSED` if these are no labels."""
    return _annotations(_LABELS.decode(labels), decision)


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
