"""Which change a controller was busy with when it made or deleted a Pod, or that it only made one again.

Sources: pkg/controller/replicaset/replica_set.go:manageReplicas (makes what is missing, at 20 requests a second; what
is refused, again later, up to 1000 s), pkg/controller/daemon/update.go:rollingUpdate (deletes a Pod, makes another
once that is gone), pkg/controller/statefulset/stateful_set_control.go:processReplica (deletes a Pod that failed, and
makes it again). Both sets label a Pod with the revision of the template that it was made from.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from kaudit_setup.attribution.chain import Child
from kaudit_setup.attribution.controllers.adoption import ended
from kaudit_setup.attribution.evidence.actors import (
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    REPLICASETS,
    REPLICATIONS,
    STATEFULSETS,
)
from kaudit_setup.attribution.evidence.index import EventIndex, named
from kaudit_setup.attribution.evidence.owner_names import generated_from
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import AT_ONCE, NEAR, NEXT_POD, ROLLED

KEEPERS = frozenset({REPLICASETS, REPLICATIONS, STATEFULSETS, DAEMONSETS, JOBS})
"""The controllers that keep Pods: they take over those that match, and let go of those that no longer do."""
Again = Literal["no", "likely", "surely"]


def unbroken(start: float, steps: Iterable[tuple[float, bool]], end: float, gap: float) -> bool:
    """Whether something went on from `start` to `end`: no more than `gap` seconds between steps, each the time and
    whether it was refused, for then the next may come at any time.
    """
    times = [(start, False), *sorted(step for step in steps if start <= step[0] < end), (end, False)]
    return all(refused or later - sooner <= gap for (sooner, refused), (later, _) in pairwise(times))


def growth(requests: Sequence[Request], position: int) -> int | None:
    """By how many Pods a ReplicaSet was to grow by `requests[position]`; None if bodies do not tell."""
    after = requests[position].facts.replicas
    before = 0 if creates(requests[position]) else requests[position - 1].facts.replicas if position else -1
    return after - before if min(after, before) >= 0 else None


def unfulfilled(
    index: EventIndex, child: Child, owner: Object, requests: Sequence[Request]
) -> tuple[list[Request], bool]:
    """The changes of a ReplicaSet's size that `child` can have been made for, and whether that was counted: none if
    all had their Pods already, so that it took another's place. `requests`: what made and changed the ReplicaSet
    before.

    The Pods that were made since fulfil one change after the other. Where bodies do not tell how many each of them
    asked for, it is the last, as long as Pods are made at once and without a break. What the controller has begun it
    also ends, whoever wants fewer meanwhile (slowStartBatch).
    """
    steps = _creations(index, child.object, owner, child.at)
    done = sorted(at for at, refused in steps if not refused)
    waiting: list[tuple[Request, int | None]] = []
    pause = NEAR
    for position, request in enumerate(requests):
        until = requests[position + 1].at if position + 1 < len(requests) else child.at
        more = growth(requests, position)
        if more is None:
            waiting, pause = [(request, None)], NEAR
        elif more > 0:
            begun = [one for one in waiting if one[1] is not None] if pause == NEAR else []
            waiting, pause = [*begun, (request, more)], NEAR
        elif more < 0:
            pause = AT_ONCE
        waiting = _left(waiting, bisect_left(done, until) - bisect_left(done, request.at))
    busy = [(request, left) for request, left in waiting if unbroken(request.at, steps, child.at, pause)]
    return [request for request, _ in busy], any(left is not None for _, left in busy)


def unlogged(
    index: EventIndex, child: Child, replicas: Object, above: Object, requests: Sequence[Request]
) -> Request | None:
    """What somebody asked of the Deployment `above`, so that its ReplicaSet made `child`, where the log has none of
    what the Deployment controller changes. `requests`: what made and changed the ReplicaSet before.

    A scale is followed at once, a new template Pod by Pod. A Deployment that is gone for a while has left its
    ReplicaSet to others.
    """
    family = index.starting(Object(replicas.group, replicas.resource, replicas.namespace, f"{above.name}-"))
    if any(changes(request) and request.controller == DEPLOYMENTS for one in family for request in index.on(one)):
        return None
    asked = ended(index, above, child.at)
    if asked is None:
        later = [
            d
            for d in requested_changes(index, above, child.at)
            if d.at > max((request.at for request in requests), default=0.0)
        ]
        asked = later[-1] if later else None
        gap = NEAR if asked is not None and asked.subresource == "scale" else NEXT_POD
        if asked is None or not unbroken(
            asked.at, _creations(index, child.object, replicas, child.at), child.at, gap
        ):
            return None
    elif child.at - asked.at <= AT_ONCE:
        return None
    # where its reports are logged, its changes would be, too
    return None if index.sift(named(above), lambda d: d.controller == DEPLOYMENTS and d.verb == "update") else asked


def set_back(index: EventIndex, above: Object, requests: Sequence[Request], cause: Request) -> Request | None:
    """Whoever had changed a ReplicaSet right before the Deployment controller put it back to what the Deployment
    `above` says by `cause`: nobody had asked the Deployment for anything in between. `requests`: as in `unlogged`.
    """
    before = [request for request in requests if request.at < cause.at]
    last = before[-1] if before else None
    if last is None or last.controller or creates(last) or creates(cause) or cause.controller != DEPLOYMENTS:
        return None
    asked = any(request.at >= last.at for request in requested_changes(index, above, cause.at))
    return last if cause.at - last.at <= NEAR and not asked else None


def _left(waiting: Sequence[tuple[Request, int | None]], fulfilled: int) -> list[tuple[Request, int | None]]:
    """What waits still, once so many Pods were made, the first first."""
    found: list[tuple[Request, int | None]] = []
    for request, count in waiting:
        if count is None:
            found.append((request, None))
            continue
        used = min(count, fulfilled)
        fulfilled -= used
        if count > used:
            found.append((request, count - used))
    return found


def _creations(index: EventIndex, pod: Object, owner: Object, until: float) -> list[tuple[float, bool]]:
    """When `owner`'s controller made Pods beside `pod`, and whether that was refused: told by bodies, or else by the
    names that appear.
    """
    prefix = f"{owner.name}-"
    asked = [
        (d.at, d.outcome == "refused")
        for d in index.all()
        if (d.resource, d.namespace, d.facts.generate_name) == (pod.resource, pod.namespace, prefix)
        and creates(d)
        and d.controller
        and d.at < until
        and d.outcome in {"done", "refused"}
    ]
    if asked:
        return asked
    others = [one for one in index.starting(Object("", pod.resource, pod.namespace, prefix)) if one != pod]
    first = [
        next((d.at for d in index.on(one) if d.done and (creates(d) or d.subresource == "binding")), until)
        for one in others
        if generated_from(prefix, one.name)
    ]
    return [(at, False) for at in first if at < until]


def _deletions(index: EventIndex, owner: Object, controller: str) -> list[tuple[float, bool]]:
    """When `owner`'s controller deleted Pods that are named after it."""
    return [
        (d.at, False)
        for d in index.all()
        if d.controller == controller and deletes(d) and d.done and _follows(d, owner) and d.resource == "pods"
    ]


def _follows(request: Request, owner: Object) -> bool:
    """Whether a request names an object that is called as `owner`'s Pods are, in its namespace."""
    prefix = f"{owner.name}-"
    if request.namespace != owner.namespace:
        return False
    if owner.resource == "statefulsets":
        return request.name.startswith(prefix) and request.name.removeprefix(prefix).isdigit()
    return generated_from(prefix, request.name)


def shrink(
    index: EventIndex, requests: Sequence[Request], end: Request, owner: Object
) -> tuple[Request | None, bool]:
    """The last change that made a ReplicaSet smaller, as far as bodies tell, and whether its controller was still at
    that when it deleted a Pod by `end`.
    """
    smaller = [
        d for i, d in enumerate(requests) if not creates(d) and ((more := growth(requests, i)) is None or more < 0)
    ]
    if not smaller:
        return None, False
    steps = _deletions(index, owner, end.controller)
    return smaller[-1], unbroken(smaller[-1].at, steps, end.at, NEAR)


def predecessor(index: EventIndex, child: Child, owner: Object) -> Request | None:
    """The end of a sibling, right before `child`, that was not its owner's own wish."""
    ends = [
        request
        for request in index.all()
        if request.resource == child.object.resource
        and request.namespace == child.object.namespace
        and request.done
        and deletes(request)
        and request.name.startswith(f"{owner.name}-")
        # a StatefulSet's next Pod has the name of the one before
        and (request.name == child.object.name) is (owner.resource == "statefulsets")
        and not request.node
        and request.controller not in KEEPERS
        and 0 <= child.at - request.at <= NEAR
    ]
    return max(ends, key=lambda request: request.at, default=None)


def at_work(index: EventIndex, child: Child, owner: Object, change: Request) -> bool:
    """Whether a DaemonSet's controller made `child` for `change`: one after the other since then, or in the place of
    one that it had deleted for that.
    """
    if unbroken(change.at, _creations(index, child.object, owner, child.at), child.at, NEAR):
        return True
    return any(
        request.controller == DAEMONSETS
        and deletes(request)
        and request.done
        and request.resource == "pods"
        and _follows(request, owner)
        and change.at <= request.at <= child.at
        and (child.at - request.at < ROLLED or 0 <= child.at - _gone(index, request) <= NEAR)
        and made_again(index, request, owner) == "no"
        for request in index.all()
    )


def _gone(index: EventIndex, end: Request) -> float:
    """When a Pod that was deleted by `end` was no more: its kubelet's last delete, after its grace."""
    return max((d.at for d in index.on(end.object) if d.done and deletes(d) and d.node), default=end.at)


def made_again(index: EventIndex, end: Request, owner: Object) -> Again:
    """Whether the controller of a StatefulSet or DaemonSet deleted a Pod by `end` only to make it again, as it does
    with one that failed or was evicted: from the same template, with nobody having asked for anything else.
    """
    own = index.on(end.object)
    old = next((d for d in reversed(own) if d.done and creates(d) and d.at <= end.at), None)
    new = _successor(index, end, owner)
    if new is None:
        return "no"
    wanted = requested_changes(index, owner, new.at)
    changed = [request for request in wanted if not creates(request)]
    if changed and changed[-1].at > end.at:
        return "no"
    if old is not None and old.facts.revision and new.facts.revision:
        return "surely" if old.facts.revision == new.facts.revision else "no"
    if not changed:
        return "surely" if wanted else "likely"
    return "no" if stepping(index, end, owner, changed[-1]) else "likely"


def stepping(index: EventIndex, end: Request, owner: Object, change: Request) -> bool:
    """Whether the controller of a set, when it deleted a Pod by `end`, was still going from one to the next for
    `change`.
    """
    return unbroken(change.at, _deletions(index, owner, end.controller), end.at, NEXT_POD)


def _successor(index: EventIndex, end: Request, owner: Object) -> Request | None:
    """The create of the Pod that came in the place of the one that `end` deleted."""
    if owner.resource == "statefulsets":
        return next((d for d in index.on(end.object) if d.done and creates(d) and d.at > end.at), None)
    gone = _gone(index, end)
    return next(
        (
            d
            for d in sorted(index.all(), key=lambda request: request.at)
            if d.controller == end.controller
            and d.done
            and creates(d)
            and (d.resource, d.namespace) == ("pods", owner.namespace)
            and d.facts.generate_name in {"", f"{owner.name}-"}
            and gone <= d.at <= gone + NEAR
        ),
        None,
    )
