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
from kaudit_setup.attribution.controllers.replacements import missing_pod, replaced
from kaudit_setup.attribution.evidence.actors import DAEMONSETS, STATEFULSETS
from kaudit_setup.attribution.evidence.choose import earliest, without
from kaudit_setup.attribution.evidence.index import EventIndex, named
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import NEAR, NEXT_POD, ROLLED

Again = Literal["no", "likely", "surely"]


def pod_set(case: Case) -> Finding:
    """The last change of a set, unless the Pod only took the place of one that went otherwise."""
    index, child, owner = case.index, case.child, case.owner
    index.look_up(named(owner))
    at, found = child.at, NOTHING
    if owner.resource == "statefulsets" and not child.deleted:
        at, case, found = _first_wanted(case)
    requests = requested_changes(index, owner, at)
    gone = None if child.deleted or child.timeless else missing_pod(case)
    if gone is not None:
        found += note(replaced(index, owner, gone))
    if owner.resource == "daemonsets" and len(requests) > 1 and not _at_work(case, requests[-1]):
        requests, last = list(filter(creates, requests))[-1:] or requests, requests[-1]
        if gone is None and requests[-1] is not last:
            found += note(f"{actor(last)} {doing(last)} {owner} at {last.time}, before {child.object} was made")
            case = case.at_most("inferred")
    return found + (Finding(next=LastChange(case, tuple(requests))) if requests else nobody_known(case))


def _first_wanted(case: Case) -> tuple[float, Case, Finding]:
    """When a StatefulSet's Pod of this name was made because of a change, not because the last one was deleted or had
    failed; the case, no surer than the log shows that; and what is said about it.
    """
    at, found = case.child.at, NOTHING
    for last in reversed(_ups_and_downs(case)):
        if creates(last):
            at = last.at
        elif last.controller == STATEFULSETS:
            again = made_again(case.index, last, case.owner)
            if again == "no":
                break
            case = case.at_most(certain_if(again == "surely"))
            why = "as it does with one that failed or was evicted"
            found += note(f"{last.controller} deleted one of its name at {last.time} only to make it again, {why}")
    return at, case, found


def _ups_and_downs(case: Case) -> Sequence[Request]:
    """The creates of Pods of the child's name before it, and the deletions by others than kubelets."""
    requests = [r for r in case.index.on(case.child.object) if r.done and r.at < case.child.at]
    return [request for request in requests if creates(request) or (deletes(request) and not request.node)]


def _at_work(case: Case, change: Request) -> bool:
    """Whether a DaemonSet's controller made the child for `change`: one after the other since then, or in the place
    of one that it had deleted for that.
    """
    index, owner, at = case.index, case.owner, case.child.at
    if unbroken(change.at, creations(index, case.child.object, owner, at), at, NEAR):
        return True
    return any(
        change.at <= request.at <= at
        and (at - request.at < ROLLED or 0 <= at - _gone_at(index, request) <= NEAR)
        and made_again(index, request, owner) == "no"
        for request in deletions(index, owner, DAEMONSETS)
    )


def _gone_at(index: EventIndex, end: Request) -> float:
    """When a Pod that was deleted by `end` was no more: its kubelet's last delete, after its grace."""
    return max((r.at for r in index.on(end.object) if r.done and deletes(r) and r.node), default=end.at)


def made_again(index: EventIndex, end: Request, owner: Object) -> Again:
    """Whether the controller of a StatefulSet or DaemonSet deleted a Pod by `end` only to make it again, as it does
    with one that failed or was evicted: from the same template, with nobody having asked for anything else.
    """
    new = _successor(index, end, owner)
    if new is None:
        return "no"
    requests = requested_changes(index, owner, new.at)
    changed = without(requests, creates)
    if changed and changed[-1].at > end.at:
        return "no"
    old = next((r for r in reversed(index.on(end.object)) if r.done and creates(r) and r.at <= end.at), None)
    if old is not None and old.facts.revision and new.facts.revision:
        return "surely" if old.facts.revision == new.facts.revision else "no"
    if not changed:
        return "surely" if requests else "likely"
    return "no" if stepping(index, end, owner, changed[-1]) else "likely"


def stepping(index: EventIndex, end: Request, owner: Object, change: Request) -> bool:
    """Whether the controller of a set, when it deleted a Pod by `end`, was still going from one to the next for
    `change`.
    """
    return unbroken(change.at, deleting(index, owner, end.controller), end.at, NEXT_POD)


def _successor(index: EventIndex, end: Request, owner: Object) -> Request | None:
    """The create of the Pod that came in the place of the one that `end` deleted."""
    if owner.resource == "statefulsets":
        return next((r for r in index.on(end.object) if r.done and creates(r) and r.at > end.at), None)
    gone = _gone_at(index, end)
    made = [
        request
        for request in index.all()
        if request.controller == end.controller
        and request.done
        and creates(request)
        and (request.resource, request.namespace) == ("pods", owner.namespace)
        and request.facts.generate_name in {"", f"{owner.name}-"}
        and gone <= request.at <= gone + NEAR
    ]
    return earliest(made)
