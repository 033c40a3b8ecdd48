"""What people did to the node that a Pod was on, before it was taken off."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.evidence.index import Book, named
from kaudit_setup.attribution.evidence.lifetimes import shown_since
from kaudit_setup.attribution.evidence.requests import Deed, Object, changes, deletes

DISTURBED = 600.0
"""Seconds for which a change of a node may be behind what happens to its Pods (tolerationSeconds is 300)."""
MOMENTS = 5.0
NODES_NAMED = b'"resource":"nodes","name":'


def node_changes(book: Book, obj: Object, deed: Deed) -> list[Deed]:
    """What people did to the node that a Pod was on, while it was there; to any node, if the log does not tell."""
    nodes = nodes_of(book, obj)
    since = max(deed.at - DISTURBED, shown_since(book.on(obj), deed.at) - book.tolerance)

    def by_somebody(d: Deed) -> bool:
        return d.done and (changes(d) or deletes(d)) and not d.by_kubernetes and since < d.at <= deed.at

    if not nodes:
        return book.sift([NODES_NAMED], by_somebody)
    book.look_up(literal for node in nodes for literal in named(Object("", "nodes", "", node)))
    return list(filter(by_somebody, (d for node in nodes for d in book.on(Object("", "nodes", "", node)))))


def suspect(changed: Sequence[Deed], deed: Deed) -> Deed | None:
    """The last of some changes of nodes; None if they are of several nodes and it was not moments before `deed`."""
    if not changed or (len({d.name for d in changed}) > 1 and deed.at - changed[-1].at >= MOMENTS):
        return None
    return changed[-1]


def nodes_of(book: Book, obj: Object) -> list[str]:
    """The nodes that a Pod ran on: those whose kubelets report about it, or that it was bound to."""
    found = {deed.node or deed.facts.node for deed in book.on(obj)}
    return sorted(found - {""})
