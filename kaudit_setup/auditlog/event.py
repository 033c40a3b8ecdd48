"""The one model of an audit event: the fields that this program reads.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Event, ObjectReference). What a log leaves out is
empty here: a 401 has no user, a non-resource request no objectRef, some events have no verb. Request and response
bodies stay raw bytes until they are needed.
"""

from __future__ import annotations

import msgspec


class UserInfo(msgspec.Struct, frozen=True, gc=False):
    """authentication/v1 UserInfo."""

    username: str = ""
    groups: tuple[str, ...] = ()


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The object of a request; `resource` is empty for a non-resource request."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    subresource: str = ""


class ResponseStatus(msgspec.Struct, frozen=True, gc=False):
    """The part of meta/v1 Status that is always there."""

    code: int = 0


class Annotations(msgspec.Struct, frozen=True, gc=False):
    """The annotations of the authorizer and of truncation (AS/pkg/endpoints/filters/authorization.go,
    AS/plugin/pkg/audit/truncate/truncate.go).
    """

    decision: str = msgspec.field(name="authorization.k8s.io/decision", default="")
    reason: str = msgspec.field(name="authorization.k8s.io/reason", default="")
    truncated: str = msgspec.field(name="audit.k8s.io/truncated", default="")


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One line of an audit log (audit.k8s.io/v1 and older). JSON without a stage is not an audit event."""

    stage: str
    api_version: str = ""
    audit_id: str = msgspec.field(name="auditID", default="")
    level: str = ""
    verb: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    user: UserInfo = UserInfo()
    impersonated_user: UserInfo | None = None
    source_ips: tuple[str, ...] = msgspec.field(name="sourceIPs", default=())
    user_agent: str = ""
    object_ref: ObjectReference = ObjectReference()
    response_status: ResponseStatus = ResponseStatus()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: Annotations = Annotations()
    request_object: msgspec.Raw = msgspec.Raw()
    response_object: msgspec.Raw = msgspec.Raw()


PARTS: dict[str, type[msgspec.Struct]] = {
    "user": UserInfo,
    "impersonated_user": UserInfo,
    "object_ref": ObjectReference,
    "response_status": ResponseStatus,
    "annotations": Annotations,
}
"""The fields of Event that have fields of their own."""

Decoder = msgspec.json.Decoder[Event]
"""Of Event or of a projection of it; asking a projection for a field that it lacks raises AttributeError."""

EVENT: Decoder = msgspec.json.Decoder(Event)
"""Of whole events. Made at import, before any thread: msgspec inspects a type when it is first used, which is not
thread-safe.
"""

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises."""

_RANK = {"RequestReceived": 0, "ResponseStarted": 1, "ResponseComplete": 2, "Panic": 3}
ENDS_REQUEST = 2
"""The rank of the first stage that ends a request."""


def rank(event: Event) -> int:
    """The order of its stage: a later stage knows more. ENDS_REQUEST and above end a request.

    A request whose authentication failed has only one stage, ResponseStarted, so that one ends it
    (staging/src/k8s.io/apiserver/pkg/endpoints/filters/authn_audit.go:withFailedRequestAudit).
    """
    known = _RANK.get(event.stage, 0)
    return ENDS_REQUEST if known == 1 and event.response_status.code == 401 else known


def acted_as(event: Event) -> str:
    """The user whose rights the request had."""
    who = event.impersonated_user
    return event.user.username if who is None else who.username


def impersonator(event: Event) -> str:
    """The user who sent an impersonated request; empty for any other."""
    return event.user.username if event.impersonated_user is not None else ""


def decode_strictly(text: bytes) -> Event | None:
    """The event in `text`, which must decode as it is; None if it does not."""
    try:
        return EVENT.decode(text)
    except REFUSED:
        return None
