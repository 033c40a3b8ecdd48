"""Records with a field for each of an event's, which are spelled in another way or hold their objects as strings →
audit events: what tables and databases make of an event, and what is exported from them.

Azure's tables AKSAudit, AKSAuditAdmin and ArcK8sAudit call a column AuditId, Snowflake AUDITID, Hive and Athena
auditid, others audit_id. A column of a type that holds objects is often exported as a string with JSON in it.
Sources: Azure Monitor's reference of its tables; a row of them lacks the impersonated user, and bodies that are too
large. Apache Hive's manual: names of columns do not know case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, STRING, damaged, is_event, may_hold
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError


def _plain(name: str) -> str:
    # a portal's export writes the zone behind the names of times
    return name.removesuffix(" [UTC]").replace("_", "").lower()


_OBJECTS: Final = ("user", "impersonatedUser", "objectRef", "responseStatus", "annotations")
_OTHERS: Final = ("sourceIPs", "requestObject", "responseObject")
_TIMES: Final = ("requestReceivedTimestamp", "stageTimestamp")
_TEXTS: Final = ("level", "auditID", "stage", "requestURI", "verb", "userAgent")
_FIELDS: Final = {
    **{_plain(name): name for name in (*_TEXTS, *_OBJECTS, *_OTHERS, *_TIMES)},
    "requestreceivedtime": "requestReceivedTimestamp",
    "stagereceivedtime": "stageTimestamp",
}
_PARTS: Final = {
    _plain(name): name
    for name in (
        *("username", "uid", "groups", "extra"),
        *("resource", "namespace", "name", "apiGroup", "apiVersion", "resourceVersion", "subresource"),
        *("code", "status", "reason", "message", "metadata", "details"),
    )
}
_SURE: Final = frozenset({"auditID", "requestURI", "stage", "verb"})


class Columns:
    """Such records become events; any other stays as it is."""

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([_event(text) for text in found.texts])


def is_row(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether a record holds an event so, and is none as it stands."""
    if is_event(fields) or len(fields) < len(_SURE):
        return False
    return _fields_of(tuple(fields)).keys() >= _SURE


@lru_cache(maxsize=64)
def _fields_of(columns: tuple[str, ...]) -> dict[str, str]:
    """The field of an event for which each column stands: field → column."""
    return {_FIELDS[plain]: name for name in columns if (plain := _plain(name)) in _FIELDS}


def _event(text: bytes) -> bytes:
    try:
        row = FIELDS.decode(text)
        return msgspec.json.encode(_mapped(row)) if is_row(row) else text
    except (*REFUSED, InputError):
        return damaged(text) if may_hold(text) else text


def _mapped(row: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    event: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    columns = _fields_of(tuple(row))
    for field in _ORDER:
        value = bytes(row[columns[field]]) if field in columns else b"null"
        if field in _TIMES and value != b"null":
            event[field] = restamp(STRING.decode(value))
        elif field in _TEXTS:
            event[field] = msgspec.Raw(value)
        elif (inner := _unquoted(value))[:1] in {b"{", b"["}:
            event[field] = dict(_parts(inner)) if field in _OBJECTS else msgspec.Raw(inner)
    return event


_ORDER: Final = tuple(dict.fromkeys(_FIELDS.values()))


def _unquoted(value: bytes) -> bytes:
    return STRING.decode(value).encode() if value[:1] == b'"' else value


def _parts(value: bytes) -> Iterator[tuple[str, object]]:
    """The fields of an object of an event, as Kubernetes spells them."""
    for name, part in FIELDS.decode(value).items():
        spelled = _PARTS.get(_plain(name), name)
        if spelled == "code" and bytes(part).startswith(b'"'):
            with suppress(*REFUSED):
                yield spelled, int(STRING.decode(part))
        else:
            yield spelled, part
