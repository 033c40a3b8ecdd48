"""What happens to Pods from outside: a node that is tainted, drained of them or gone, a Pod of higher priority.

Sources: pkg/controller/nodelifecycle/scheduler/taint_manager.go, pkg/controller/podgc/gc_controller.go:gcOrphaned (a
node gone for 40 s), pkg/scheduler/framework/plugins/defaultpreemption (deletes the victims, says so in an event
about each, then reports on the Pod that preempts; in 1.36 a condition `DisruptionTarget` comes first).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import DeletionCase, Finding, KnownOwner, Link, certain_if, ends_at, note, weakest
from kaudit_setup.attribution.controllers.deleted_owner import deleted_with
from kaudit_setup.attribution.controllers.node_changes import NODES_NAMED, likely_cause, node_changes, nodes_of
from kaudit_setup.attribution.creation.step import creation_step
from kaudit_setup.attribution.evidence.actors import DAEMONSETS, NODES, SCHEDULER
from kaudit_setup.attribution.evidence.choose import without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import nameless_requests, place, pod_ending
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import AT_ONCE, NODE_CHANGE, NODE_CHANGE_MOMENTS
from kaudit_setup.values import replace

_PREEMPTED = "Preempted by "
_FEW = 3


def node_of_daemon_pod_changed(case: DeletionCase) -> Finding | None:
    """What a person did to the node of a DaemonSet's Pod before its controller deleted it: tainted or labelled it
    moments before, or deleted it, as nobody changed the DaemonSet after that.

    When a node goes, nothing wakes the controller (pkg/controller/daemon/daemon_controller.go: no DeleteFunc for
    nodes), so that its Pod goes at the next turn, whenever that is.
    """
    index, obj, end = case.index, case.object, case.request
    if end.controller != DAEMONSETS:
        return None
    changed = node_changes(index, obj, end)
    near = [r for r in changed if end.at - r.at < NODE_CHANGE_MOMENTS or _deleted_under(index, obj, r)]
    cause = likely_cause(near, end)
    if cause is None or cause.at <= _set_changed_at(index, obj, end.at):
        return None
    return _node_changed(case, cause)


def _deleted_under(index: EventIndex, pod: Object, request: Request) -> bool:
    """Whether a request deleted the node that a Pod was on, as the log knows."""
    since = min((one.at for one in without(index.done(pod), deletes)), default=0.0)
    return bool(nodes_of(index, pod)) and deletes(request) and since <= request.at


def _set_changed_at(index: EventIndex, pod: Object, until: float) -> float:
    """When somebody last changed the DaemonSet of a Pod, 0.0 if nobody did."""
    owners = [guess.owner for guess in guesses(pod) if guess.owner.resource == "daemonsets"]
    changed = (r.at for owner in owners for r in without(requested_changes(index, owner, until), creates))
    return max(changed, default=0.0)


def evicted_from_node(case: DeletionCase) -> Finding:
    """Taken off its node: somebody tainted the node, or the node stopped answering."""
    index, obj, end = case.index, case.object, case.request
    # a controller that evicts goes by one kind of taint, not by labels, not by cordoning
    changed = [request for request in node_changes(index, obj, end) if request.facts.evicts is not False]
    cause = likely_cause(changed, end)
    nodes = nodes_of(index, obj)
    if nodes and cause is not None and (itself := _tainted_by_kubernetes(index, cause, end)):
        return note(*(_changed_before(r) for r in changed[-_FEW:]), itself)
    if cause is not None and (nodes or not _another_tainted(index, cause, end)):
        return _node_changed(case, cause) + note(_as_likely(changed, cause))
    if nodes:
        quiet = f"nobody in this log tainted {', '.join(nodes)} in the ten minutes before {end.time}"
        return note(f"{quiet}: the node was unreachable or not ready")
    unknown = f"which node {obj} was on is not in this log: the node was tainted, unreachable or not ready"
    return note(unknown, *(_changed_before(r) for r in changed[-_FEW:]))


def _changed_before(request: Request) -> str:
    return f"{actor(request)} {doing(request)} {request.object} before that, at {request.time}"


def _as_likely(changed: Sequence[Request], cause: Request) -> str:
    """That others changed the node as well, where no body tells who tainted it; empty if nobody did."""
    if cause.facts.evicts or deletes(cause):
        return ""
    others = {actor(r): r for r in changed if r.name == cause.name and actor(r) != actor(cause)}
    said = ", ".join(f"{who} at {request.time}" for who, request in others.items())
    return f"{said} changed {cause.object}, too: which of them tainted it is not in this log" if said else ""


def _tainted_by_kubernetes(index: EventIndex, cause: Request, end: Request) -> str:
    """That Kubernetes itself tainted the node of `cause` after that, which nobody's own taint makes it do; empty if
    it did not, or the body of `cause` shows the taint.

    It does so for a node that was cordoned, is not ready or does not answer
    (pkg/controller/nodelifecycle/node_lifecycle_controller.go:doNoScheduleTaintingPass, doNoExecuteTaintingPass).
    """
    if cause.facts.evicts or deletes(cause):
        return ""
    own = [r for r in _taints_by_kubernetes(index, cause, end) if r.name == cause.name]
    if not own:
        return ""
    last = own[-1]
    return (
        f"{actor(last)} tainted {last.object} after that, at {last.time}: it was not ready, unreachable or cordoned"
    )


def _another_tainted(index: EventIndex, cause: Request, end: Request) -> bool:
    """Whether Kubernetes itself tainted another node than that of `cause` after that: one that stopped answering."""
    return any(request.name != cause.name for request in _taints_by_kubernetes(index, cause, end))


def _taints_by_kubernetes(index: EventIndex, cause: Request, end: Request) -> Sequence[Request]:
    """The taints that Kubernetes itself gave any node between `cause` and `end`."""

    def tainted(request: Request) -> bool:
        by_kubernetes = request.controller == NODES and (request.verb, request.subresource) == ("patch", "")
        return by_kubernetes and request.done and cause.at <= request.at <= end.at

    return index.sift([NODES_NAMED], tainted)


def _node_changed(case: DeletionCase, cause: Request) -> Finding:
    """End the chain at a change of a node, by which the object was deleted."""
    lag = case.request.at - cause.at
    what = "deleted" if deletes(cause) else "changed (a taint, for instance)"
    if nodes_of(case.index, case.object):
        why = f"{actor(cause)} {what} the node of {case.object} {lag:.3f} s before"
    else:
        why = f"{actor(cause)} {what} it {lag:.3f} s before; which node {case.object} was on is not in the log"
    return ends_at(Link(cause.object, cause, "inferred", why))


def node_gone(case: DeletionCase) -> Finding:
    """Its node is gone: whoever deleted the node."""
    index, obj, end = case.index, case.object, case.request
    nodes = nodes_of(index, obj)
    for node in nodes:
        found = deleted_with(case, Object("", "nodes", "", node), "inferred", f"its node {node} was deleted")
        if found is not None:
            return found
    # a Pod that was written with its node's name meets no scheduler, and a node that is none has no kubelet
    gone = [] if nodes else index.sift([NODES_NAMED], lambda r: _deleted_before(r, end))
    if len({request.name for request in gone}) == 1:
        why = f"the only node that was deleted in ten minutes before; which one {obj} was on is not in the log"
        last = gone[-1]
        return Finding((Link(last.object, last, "inferred", why),), None if last.by_kubernetes else last)
    return note(f"it was cleaned up at {end.time} because its node was gone, or because it had finished long before")


def _deleted_before(request: Request, end: Request) -> bool:
    return request.done and deletes(request) and 0 <= end.at - request.at < NODE_CHANGE


def preempted(case: DeletionCase) -> Finding:
    """The scheduler made room: behind it is whoever made the Pod that the room was for."""
    end = case.request
    said = note(f"the scheduler deleted it at {end.time} to make room for a Pod of higher priority")
    words = _scheduler_words(case.index, case.object)
    reported = _reported_then(case)
    named = [r for r in reported if _names(words, r)]
    if not named and len({request.object for request in reported}) != 1:
        return said
    winner = (named or reported)[0].object
    why = f"the scheduler said `{words.strip()}`" if named else "the only other Pod that it reported on then"
    return said + _for_winner(case, KnownOwner(winner, certain_if(bool(named)), why))


def _for_winner(case: DeletionCase, winner: KnownOwner) -> Finding:
    """Whoever made the Pod that another one had to make room for."""
    pod = winner.object
    asked = [pod_ending(pod.name), *([nameless_requests(pod)] if any(guesses(pod)) else [])]
    case.index.look_up(asked, place(pod))
    made = creation_step(case.index, pod, case.request.at)
    if not made.links:
        return note(f"it made room for {pod}; who created it is not in this log")
    first = made.links[0]
    link = Link(pod, first.request, weakest(first.confidence, winner.confidence), winner.why)
    return replace(made, links=(link,))


def _scheduler_words(index: EventIndex, victim: Object) -> str:
    """The scheduler's event about a Pod that it deleted, with a blank behind; empty if it was not logged."""

    def about(request: Request) -> bool:
        facts = request.facts
        if request.controller != SCHEDULER or not facts.message.startswith(_PREEMPTED):
            return False
        return facts.involved_name == victim.name

    told = index.sift([_PREEMPTED.encode()], about)
    return f"{told[-1].facts.message} " if told else ""


def _names(words: str, request: Request) -> bool:
    """Whether the scheduler's words name the Pod of a request, by its name or its UID."""
    uid = request.facts.uid
    return f" {request.namespace}/{request.name} " in words or bool(uid and f" {uid} " in words)


def _reported_then(case: DeletionCase) -> Sequence[Request]:
    """The scheduler's reports on other Pods than its victims at that time; since 1.26 every victim gets one, too."""
    index, end = case.index, case.request

    def then(request: Request) -> bool:
        status = (request.resource, request.subresource) == ("pods", "status") and request.done
        by_it = request.controller == SCHEDULER and request.object != case.object
        return status and by_it and abs(request.at - end.at) < AT_ONCE

    reports = index.sift([b'"username":"system:kube-scheduler"'], then)
    victims = {r.object for r in index.sift([b'"verb":"delete"'], lambda r: r.controller == SCHEDULER)}
    return [request for request in reports if request.object not in victims]
