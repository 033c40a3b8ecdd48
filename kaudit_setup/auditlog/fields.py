"""Which fields of an event each question reads. Only these are decoded of a line: that is what makes it quick.

A field is named as in Event, or as `field.part` where a part of it is enough. The stage is always read, and the
auditID nearly always (see decode.project). To ask events a new question, add its fields here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kaudit_setup.auditlog.event import Event, acted_as, impersonator

Fields = frozenset[str]

TIMES: Fields = frozenset({"request_received_timestamp", "stage_timestamp"})
"""A window of time, and the lines that `events -o raw` prints."""
LAST_STAGE: Fields = TIMES | {"response_status.code"}
"""Whether a later stage of a request decides about it."""
SENT: Fields = frozenset({"verb", "request_uri", "user.username"})
"""What was asked for and by whom, which tells requests apart whatever Audit-ID their clients chose."""
ROW: Fields = frozenset(
    {
        "level",
        "verb",
        "request_uri",
        "user",
        "impersonated_user",
        "source_ips",
        "user_agent",
        "object_ref",
        "response_status",
        "annotations.decision",
        "annotations.reason",
        *TIMES,
    }
)
"""What `events` shows of an event."""
STATS: Fields = frozenset({"level", "api_version"})
ESTIMATE: Fields = frozenset(
    {"level", "verb", "request_uri", "user", "object_ref", "request_object", "response_object"}
)
"""What a policy tells events apart by, and the bodies, whose sizes a lower level saves."""


class Dimension(NamedTuple):
    """Something that events are filtered and grouped by."""

    fields: Fields
    get: Callable[[Event], str]


def resource(event: Event) -> str:
    """`pods` or `pods/exec`; empty for a non-resource request."""
    ref = event.object_ref
    return f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource


_NAMES = frozenset({"user.username", "impersonated_user.username"})
_RESOURCE = frozenset({"object_ref.resource", "object_ref.subresource"})

DIMENSIONS: dict[str, Dimension] = {
    "user": Dimension(_NAMES, acted_as),
    "impersonator": Dimension(_NAMES, impersonator),
    "verb": Dimension(frozenset({"verb"}), lambda e: e.verb),
    "resource": Dimension(_RESOURCE, resource),
    "group": Dimension(frozenset({"object_ref.api_group"}), lambda e: e.object_ref.api_group),
    "namespace": Dimension(frozenset({"object_ref.namespace"}), lambda e: e.object_ref.namespace),
    "name": Dimension(frozenset({"object_ref.name"}), lambda e: e.object_ref.name),
    "code": Dimension(frozenset({"response_status.code"}), lambda e: str(e.response_status.code or "")),
    "level": Dimension(frozenset({"level"}), lambda e: e.level),
    "stage": Dimension(frozenset(), lambda e: e.stage),
    "ip": Dimension(frozenset({"source_ips"}), lambda e: e.source_ips[-1] if e.source_ips else ""),
    "agent": Dimension(frozenset({"user_agent"}), lambda e: e.user_agent),
    "decision": Dimension(frozenset({"annotations.decision"}), lambda e: e.annotations.decision),
    "path": Dimension(frozenset({"request_uri"}), lambda e: e.request_uri.partition("?")[0]),
}
"""`user` is the one acted as; `ip` the last of sourceIPs, the only one that the client did not choose
(staging/src/k8s.io/apimachinery/pkg/util/net/http.go:SourceIPs).
"""
