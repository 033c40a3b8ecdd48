"""Rows of Azure's table AKSAudit (and AKSAuditAdmin, ArcK8sAudit), a column for each field → audit events.

Source: Azure Monitor's reference of the table. A row lacks the impersonated user, and bodies that are too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, STRING, damaged
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError

_SURE: Final = frozenset({"AuditId", "RequestUri", "Stage", "Verb"})
_TIMES: Final = {"RequestReceivedTime": "requestReceivedTimestamp", "StageReceivedTime": "stageTimestamp"}
_COLUMNS: Final = {
    "Level": "level",
    "AuditId": "auditID",
    "Stage": "stage",
    "RequestUri": "requestURI",
    "Verb": "verb",
    "User": "user",
    "ImpersonatedUser": "impersonatedUser",
    "SourceIps": "sourceIPs",
    "UserAgent": "userAgent",
    "ObjectRef": "objectRef",
    "ResponseStatus": "responseStatus",
    "RequestObject": "requestObject",
    "ResponseObject": "responseObject",
    **_TIMES,
    "Annotations": "annotations",
}
"""In kube-apiserver's order."""
_TEXTS: Final = frozenset({"Level", "AuditId", "Stage", "RequestUri", "Verb", "UserAgent"})


class Aks:
    """Rows of the table become events; any other record stays as it is."""

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([_event(text) for text in found.texts])


def is_row(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether these are the columns of a row of the table."""
    return fields.keys() >= _SURE


def _event(text: bytes) -> bytes:
    try:
        row = FIELDS.decode(text)
        return msgspec.json.encode(_mapped(row)) if is_row(row) else text
    except (*REFUSED, InputError):
        return damaged(text) if b"AuditId" in text else text


def _mapped(row: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    event: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    for column, field in _COLUMNS.items():
        # a portal's export writes the zone behind the names of times
        value = bytes(row.get(column) or row.get(f"{column} [UTC]") or b"null")
        if column in _TIMES:
            event[field] = restamp(STRING.decode(value))
        elif column in _TEXTS:
            event[field] = msgspec.Raw(value)
        elif (inner := _dynamic(value))[:1] in {b"{", b"["}:
            event[field] = msgspec.Raw(inner)
    return event


def _dynamic(value: bytes) -> bytes:
    """A column of type `dynamic`, which some exports write as a string."""
    return STRING.decode(value).encode() if value[:1] == b'"' else value
