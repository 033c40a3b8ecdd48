"""How many bytes one event takes, by verb and level: means over real API servers' logs. Pure.

Measured from what Kubernetes 1.20 and 1.36 wrote (`tests/data/scenarios`, `tests/data/logs`); the tests compare this
table with those logs. Bodies depend on the objects of a cluster, so a level with bodies is a guess, Metadata is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.policy.model import Level, Stage


@dataclass(frozen=True, slots=True)
class EventSize:
    """Bytes of the last event of a request without bodies, and of its bodies."""

    head: int
    request: int = 0
    response: int = 0


_ARRIVED: Final = 0.7
"""What an event of stage RequestReceived takes of the last one's head: it has no status and no annotations."""
_PATH: Final = EventSize(820, 0, 800)
"""A non-resource request, mostly discovery, whose answer is an object."""
_LEASES: Final = {"get": EventSize(1000, 0, 730), "update": EventSize(1080, 750, 750)}
"""What every component and kubelet renews every few seconds: in a quiet cluster most of all there is."""
_OTHER: Final = EventSize(1000, 500, 1000)
SIZES: Final = {
    "get": EventSize(930, 0, 1400),
    "list": EventSize(950, 0, 1400),
    "watch": EventSize(1080),
    "create": EventSize(1010, 610, 900),
    "update": EventSize(1220, 1450, 1350),
    "patch": EventSize(850, 640, 2000),
    "delete": EventSize(980, 115, 2200),
    "deletecollection": EventSize(1150, 100, 650),
}
"""By the verb of the event."""


def event_size(verb: str, resource: str, level: Level, stage: Stage, *, response: int = 0) -> float:
    """Bytes of one line; `resource` is empty for a path. `response`: of the answer, where the server measured it."""
    size = _usual(verb, resource)
    if stage == "RequestReceived":
        return size.head * _ARRIVED
    if stage == "ResponseComplete" and level != "Metadata":
        return size.head + size.request + ((response or size.response) if level == "RequestResponse" else 0)
    return size.head


def _usual(verb: str, resource: str) -> EventSize:
    if resource == "leases" and verb in _LEASES:
        return _LEASES[verb]
    return SIZES.get(verb, _OTHER) if resource else _PATH
