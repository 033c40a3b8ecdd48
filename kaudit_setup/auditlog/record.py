"""An event as `events` shows it: who, when, what, with which outcome, and where its line is."""

from __future__ import annotations

import msgspec

from kaudit_setup.auditlog.event import Event, acted_as, impersonator


class Place(msgspec.Struct, frozen=True, gc=False, order=True):
    """Where a line is; `line` is 1-based. `cluster` is empty where there is only one, which was not named."""

    node: str
    file: str
    line: int
    cluster: str = ""


class ObjectPlace(msgspec.Struct, frozen=True, gc=False):
    """The object of a request; all empty for a non-resource request."""

    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


class Record(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One event, with the same keys as `who`: `user` is the one acted as, `impersonated_by` the one who sent it."""

    user: str
    groups: tuple[str, ...]
    impersonated_by: str
    source_ips: tuple[str, ...] = msgspec.field(name="sourceIPs")
    user_agent: str
    time: str
    verb: str
    code: int
    decision: str
    reason: str
    audit_id: str = msgspec.field(name="auditID")
    level: str
    stage: str
    object: ObjectPlace
    request_uri: str = msgspec.field(name="requestURI")


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Record)


def body_of(event: Event) -> bytes:
    """The record of an event that has all fields, in JSON. Where the line is, is added when it is known."""
    ref = event.object_ref
    return _ENCODER.encode(
        Record(
            acted_as(event),
            (event.impersonated_user or event.user).groups,
            impersonator(event),
            event.source_ips,
            event.user_agent,
            event.request_received_timestamp or event.stage_timestamp,
            event.verb,
            event.response_status.code,
            event.annotations.decision,
            event.annotations.reason,
            event.audit_id,
            event.level,
            event.stage,
            ObjectPlace(ref.api_group, ref.resource, ref.subresource, ref.namespace, ref.name),
            event.request_uri,
        )
    )


def with_source(body: bytes, place: Place) -> bytes:
    """The record with its `cluster`, if it is known, and its `source`, still one line of JSON."""
    where = {"source": {"node": place.node, "file": place.file, "line": place.line}}
    more = {"cluster": place.cluster, **where} if place.cluster else where
    try:
        source = _ENCODER.encode(more)
    except UnicodeEncodeError:  # a file name that is not UTF-8
        from json import dumps

        source = dumps(more).encode()
    return body[:-1] + b"," + source[1:]


def in_ascii(body: bytes) -> bytes:
    """The same JSON in ASCII, so that it has no control characters for a terminal or a page."""
    if body.isascii() and b"\x7f" not in body:
        return body
    from json import dumps, loads

    return dumps(loads(body), separators=(",", ":")).replace("\x7f", "\\u007f").encode()


def record_of(body: bytes) -> Record:
    """The record that `body_of` wrote."""
    return _DECODER.decode(body)
