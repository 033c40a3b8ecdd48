"""Which Pods a controller takes for its own: those that match its selector, and who made them match, or no longer.

Source: pkg/controller/controller_ref_manager.go (AdoptPod and ReleasePod: a patch of ownerReferences each, the only
ones that these controllers send for a Pod itself).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaudit_setup.attribution.chain import Case
from kaudit_setup.attribution.controllers.pod_steps import KEEPERS
from kaudit_setup.attribution.evidence.choose import last_that, latest, up_to, when
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import nameless_requests, place, pod_ending, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates
from kaudit_setup.attribution.timing import AT_ONCE, NEAR


def adoption_before(index: EventIndex, owner: Object, end: Request, *, thorough: bool) -> Request | None:
    """The patch right before `end` by which `owner`'s controller took over a Pod that was there already.

    Without bodies it is the controller's patch of a Pod moments before, for what it lets go it replaces. If
    `thorough`, all Pods of the namespace are searched for one, as that Pod may have any name.
    """
    patches = [r for r in _patches(index.all(), owner) if 0 <= end.at - r.at <= NEAR]
    shown = latest(request for request in patches if _adopts(request, owner))
    if shown is not None:
        return shown
    without_body = [r for r in patches if _just_before(r, end)]
    if thorough and not without_body and end.level == "Metadata":
        where = b'"resource":"pods","namespace":' + quoted(owner.namespace) + b',"name":'
        without_body = _patches(index.sift([where], lambda r: _just_before(r, end)), owner)
    since = _last_pod_made(index, end)
    return latest(request for request in without_body if request.at > since)


def _adopts(patch: Request, owner: Object) -> bool:
    """Whether the body of a patch makes `owner` the controller of a Pod."""
    controller = patch.facts.controller
    return patch.facts.reowned and controller is not None and controller.name == owner.name


def _last_pod_made(index: EventIndex, end: Request) -> float:
    """When a controller last made a Pod in the namespace of the one that `end` deleted; 0.0 if none did before."""
    index.look_up([nameless_requests(end.object)])
    made = (request for request in filter(creates, up_to(index.all(), end.at)) if request.resource == "pods")
    return max((request.at for request in made if request.done and request.controller in KEEPERS), default=0.0)


def _just_before(request: Request, end: Request) -> bool:
    """Whether a request without a body is of the controller that sent `end` moments later."""
    return _moments_before(request, end) and request.controller == end.controller and not request.facts.body


def adoption_of_deleted(index: EventIndex, end: Request) -> Request | None:
    """The patch moments before `end` by which the same controller took over the very Pod that it deleted then."""
    patches = _patches(index.on(end.object), end.object)
    return last_that(patches, lambda request: _moments_before(request, end) and request.controller == end.controller)


def is_new_owner(index: EventIndex, maker: Request, adopted: Request) -> bool:
    """Whether the owner that `maker` made, right before it took over a Pod by `adopted`, came last of the two."""
    matched = last_labelling(index, adopted.object, adopted.at)
    return (matched is None or matched.at < maker.at) and adopted.at - maker.at <= NEAR


def last_labelling(index: EventIndex, pod: Object, at: float) -> Request | None:
    """The last request before `at` that made `pod`, or gave it the labels that it had then, as far as is known."""
    index.look_up([pod_ending(pod.name)], place(pod))
    requests = index.done(pod, at)
    return next((request for request in reversed(requests) if creates(request) or _relabels(request)), None)


def release_before(case: Case) -> Request | None:
    """The change by which somebody made another Pod of the owner's match no longer, right before the child was made
    in its place.
    """
    index, child, owner = case.index, case.child, case.owner
    near = [r for r in _patches(index.all(), owner) if 0 <= child.at - r.at <= NEAR and r.object != child.object]
    reference = child.request.facts.controller if child.request else None
    shown = [request for request in near if _is_release(request, reference.uid if reference else "")]
    if shown:
        return _last_relabelled(index, shown, NEAR)
    return _last_relabelled(index, [request for request in near if _may_release(case, request)], AT_ONCE)


def _last_relabelled(index: EventIndex, releases: Sequence[Request], within: float) -> Request | None:
    """The change of labels for which the last Pod was let go that somebody relabelled."""
    found = (_relabelled(index, release, within) for release in sorted(releases, key=when, reverse=True))
    return next(filter(None, found), None)


def _may_release(case: Case, patch: Request) -> bool:
    """Whether a patch without a body may have let go of a Pod moments before the child, by that Pod's name."""
    moments = case.child.at - patch.at <= AT_ONCE
    return moments and not patch.facts.body and patch.name.startswith(f"{case.owner.name}-")


def _relabelled(index: EventIndex, release: Request, within: float) -> Request | None:
    """The change of labels for which a Pod was let go, by so many seconds before."""
    asked = last_labelling(index, release.object, release.at)
    if asked is None or not changes(asked) or release.at - asked.at > within:
        return None
    return asked


def _patches(requests: Iterable[Request], owner: Object) -> list[Request]:
    """The patches of Pods themselves, in `owner`'s namespace, by controllers that keep Pods."""
    return [
        d
        for d in requests
        if (d.resource, d.subresource, d.namespace, d.verb) == ("pods", "", owner.namespace, "patch")
        and d.done
        and d.controller in KEEPERS
    ]


def _is_release(request: Request, uid: str) -> bool:
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


def _moments_before(request: Request, later: Request) -> bool:
    return 0 <= later.at - request.at <= AT_ONCE
