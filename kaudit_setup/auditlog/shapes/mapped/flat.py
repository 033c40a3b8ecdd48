"""Events whose fields were made flat, `{"user.username": …, "objectRef.resource": …}` → audit events.

Filters of Fluentd and Logstash, Elasticsearch's `fields` and Kibana's exports write them so, often below the key of
the event in a shipper's record (`kubernetes.audit.user.username`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, damaged
from kaudit_setup.auditlog.shapes.reading import Texts

_SIGN: Final = "auditID"
_PARTS: Final = ("user.", "objectRef.", "responseStatus.", "impersonatedUser.", "annotations.")
_LISTS: Final = frozenset({"sourceIPs", "groups"})
_NOTHING: Final = frozenset({b'""', b'"-"', b"null"})
"""How an empty cell of a table is written."""
_LISTED: Final = re.compile(r", ?")
# of these the rest of a key is one name, dots and all
_MAPS: Final = frozenset({"annotations", "extra", "labels", "matchLabels", "nodeSelector", "data", "stringData"})


class Flat:
    """Events under `prefix` (which ends with a dot, or is empty) get their levels back."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([self._event(text) for text in found.texts])

    def _event(self, text: bytes) -> bytes:
        try:
            fields = FIELDS.decode(text)
        except REFUSED:
            return damaged(text) if b"auditID" in text else text
        if flat_prefix(fields) != self._prefix:
            return text
        event: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
        for key, value in fields.items():
            if key.startswith(self._prefix) and bytes(value) not in _NOTHING:
                _put(event, list(_path(key.removeprefix(self._prefix))), value)
        return msgspec.json.encode(event)


def flat_prefix(fields: Mapping[str, msgspec.Raw]) -> str | None:
    """What stands before the names of an event's fields, if they are flat; None if they are not, or there is none."""
    for key in fields:
        if key == _SIGN or key.endswith(f".{_SIGN}"):
            prefix = key.removesuffix(_SIGN)
            if any(other.startswith(tuple(prefix + part for part in _PARTS)) for other in fields):
                return prefix
    return None


def _path(key: str) -> Iterator[str]:
    parts = key.split(".")
    for at, part in enumerate(parts):
        yield part
        if part in _MAPS and at + 1 < len(parts):
            yield ".".join(parts[at + 1 :])
            return


def _put(event: dict[str, Any], path: list[str], value: msgspec.Raw) -> None:
    level = event
    for part in path[:-1]:
        below = level.setdefault(part, {})
        if not isinstance(below, dict):  # a field and something below it: the field was first
            return
        level = below
    level[path[-1]] = _typed(path[-1], value)


def _typed(name: str, value: msgspec.Raw) -> object:
    """A cell of a table has text only: lists and numbers are in it."""
    with suppress(*REFUSED):
        text = msgspec.json.decode(value, type=str)
        if name in _LISTS:
            # VictoriaLogs keeps lists as JSON
            return msgspec.json.decode(text, type=list[str]) if text.startswith("[") else _LISTED.split(text)
        if name == "code" and text.isdecimal():
            return int(text)
    return value
