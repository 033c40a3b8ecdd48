"""Records → what a question asks of their events, without the events' JSON in between.

A question that counts asks for nothing in which all records differ (times, IDs, bodies). So what it asks of an event
is the same for all records that differ in nothing else: it is decoded once, and remembered with the event's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from kaudit_setup.auditlog.event import Decoder, Event, ObjectReference

K = TypeVar("K")
T = TypeVar("T")

_OF_EACH: Final = frozenset(
    {"audit_id", "request_received_timestamp", "stage_timestamp", "request_object", "response_object"}
)
MOST_KNOWN: Final = 4096
"""Events, or parts of them, that are remembered."""


Sized = tuple[Event, int]
"""What is asked of an event, and how many bytes the event has without what differs in each record."""


def asks_for_kinds(decoder: Decoder) -> bool:
    """Whether a decoder fills no field in which all events differ."""
    return _OF_EACH.isdisjoint(decoder.type.__struct_fields__)


def names_asked(decoder: Decoder) -> frozenset[str]:
    """Which fields of objectRef are in what it fills, by themselves or in the URI."""
    kinds = {one.name: one.type for one in msgspec.structs.fields(decoder.type)}
    ref = ObjectReference if "request_uri" in kinds else kinds.get("object_ref")
    return frozenset(ref.__struct_fields__ if ref else ())


def are_bare(texts: Sequence[str]) -> bool:
    """Whether each of these is in JSON what it is, in quotes."""
    joined = "".join(texts)
    return joined.isascii() and joined.isprintable() and '"' not in joined and "\\" not in joined


def learned(known: dict[K, T], key: K, learn: Callable[[], T]) -> T:
    """What is remembered under `key` from now on."""
    if len(known) >= MOST_KNOWN:
        known.clear()
    found = known[key] = learn()
    return found


def said_times(times: Iterable[bytes]) -> bytes:
    """Times as events say them, one a line."""
    return b'"stageTimestamp":"' + b'"\n"stageTimestamp":"'.join(times) + b'"\n'
