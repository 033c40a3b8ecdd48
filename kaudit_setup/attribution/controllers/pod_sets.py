"""What the controller of a StatefulSet or DaemonSet followed, or that it only made a Pod again that had failed.

Sources: pkg/controller/daemon/update.go:rollingUpdate (deletes a Pod, makes another once that is gone),
pkg/controller/statefulset/stateful_set_control.go:processReplica (deletes a Pod that failed, and makes it again).
Both sets label a Pod with the revision of the template that it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kaudit_setup.attribution.chain import NOTHING, Case, Finding, LastChange, certain_if, note
from kaudit_setup.attribution.controllers.common import nobody_known
from kaudit_setup.attribution.controllers.pod_steps import creations, deleting, deletions, unbroken
from kaudit_setup.attribution.controllers.replacements import missing_pod, replacement_note
from kaudit_setup.attribution.evidence.actors import DAEMONSETS, STATEFULSETS
from kaudit_setup.attribution.evidence.choose import earliest, last_that, without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import NEAR, NEXT_POD, ROLLED

Again = Literal["no", "likely", "surely"]


def pod_set(case: Case) -> Finding:
    """The last change of a set, unless the Pod only took the place of one that went otherwise."""
    index, child, owner = case.index, case.child, case.owner
    index.look_up(named(owner))
    at, case, found = _first_wanted(case)
    requests = requested_changes(index, owner, at, child.follower if at == child.at else None)
    gone = None if child.deleted or child.timeless else missing_pod(case)
    if gone is not None:
        found += note(replacement_note(index, owner, gone))
    if owner.resource == "daemonsets" and len(requests) > 1 and not _made_for(case, requests[-1]):
        case, requests, unlikely = _made_before_change(case, requests, gone)
        found += unlikely
    return found + (Finding(next=LastChange(case, tuple(requests))) if requests else nobody_known(case))


def _made_before_change(
    case: Case, requests: list[Request], gone: Request | None
) -> tuple[Case, list[Request], Finding]:
    """A DaemonSet's Pod that was not made for the last change: for its create, if the log has that."""
    made, last = list(filter(creates, requests))[-1:] or requests, requests[-1]
    if gone is not None or made[-1] is last:
        return case, made, NOTHING
    said = f"{actor(last)} {doing(last)} {case.owner} at {last.time}, before {case.child.object} was made"
    return case.at_most("inferred"), made, note(said)


def _first_wanted(case: Case) -> tuple[float, Case, Finding]:
    """When the child was made; a StatefulSet's Pod: when one of its name was made because of a change, not because
    the last one was deleted or had failed. The case, no surer than the log shows that; and what is said about it.
    """
    at, found = case.child.at, NOTHING
    if case.owner.resource != "statefulsets" or case.child.deleted:
        return at, case, found
    unknown = _end_unknown(case)
    case, found = case.at_most(certain_if(not unknown)), note(unknown)
    for last in reversed(_creations_and_deletions(case)):
        if creates(last):
            at = last.at
        elif last.controller == STATEFULSETS:
            again = recreates(case.index, last, case.owner)
            if again == "no":
                break
            case = case.at_most(certain_if(again == "surely"))
            why = "as it does with a Pod that failed or was evicted"
            found += note(f"{last.controller} deleted a Pod of this name at {last.time} only to recreate it, {why}")
    return at, case, found


def _end_unknown(case: Case) -> str:
    """That nobody in the log deleted the Pod of this name that was there before; empty if somebody did, or if there
    was none. Its kubelet ends only what was deleted (pkg/kubelet/status/status_manager.go:syncPod).
    """
    before = [request for request in case.index.done(case.child.object) if request.at < case.child.at]
    ended = last_that(before, deletes)
    again = ended is not None and bool(ended.node) and not _was_deleted(before, ended)
    return f"who deleted the {case.child.object} before this one is not in this log, nor why" if again else ""


def _was_deleted(before: Sequence[Request], ended: Request) -> bool:
    """Whether somebody deleted the Pod that its kubelet ended by `ended`."""
    latest = last_that(before, lambda request: _creates_or_deletes(request) and request.at < ended.at)
    return latest is not None and deletes(latest)


def _creations_and_deletions(case: Case) -> Sequence[Request]:
    """The creates of Pods of the child's name before it, and the deletions by others than kubelets."""
    before = [request for request in case.index.done(case.child.object) if request.at < case.child.at]
    return list(filter(_creates_or_deletes, before))


def _creates_or_deletes(request: Request) -> bool:
    return creates(request) or (deletes(request) and not request.node)


def _made_for(case: Case, change: Request) -> bool:
    """Whether a DaemonSet's controller made the child for `change`: one after the other since then, or in the place
    of one that it had deleted for that.
    """
    index, owner, at = case.index, case.owner, case.child.at
    if unbroken(change.at, creations(index, case.child.object, owner, at), at, NEAR):
        return True
    return any(
        change.at <= request.at <= at
        and (at - request.at < ROLLED or 0 <= at - _gone_at(index, request) <= NEAR)
        and recreates(index, request, owner) == "no"
        for request in deletions(index, owner, DAEMONSETS)
    )


def _gone_at(index: EventIndex, end: Request) -> float:
    """When a Pod that was deleted by `end` was no more: its kubelet's last delete, after its grace."""
    deleted = filter(deletes, index.done(end.object))
    return max((request.at for request in deleted if request.node), default=end.at)


def recreates(index: EventIndex, end: Request, owner: Object) -> Again:
    """Whether the controller of a StatefulSet or DaemonSet deleted a Pod by `end` only to recreate it, as it does
    with one that failed or was evicted: from the same template, with nobody having asked for anything else.
    """
    new = _successor(index, end, owner)
    if new is None:
        return "no"
    requests = requested_changes(index, owner, new.at)
    changed = without(requests, creates)
    if changed and changed[-1].at > end.at:
        return "no"
    same = _same_revision(last_that(index.done(end.object, end.at), creates), new)
    if same is not None:
        return "surely" if same else "no"
    if not changed:
        # a change that the log lacks would look the same
        return "likely"
    return "no" if is_rolling_out(index, end, owner, changed[-1]) else "likely"


def _same_revision(old: Request | None, new: Request) -> bool | None:
    """Whether two Pods were made from the same template; None if bodies do not tell."""
    if old is None or not old.facts.revision or not new.facts.revision:
        return None
    return old.facts.revision == new.facts.revision


def is_rolling_out(index: EventIndex, end: Request, owner: Object, change: Request) -> bool:
    """Whether the controller of a set, when it deleted a Pod by `end`, was still going from one to the next for
    `change`.
    """
    return unbroken(change.at, deleting(index, owner, end.controller), end.at, NEXT_POD)


def _next_of_name(index: EventIndex, end: Request) -> Request | None:
    """The first create of an object of the same name after `end`."""
    return next((request for request in filter(creates, index.done(end.object)) if request.at > end.at), None)


def _successor(index: EventIndex, end: Request, owner: Object) -> Request | None:
    """The create of the Pod that came in the place of the one that `end` deleted."""
    if owner.resource == "statefulsets":
        return _next_of_name(index, end)
    gone = _gone_at(index, end)
    soon = (request for request in index.all() if gone <= request.at <= gone + NEAR)
    return earliest(request for request in soon if _makes_pod_of(owner, end.controller, request))


def _makes_pod_of(owner: Object, controller: str, request: Request) -> bool:
    """Whether the controller of `owner` made a Pod for it, as far as the request's body tells."""
    made = (request.resource, request.namespace, request.controller) == ("pods", owner.namespace, controller)
    return made and request.done and creates(request) and request.facts.generate_name in {"", f"{owner.name}-"}
