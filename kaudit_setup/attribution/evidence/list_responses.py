"""What the logged answers to reads and to deletions of many show of an object."""

from __future__ import annotations

import msgspec

from kaudit_setup.attribution.evidence.api_types import Listed, Shown, part
from kaudit_setup.auditlog.event import Event

_SHOWN = msgspec.json.Decoder(Shown)
_LISTED = msgspec.json.Decoder(Listed)


def lists_object(event: Event, name: str, namespace: str) -> bool | None:
    """Whether the logged answer to a list names this object, None if that cannot be told."""
    response = bytes(event.response_object)
    if event.verb != "list" or not response:
        return None
    if _surely_lacks(response, name):
        return False
    entries = part(_LISTED, response).entries
    if entries is None:
        return None
    # on a namespace of its own, an entry need not say which it is in
    return any(one.metadata.name == name and one.metadata.namespace in {namespace, ""} for one in entries)


def _surely_lacks(response: bytes, name: str) -> bool:
    """Whether a list does not name an object, told at the speed of a search: lists are long."""
    return name.isascii() and name.encode() not in response and (b'"items":[' in response or b'"rows":[' in response)


def names_deleted(event: Event) -> frozenset[str] | None:
    """The names in the logged answer to a deletion of many, which lists them; None if it does not."""
    if event.verb != "deletecollection":
        return None
    entries = part(_LISTED, event.response_object).items
    return None if entries is None else frozenset(one.metadata.name for one in entries)


def version_shown(response: bytes) -> str:
    """The resourceVersion of the object that a read shows, empty if it shows none."""
    return part(_SHOWN, response).version
