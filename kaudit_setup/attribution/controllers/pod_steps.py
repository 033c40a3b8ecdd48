"""The steps of a controller that makes or deletes Pods one after the other, and whether it was still at a change.

Source: pkg/controller/replicaset/replica_set.go:manageReplicas (makes what is missing, at 20 requests a second; what
is refused, again later, up to 1000 s).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from kaudit_setup.attribution.evidence.actors import DAEMONSETS, JOBS, REPLICASETS, REPLICATIONS, STATEFULSETS
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.owner_names import generated_from
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes

KEEPERS: Final = frozenset({REPLICASETS, REPLICATIONS, STATEFULSETS, DAEMONSETS, JOBS})
"""The controllers that keep Pods: they take over those that match, and let go of those that no longer do."""

Step = tuple[float, bool]
"""When a controller made or deleted a Pod, and whether that was refused."""


def unbroken(start: float, steps: Iterable[Step], end: float, gap: float) -> bool:
    """Whether something went on from `start` to `end`: no more than `gap` seconds between the steps, but after one
    that was refused, for then the next may come at any time.
    """
    times = [(start, False), *sorted(step for step in steps if start <= step[0] < end), (end, False)]
    return all(refused or later - sooner <= gap for (sooner, refused), (later, _) in pairwise(times))


def creations(index: EventIndex, pod: Object, owner: Object, until: float) -> list[Step]:
    """When `owner`'s controller made Pods beside `pod`: told by bodies, or else by the names that appear."""
    prefix = f"{owner.name}-"
    asked = [request for request in index.all() if _asks_for_pod(request, pod, prefix) and request.at < until]
    if asked:
        return [(request.at, request.outcome == "refused") for request in asked]
    return [(at, False) for at in _appearances(index, pod, prefix, until) if at < until]


def _appearances(index: EventIndex, pod: Object, prefix: str, until: float) -> list[float]:
    """When other Pods were first seen whose names begin so; `until` if they were not."""
    others = [one for one in index.starting(Object("", pod.resource, pod.namespace, prefix)) if one != pod]
    return [_first_seen(index, one, until) for one in others if generated_from(prefix, one.name)]


def _asks_for_pod(request: Request, pod: Object, prefix: str) -> bool:
    """Whether a controller asked for a Pod beside `pod` with a name that begins so, with a known end."""
    if (request.resource, request.namespace, request.facts.generate_name) != (pod.resource, pod.namespace, prefix):
        return False
    return creates(request) and bool(request.controller) and request.outcome in {"done", "refused"}


def _first_seen(index: EventIndex, pod: Object, default: float) -> float:
    """When a Pod was created or bound."""
    return next((r.at for r in index.done(pod) if creates(r) or r.subresource == "binding"), default)


def deletions(index: EventIndex, owner: Object, controller: str) -> list[Request]:
    """The deletions of Pods that are named after `owner`, by its controller; in no order."""
    own = (request for request in index.all() if (request.controller, request.resource) == (controller, "pods"))
    return [request for request in filter(deletes, own) if request.done and _named_after(request, owner)]


def deleting(index: EventIndex, owner: Object, controller: str) -> list[Step]:
    """When `owner`'s controller deleted Pods."""
    return [(request.at, False) for request in deletions(index, owner, controller)]


def _named_after(request: Request, owner: Object) -> bool:
    """Whether a request names an object that is called as `owner`'s Pods are, in its namespace."""
    prefix = f"{owner.name}-"
    if request.namespace != owner.namespace:
        return False
    if owner.resource == "statefulsets":
        return request.name.startswith(prefix) and request.name.removeprefix(prefix).isdigit()
    return generated_from(prefix, request.name)
