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
    asked = [
        (request.at, request.outcome == "refused")
        for request in index.all()
        if _makes_pod_of(request, pod, prefix)
        and request.controller
        and request.at < until
        and request.outcome in {"done", "refused"}
    ]
    if asked:
        return asked
    others = [one for one in index.starting(Object("", pod.resource, pod.namespace, prefix)) if one != pod]
    first = [_first_seen(index, one, until) for one in others if generated_from(prefix, one.name)]
    return [(at, False) for at in first if at < until]


def _makes_pod_of(request: Request, pod: Object, prefix: str) -> bool:
    kind = (request.resource, request.namespace, request.facts.generate_name)
    return kind == (pod.resource, pod.namespace, prefix) and creates(request)


def _first_seen(index: EventIndex, pod: Object, default: float) -> float:
    """When a Pod was created or bound."""
    return next((r.at for r in index.on(pod) if r.done and (creates(r) or r.subresource == "binding")), default)


def deletions(index: EventIndex, owner: Object, controller: str) -> list[Request]:
    """The deletions of Pods that are named after `owner`, by its controller; in no order."""
    return [
        request
        for request in index.all()
        if request.controller == controller
        and request.resource == "pods"
        and deletes(request)
        and request.done
        and _named_after(request, owner)
    ]


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
