"""Which Pods a controller takes for its own: those that match its selector, and who made them match, or no longer.

Source: pkg/controller/controller_ref_manager.go (AdoptPod and ReleasePod: a patch of ownerReferences each, the only
ones that these controllers send for a Pod itself).
"""

from __future__ import annotations

from collections.abc import Iterable

from kaudit_setup.attribution.chain import Child
from kaudit_setup.attribution.controllers.deployments import KEEPERS
from kaudit_setup.attribution.evidence.index import EventIndex, nameless_requests, pod_ending, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates
from kaudit_setup.attribution.timing import AT_ONCE, NEAR


def taken_over(index: EventIndex, owner: Object, end: Request, *, thorough: bool) -> Request | None:
    """The patch right before `end` by which `owner`'s controller took over a Pod that was there already.

    Without bodies it is the controller's patch of a Pod moments before, for what it lets go it replaces. If
    `thorough`, all Pods of the namespace are searched for one, as that Pod may have any name.
    """
    patches = [d for d in _patches(index.all(), owner) if 0 <= end.at - d.at <= NEAR]
    told = [d for d in patches if d.facts.reowned and d.facts.controller and d.facts.controller.name == owner.name]
    if told:
        return max(told, key=_when)
    mute = [d for d in patches if not d.facts.body and _moments(d, end) and d.controller == end.controller]
    if thorough and not mute and end.level == "Metadata":
        where = b'"resource":"pods","namespace":' + quoted(owner.namespace) + b',"name":'
        mute = index.sift([where], lambda d: _moments(d, end) and d.controller == end.controller and not d.facts.body)
        mute = _patches(mute, owner)
    index.look_up([nameless_requests(end.object)])
    made = [d.at for d in index.all() if creates(d) and d.done and d.resource == "pods" and d.controller in KEEPERS]
    kept = [d for d in mute if not any(d.at <= at <= end.at for at in made)]
    return max(kept, key=_when, default=None)


def taken_itself(index: EventIndex, end: Request) -> Request | None:
    """The patch moments before `end` by which the same controller took over the very Pod that it deleted then."""
    own = [
        d for d in _patches(index.on(end.object), end.object) if _moments(d, end) and d.controller == end.controller
    ]
    return own[-1] if own else None


def newly_made(index: EventIndex, maker: Request, adopted: Request) -> bool:
    """Whether the owner that `maker` made, right before it took over a Pod by `adopted`, came last of the two."""
    matched = made_to_match(index, adopted.object, adopted.at)
    return (matched is None or matched.at < maker.at) and adopted.at - maker.at <= NEAR


def made_to_match(index: EventIndex, pod: Object, at: float) -> Request | None:
    """The last request before `at` that made `pod`, or gave it the labels that it had then, as far as is known."""
    index.look_up([pod_ending(pod.name)])
    requests = [request for request in index.on(pod) if request.done and request.at <= at]
    return next((request for request in reversed(requests) if creates(request) or _relabels(request)), None)


def let_go(index: EventIndex, child: Child, owner: Object) -> Request | None:
    """The change by which somebody made another Pod of `owner`'s match no longer, right before `child` was made in
    its place.
    """
    near = [d for d in _patches(index.all(), owner) if 0 <= child.at - d.at <= NEAR and d.object != child.object]
    uid = child.request.facts.controller.uid if child.request and child.request.facts.controller else ""
    told = [d for d in near if _releases(d, uid)]
    mute = [
        d for d in near if not d.facts.body and child.at - d.at <= AT_ONCE and d.name.startswith(f"{owner.name}-")
    ]
    for release in sorted(told or mute, key=_when, reverse=True):
        asked = made_to_match(index, release.object, release.at)
        if asked is not None and changes(asked) and release.at - asked.at <= (NEAR if told else AT_ONCE):
            return asked
    return None


def _patches(requests: Iterable[Request], owner: Object) -> list[Request]:
    """The patches of Pods themselves, in `owner`'s namespace, by controllers that keep Pods."""
    return [
        d
        for d in requests
        if (d.resource, d.subresource, d.namespace, d.verb) == ("pods", "", owner.namespace, "patch")
        and d.done
        and d.controller in KEEPERS
    ]


def _releases(request: Request, uid: str) -> bool:
    """Whether a patch says that a Pod is no longer its owner's, of this UID if the log tells: what it takes away, or
    what its answer shows to be left.
    """
    dropped = {owner.uid for owner in request.facts.owners if owner.dropped}
    return request.facts.reowned and (uid in dropped or not uid if dropped else request.facts.controller is None)


def _relabels(request: Request) -> bool:
    """Whether somebody changed labels by it, as far as is known."""
    return (
        changes(request)
        and not request.subresource
        and not request.by_kubernetes
        and request.facts.relabels is not False
    )


def _moments(request: Request, later: Request) -> bool:
    return 0 <= later.at - request.at <= AT_ONCE


def _when(request: Request) -> float:
    return request.at
