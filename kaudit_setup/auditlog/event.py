"""An audit event, typed: only the fields that questions are asked about are decoded.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Event, ObjectReference). `user` may be `{}`
(a 401), `verb` may be empty; request and response bodies stay raw bytes until somebody needs them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class UserInfo(msgspec.Struct, frozen=True, gc=False):
    """authentication/v1 UserInfo."""

    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, Any] = {}


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The object of a request; absent fields are empty."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = ""
    api_version: str = ""
    resource_version: str = ""
    subresource: str = ""


class ResponseStatus(msgspec.Struct, frozen=True, gc=False):
    """meta/v1 Status, as far as the log keeps it."""

    code: int = 0
    status: str = ""
    reason: str = ""
    message: str = ""


# Field names as the log spells them, where camelCase does not say it.
_SPELLING = {
    "audit_id": "auditID",
    "request_uri": "requestURI",
    "impersonated_user": "impersonatedUser",
    "source_ips": "sourceIPs",
    "user_agent": "userAgent",
    "object_ref": "objectRef",
    "response_status": "responseStatus",
    "request_object": "requestObject",
    "response_object": "responseObject",
    "request_received_timestamp": "requestReceivedTimestamp",
    "stage_timestamp": "stageTimestamp",
}


class Event(msgspec.Struct, frozen=True, gc=False, rename=_SPELLING.get):
    """One line of an audit log (audit.k8s.io/v1 and v1beta1)."""

    level: str = ""
    audit_id: str = ""
    stage: str = ""
    request_uri: str = ""
    verb: str = ""
    user: UserInfo = UserInfo()
    impersonated_user: UserInfo | None = None
    source_ips: list[str] = []
    user_agent: str = ""
    object_ref: ObjectReference | None = None
    response_status: ResponseStatus | None = None
    request_object: msgspec.Raw = msgspec.Raw()
    response_object: msgspec.Raw = msgspec.Raw()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: dict[str, str] = {}
