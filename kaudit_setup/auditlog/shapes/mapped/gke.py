"""Google Cloud's audit log entries for GKE: `protoPayload` (google.cloud.audit.AuditLog) → an audit event.

What the entry does not say stays out: the groups of the user, whom a request impersonates in Kubernetes, and the
stage's own time. Somebody who uses a Google service account (`serviceAccountDelegationInfo`) is read as acting as it.
Source: "Audit log entries" and "GKE audit logging" of Google's documentation; google/cloud/audit/audit_log.proto;
google/rpc/code.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, STRING, damaged
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError

# google/rpc/code.proto names the HTTP status of each
_HTTP: Final = {0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400} | {
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
_MOST_KNOWN, _SHORT = 4096, 1024  # objects that are remembered, and characters of their names


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


class _Entry(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    proto_payload: _Payload
    timestamp: str = ""
    receive_timestamp: str = ""
    insert_id: str = ""
    operation: _Operation = _Operation()
    labels: dict[str, str] = {}


_IN_BIGQUERY: Final = "protopayload_auditlog"
_BIGQUERY_KEY: Final = _IN_BIGQUERY.encode()
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Gke:
    """Entries of the service k8s.io become events; those of other services stay as they are, and are none."""

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([_event(text) for text in found.texts])


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
        return msgspec.json.encode(_mapped(entry, payload)) if payload.service_name == "k8s.io" else b""
    except (*REFUSED, InputError, KeyError):
        return damaged(text) if b"protoPayload" in text or _BIGQUERY_KEY in text else text


def _mapped(entry: _Entry, payload: _Payload) -> dict[str, Any]:
    where, creates = payload.resource_name, payload.method_name.endswith(".create")
    ref = (_known_object if len(where) < _SHORT else _object)(where, creates)
    labels = {name: text for name, text in entry.labels.items() if "k8s.io/" in name or "kubernetes.io/" in name}
    if payload.authorization_info and "authorization.k8s.io/decision" not in labels:
        granted = all(one.granted for one in payload.authorization_info)
        labels["authorization.k8s.io/decision"] = "allow" if granted else "forbid"
    at = restamp(entry.timestamp)
    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": _level(payload),
        "auditID": entry.operation.id or entry.insert_id,
        "stage": "ResponseStarted" if entry.operation.first and not entry.operation.last else "ResponseComplete",
        "requestURI": _uri(payload.resource_name),
        "verb": payload.method_name.rpartition(".")[2],
        **payload.authentication_info.users,
        "sourceIPs": [payload.request_metadata.caller_ip] if payload.request_metadata.caller_ip else [],
        "userAgent": payload.request_metadata.caller_supplied_user_agent,
    }
    if ref:
        event["objectRef"] = ref
    event["responseStatus"] = {"metadata": {}, "code": _code(payload)}
    bodies = {"requestObject": payload.request, "responseObject": payload.response}
    event |= {name: body for name, body in bodies.items() if bytes(body)}
    return event | {"requestReceivedTimestamp": at, "stageTimestamp": at, "annotations": labels}


def _level(payload: _Payload) -> str:
    if bytes(payload.response):
        return "RequestResponse"
    return "Request" if bytes(payload.request) else "Metadata"


def _object(where: str, creates: bool) -> Mapping[str, str]:
    """The objectRef of `GROUP/VERSION[/namespaces/NAMESPACE]/RESOURCE[/NAME[/SUBRESOURCE]]`; `core` is no group."""
    group, _, rest = where.partition("/")
    version, _, rest = rest.partition("/")
    parts = rest.strip("/").split("/")
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces" and parts[2] not in {"status", "finalize"}:
        namespace, parts = parts[1], parts[2:]
    resource, name, *others = (*parts, "")
    if resource == "namespaces" and not creates:
        namespace = name  # a request for one namespace carries it as its namespace, too
    found = {
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "apiGroup": "" if group == "core" or not resource else group,
        "apiVersion": version if resource else "",
        "subresource": "/".join(filter(None, others)),
    }
    return {key: value for key, value in found.items() if value}


_known_object = lru_cache(maxsize=_MOST_KNOWN)(_object)


def _uri(name: str) -> str:
    group, _, rest = name.partition("/")
    return f"/api/{rest}" if group == "core" else f"/apis/{name}" if rest else name


def _code(payload: _Payload) -> int:
    """The HTTP status: of the answer if it is a Status, else the nearest to the RPC status that the entry has."""
    if b'"Failure"' in bytes(payload.response):
        try:
            answer = _ANSWER.decode(payload.response)
        except REFUSED:
            answer = _Answer()
        if answer.code and (answer.kind == "Status" or answer.type.endswith(".Status")):
            return answer.code
    code = payload.status.code
    if code == 0 and payload.method_name.endswith(".create"):
        return 201
    return _HTTP.get(code, code)
