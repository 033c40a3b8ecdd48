"""What people did to the node that a Pod was on, before it was taken off."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import shown_since
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, deletes
from kaudit_setup.attribution.timing import NODE_CHANGE, NODE_CHANGE_MOMENTS

NODES_NAMED = b'"resource":"nodes","name":'


def node_changes(index: EventIndex, obj: Object, request: Request) -> list[Request]:
    """What people did to the node that a Pod was on, while it was there; to any node, if the log does not tell."""
    nodes = nodes_of(index, obj)
    since = max(request.at - NODE_CHANGE, shown_since(index.on(obj), request.at) - index.tolerance)

    def by_somebody(d: Request) -> bool:
        return d.done and (changes(d) or deletes(d)) and not d.by_kubernetes and since < d.at <= request.at

    if not nodes:
        return index.sift([NODES_NAMED], by_somebody)
    index.look_up(literal for node in nodes for literal in named(Object("", "nodes", "", node)))
    return list(filter(by_somebody, (d for node in nodes for d in index.on(Object("", "nodes", "", node)))))


def likely_cause(changed: Sequence[Request], request: Request) -> Request | None:
    """The last of some changes of nodes; None if they are of several nodes, not moments before `request`."""
    if not changed or (len({d.name for d in changed}) > 1 and request.at - changed[-1].at >= NODE_CHANGE_MOMENTS):
        return None
    return changed[-1]


def nodes_of(index: EventIndex, obj: Object) -> list[str]:
    """The nodes that a Pod ran on: those whose kubelets report about it, or that it was bound to."""
    found = {request.node or request.facts.node for request in index.on(obj)}
    return sorted(found - {""})
