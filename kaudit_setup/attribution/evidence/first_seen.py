"""What first shows that an object exists: a request on it, or what a controller reports."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.evidence.choose import earliest
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Object, Request


def announcement(index: EventIndex, obj: Object) -> Request | None:
    """The controller's own event `Created pod: <name>`, whose body was logged."""
    said = f"Created pod: {obj.name}"
    told = [r for r in index.all() if r.facts.message == said and r.controller and r.namespace == obj.namespace]
    return earliest(told)


def first_mention(index: EventIndex, obj: Object, before: float = float("inf")) -> float:
    """When the log first shows that `obj` exists, 0.0 if it does not."""
    return min((request.at for request in index.done(obj, before)), default=0.0)


def mentions(index: EventIndex, objects: Sequence[Object]) -> list[Request]:
    """What shows that there were such objects, in order of time: controllers' reports and reads, too, which a search
    for something else leaves out.
    """
    literals = [literal for one in objects for literal in named(one)]
    return index.sift(literals, lambda r: r.done and r.object in objects and r.verb not in {"list", "watch"})
