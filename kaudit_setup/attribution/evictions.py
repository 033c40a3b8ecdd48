"""What befalls Pods from outside: a node that is tainted, drained of them or gone, a Pod of higher priority.

Sources: pkg/controller/nodelifecycle/scheduler/taint_manager.go, pkg/controller/podgc/gc_controller.go:gcOrphaned (a
node gone for 40 s), pkg/scheduler/framework/plugins/defaultpreemption (deletes the victims, says so in an event
about each, then reports on the Pod that preempts; in 1.36 a condition `DisruptionTarget` comes first).
"""

from __future__ import annotations

from collections.abc import Callable

from kaudit_setup.attribution.chain import Link, Story, certain_if
from kaudit_setup.attribution.controllers.node_changes import NODES_NAMED, node_changes, nodes_of, suspect
from kaudit_setup.attribution.evidence.actors import DAEMONSETS, NODES, SCHEDULER
from kaudit_setup.attribution.evidence.index import EventIndex, nameless_requests, pod_ending
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.owner_chain import story_of_creation
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import AT_ONCE, NODE_CHANGE, NODE_CHANGE_MOMENTS

_PREEMPTED = "Preempted by "

Up = Callable[[EventIndex, Story, Object, Request, bool, str], bool]


def node_on_the_way(index: EventIndex, obj: Object, request: Request) -> Request | None:
    """What a person did to the node of a DaemonSet's Pod before its controller deleted it: tainted or labelled it
    moments before, or deleted it, as nobody changed the DaemonSet after that.

    When a node goes, nothing wakes the controller (pkg/controller/daemon/daemon_controller.go: no DeleteFunc for
    nodes), so that its Pod goes at the next turn, whenever that is.
    """
    if request.controller != DAEMONSETS:
        return None
    there = min((d.at for d in index.on(obj) if d.done and not deletes(d)), default=0.0)
    known = bool(nodes_of(index, obj))
    changed = [
        d
        for d in node_changes(index, obj, request)
        if request.at - d.at < NODE_CHANGE_MOMENTS or (known and deletes(d) and there <= d.at)
    ]
    cause = suspect(changed, request)
    owners = [guess.owner for guess in guesses(obj) if guess.owner.resource == "daemonsets"]
    asked = [d.at for owner in owners for d in requested_changes(index, owner, request.at) if not creates(d)]
    return cause if cause is not None and cause.at > max(asked, default=0.0) else None


def disturbed(index: EventIndex, story: Story, obj: Object, request: Request) -> None:
    """Taken off its node: somebody tainted the node, or the node stopped answering."""
    # a controller that evicts goes by taints, not by labels
    changed = [change for change in node_changes(index, obj, request) if change.facts.spec is not False]
    cause = suspect(changed, request)
    nodes = nodes_of(index, obj)
    if cause is not None and (nodes or not _another_tainted(index, cause, request)):
        disturbance(index, story, obj, cause, request)
        return
    if nodes:
        quiet = f"in this log nobody tainted {', '.join(nodes)} in the ten minutes before {request.time}"
        story.note(f"{quiet}: it was unreachable or not ready")
        return
    story.note(f"which node {obj} was on is not in this log: that was tainted, unreachable or not ready")
    for other in changed[-3:]:
        story.note(f"{actor(other)} {doing(other)} {other.object} before that, at {other.time}")


def _another_tainted(index: EventIndex, cause: Request, request: Request) -> bool:
    """Whether Kubernetes itself tainted another node than that of `cause` after that: one that stopped answering."""
    return bool(
        index.sift(
            [NODES_NAMED],
            lambda d: (
                d.controller == NODES
                and (d.verb, d.subresource) == ("patch", "")
                and d.done
                and d.name != cause.name
                and cause.at <= d.at <= request.at
            ),
        )
    )


def disturbance(index: EventIndex, story: Story, obj: Object, cause: Request, request: Request) -> None:
    """End the chain at a change of a node, by which `obj` was deleted."""
    lag = request.at - cause.at
    what = "deleted" if deletes(cause) else "changed (a taint, for instance)"
    if nodes_of(index, obj):
        why = f"{actor(cause)} {what} the node of {obj} {lag:.3f} s before"
    else:
        why = f"{actor(cause)} {what} it {lag:.3f} s before; which node {obj} was on is not in the log"
    story.links.append(Link(cause.object, cause, "inferred", why))
    story.root = cause


def node_gone(index: EventIndex, story: Story, obj: Object, request: Request, up: Up) -> None:
    """Its node is no more: whoever deleted the node. `up` adds the end of an object above to the story."""
    nodes = nodes_of(index, obj)
    for node in nodes:
        if up(index, story, Object("", "nodes", "", node), request, False, f"its node {node} was deleted"):
            return
    if not nodes:
        # a Pod that was written with its node's name meets no scheduler, and a node that is none has no kubelet
        gone = index.sift([NODES_NAMED], lambda d: d.done and deletes(d) and 0 <= request.at - d.at < NODE_CHANGE)
        if len({d.name for d in gone}) == 1:
            why = f"the only node that was deleted in ten minutes before; which one {obj} was on is not in the log"
            story.links.append(Link(gone[-1].object, gone[-1], "inferred", why))
            story.root = gone[-1] if not gone[-1].by_kubernetes else None
            return
    story.note(f"it was cleaned up at {request.time} because its node was gone or it had ended long before")


def preempted(index: EventIndex, story: Story, obj: Object, request: Request) -> None:
    """The scheduler made room: behind it is whoever made the Pod that the room was for."""
    story.note(f"the scheduler deleted it at {request.time} to make room for a Pod of higher priority")
    told = index.sift(
        [_PREEMPTED.encode()],
        lambda d: (
            d.controller == SCHEDULER and d.facts.message.startswith(_PREEMPTED) and d.facts.involved_name == obj.name
        ),
    )
    after = index.sift(
        [b'"username":"system:kube-scheduler"'],
        lambda d: (
            d.done
            and (d.resource, d.subresource) == ("pods", "status")
            and d.controller == SCHEDULER
            and d.object != obj
            and abs(d.at - request.at) < AT_ONCE
        ),
    )
    # since 1.26 every victim gets a status, too
    victims = {d.object for d in index.sift([b'"verb":"delete"'], lambda d: d.controller == SCHEDULER)}
    after = [d for d in after if d.object not in victims]
    words = f"{told[-1].facts.message} " if told else ""
    said = [d for d in after if f" {d.namespace}/{d.name} " in words or (d.facts.uid and f" {d.facts.uid} " in words)]
    if not said and len({d.object for d in after}) != 1:
        return
    winner = (said or after)[0].object
    why = f"the scheduler said `{words.strip()}`" if said else "the only other Pod that it reported on then"
    index.look_up([pod_ending(winner.name), *([nameless_requests(winner)] if any(guesses(winner)) else [])])
    made = story_of_creation(index, winner, request.at)
    if not made.links:
        story.note(f"it made room for {winner}; who made that is not in this log")
        return
    first = made.links[0]
    surely = bool(said) and first.confidence == "certain"
    story.links.append(Link(winner, first.request, certain_if(surely), why))
    story.links += made.links[1:]
    story.notes += made.notes
    story.root = made.root
