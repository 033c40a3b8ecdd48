"""What a ReplicaSet's controller followed: a change of its size, of its Deployment, or that a Pod was missing.

Sources: pkg/controller/replicaset/replica_set.go:manageReplicas (makes what is missing; slowStartBatch),
pkg/controller/deployment/sync.go (scale sets the size of a ReplicaSet to what the Deployment says).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.chain import Case, Child, Creator, Finding, Link, certain_if, note
from kaudit_setup.attribution.controllers.adoption import deletion_before
from kaudit_setup.attribution.controllers.common import check_completeness, recreation_note
from kaudit_setup.attribution.controllers.pod_steps import creations, unbroken
from kaudit_setup.attribution.controllers.replacements import missing_pod, replacement_note
from kaudit_setup.attribution.controllers.replicaset_sizes import Waiting, last_growth, unfulfilled
from kaudit_setup.attribution.evidence.actors import DEPLOYMENTS
from kaudit_setup.attribution.evidence.choose import last_that, latest
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates
from kaudit_setup.attribution.owners import owner_of
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import requested_changes, spec_requests
from kaudit_setup.attribution.timing import AT_ONCE, NEAR, NEXT_POD, PROMPT
from kaudit_setup.attribution.unlogged_changes import grown_unlogged
from kaudit_setup.values import replace


class _History(msgspec.Struct, frozen=True):
    """What the log has on a ReplicaSet before its Pod was made.

    `requests`: what made and changed it, in order; `maker`: its create; `deployment`: what it belongs to.
    """

    requests: tuple[Request, ...]
    maker: Request | None
    deployment: Object | None


def replicaset(case: Case) -> Finding:
    """The ReplicaSet's link: the change that its Pod followed, else its create; then its Deployment."""
    index, child, owner = case.index, case.child, case.owner
    requests = spec_requests(index, owner, child.at, child.follower)
    maker = last_that(requests, creates)
    waiting = Waiting() if child.timeless else unfulfilled(case, requests)
    history = _History(tuple(requests), maker, deployment_of(index, owner, child.at, maker))
    asked = _request_on_deployment(case, history)
    cause = asked or next(iter(waiting.requests), None)
    superseded = _superseded(case, waiting)
    case, found = case.at_most(certain_if(not superseded)), note(superseded)
    gone = missing_pod(case)
    if gone is not None and _came_last(gone, cause, maker):
        case = case.at_most(certain_if(not waiting.counted))
        found += note(replacement_note(index, owner, gone, "may have taken" if waiting.counted else "took"))
        cause = cause if waiting.counted else None
    elif cause is None and not child.timeless and case.certain:
        grew = _grew(case, history)
        case, found = case.at_most(certain_if(not grew)), found + note(grew)
    if cause is not None and cause is asked:
        return found + _without_changes(case, history)
    return found + _up(case, history, cause or maker)


def _superseded(case: Case, waiting: Waiting) -> str:
    """Who changed the size again before the ReplicaSet had all the Pods asked for; empty if nobody did."""
    if len(waiting.requests) < 2:
        return ""
    last = waiting.requests[-1]
    return f"{actor(last)} changed the size of {case.owner} at {last.time}, before it had all the Pods asked for"


def _came_last(gone: Request, cause: Request | None, maker: Request | None) -> bool:
    return (cause is None or gone.at > cause.at) and (maker is None or gone.at >= maker.at)


def _without_changes(case: Case, history: _History) -> Finding:
    """The log has none of the Deployment controller's changes: go on with whoever changed the Deployment."""
    logged = _controller_is_logged(case.index, case.owner, history.deployment) if history.deployment else False
    lacking = (
        "lacks deployment-controller's change of it"
        if logged
        else "has none of deployment-controller's changes of it"
    )
    why = f"{case.known.why}; the log {lacking}"
    above = case.above(case.child.at, history.maker, "inferred", None)
    return Finding((Link(case.owner, None, "inferred", why),), next=above)


def _up(case: Case, history: _History, cause: Request | None) -> Finding:
    """The link with `cause`, and what is above the ReplicaSet."""
    index, child, owner = case.index, case.child, case.owner
    if cause is None:
        above = replace(case.above(child.at, None, "inferred", None), timeless=child.timeless)
        return Finding((case.link(None, f"; the log does not show who made {owner}"),), next=above)
    by_hand = set_back(index, history.deployment, history.requests, cause)
    found = note(set_back_note(by_hand, cause))
    cause, case = by_hand or cause, case.at_most(certain_if(by_hand is None))
    case, doubt = check_completeness(case, [*filter(None, [history.maker])])
    found += doubt + Finding((case.link(cause),)) + note(recreation_note(index, owner, cause))
    if not cause.controller:
        return found + Finding(root=cause, next=Creator(index, owner, cause))
    telling = _telling(cause, history)
    confidence = certain_if(case.certain and telling is not None)
    above = case.above(cause.at, telling or cause, confidence, cause)
    return found + Finding(next=replace(above, grown=changes(cause)))


def _telling(cause: Request, history: _History) -> Request | None:
    """The request whose body tells the owner: it stands in the ReplicaSet's own create, whatever changed it later."""
    known = filter(None, (cause, history.maker))
    return next((request for request in known if request.facts.controller), None)


def deployment_of(index: EventIndex, replicas: Object, at: float, maker: Request | None) -> Object | None:
    """The Deployment of a ReplicaSet that `maker` made, as far as the log tells."""
    if maker is not None and not maker.controller:
        return None
    found = owner_of(Child(index, replicas, at, maker, "inferred"))
    return found.object if found is not None and found.object.resource == "deployments" else None


def set_back(
    index: EventIndex, deployment: Object | None, requests: Sequence[Request], cause: Request | None
) -> Request | None:
    """Whoever had changed a ReplicaSet right before the Deployment controller put it back to what its Deployment says
    by `cause`: nobody had asked the Deployment for anything in between. `requests`: what made and changed it.
    """
    if deployment is None or cause is None or creates(cause) or cause.controller != DEPLOYMENTS:
        return None
    last = last_that(requests, lambda request: request.at < cause.at)
    if last is None or not _resized_by_hand(last) or cause.at - last.at > NEAR:
        return None
    asked = latest(requested_changes(index, deployment, cause.at))
    return last if asked is None or asked.at < last.at else None


def _resized_by_hand(request: Request) -> bool:
    return not request.controller and not creates(request)


def set_back_note(by_hand: Request | None, cause: Request | None) -> str:
    """That `cause` took back what somebody had changed; empty if nobody had."""
    if by_hand is None or cause is None:
        return ""
    lag = cause.at - by_hand.at
    return f"{cause.controller} set {cause.object} back {lag:.3f} s after {actor(by_hand)} had changed it"


def _grew(case: Case, history: _History) -> str:
    """That a ReplicaSet was made bigger later, or may have been, so that the Pod may be of that; empty if not."""
    last = last_growth(history.requests)
    if last is None:
        return grown_unlogged(case, history.deployment, history.requests)
    return (
        f"{actor(last)} changed the size of {case.owner} at {last.time}: {case.child.object} may be a result of that"
    )


def _request_on_deployment(case: Case, history: _History) -> Request | None:
    """What somebody asked of the Deployment, so that its ReplicaSet made the child, where the log has none of what
    the Deployment controller changes.

    A scale is followed at once, a new template Pod by Pod. A Deployment that is gone for a while has left its
    ReplicaSet to others.
    """
    index, child, deployment = case.index, case.child, history.deployment
    if deployment is None or child.timeless:
        return None
    if _controller_is_logged(index, case.owner, deployment):
        return _unfollowed_scale(case, deployment, history)
    end = deletion_before(index, deployment, child.at)
    if end is not None and child.at - end.at <= AT_ONCE:
        return None
    asked = end or _still_at(case, deployment, history.requests)
    if asked is None:
        return None
    # where its reports are logged, its changes would be, too
    reports = index.sift(named(deployment), lambda r: r.controller == DEPLOYMENTS and r.verb == "update")
    return None if reports else asked


def _unfollowed_scale(case: Case, deployment: Object, history: _History) -> Request | None:
    """A change of the Deployment's size right before the child was made, of which the log has no consequence: what
    its controller did then may have gone through an API server whose log is missing.
    """
    at = case.child.at
    asked = last_that(requested_changes(case.index, deployment, at), lambda r: r.subresource == "scale")
    if asked is None or at - asked.at > PROMPT or any(asked.at <= one.at for one in history.requests):
        return None
    return asked


def _controller_is_logged(index: EventIndex, replicas: Object, deployment: Object) -> bool:
    """Whether the log has a change by the Deployment controller of any ReplicaSet of this Deployment."""
    family = index.starting(replace(replicas, name=f"{deployment.name}-"))
    return any(changes(r) and r.controller == DEPLOYMENTS for one in family for r in index.on(one))


def _still_at(case: Case, deployment: Object, requests: Sequence[Request]) -> Request | None:
    """The last change of the Deployment since its ReplicaSet was changed, if Pods were made for it ever since."""
    index, child = case.index, case.child
    since = max((request.at for request in requests), default=0.0)
    later = [request for request in requested_changes(index, deployment, child.at) if request.at > since]
    if not later:
        return None
    gap = NEAR if later[-1].subresource == "scale" else NEXT_POD
    steps = creations(index, child.object, case.owner, child.at)
    return later[-1] if unbroken(later[-1].at, steps, child.at, gap) else None
