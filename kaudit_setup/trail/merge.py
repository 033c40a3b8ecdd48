"""Stages of one request are one event, and an event that stands in two nodes' files happened once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

_RANK = {"RequestReceived": 0, "ResponseStarted": 1, "ResponseComplete": 2, "Panic": 3}


class Staged(Protocol):
    """What merging needs to know of an event."""

    @property
    def audit_id(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def request_received_timestamp(self) -> str: ...


E = TypeVar("E", bound=Staged)
K = TypeVar("K")


def identity(event: Staged) -> tuple[str, str]:
    """What all stages of one request share, and no other request does.

    The auditID alone is not enough: a client may send any Audit-ID header, the same one again and again
    (staging/src/k8s.io/apiserver/pkg/audit/request.go:NewEventFromRequest).
    """
    return event.audit_id, event.request_received_timestamp


def rank(event: Staged) -> int:
    """How much a stage tells: the later, the more (responseStatus, annotations, the name of a created object)."""
    return _RANK.get(event.stage, 0)


def merged(events: Iterable[tuple[K, E]]) -> list[tuple[K, E]]:
    """One (source, event) for each request: its last stage, where it was met first; in the order of first meeting.

    `events` pairs each event with where it stands; copies of one line on several nodes fall together.
    """
    best: dict[tuple[str, str], tuple[K, E]] = {}
    for source, event in events:
        key = identity(event)
        known = best.get(key)
        if known is None or rank(event) > rank(known[1]):
            best[key] = (source, event)
    return list(best.values())
