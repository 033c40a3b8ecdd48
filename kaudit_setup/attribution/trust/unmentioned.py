"""An object that nothing in the log mentions: it went with its owner, its namespace or all of its kind only if there
was such an object then. Its name may be mistyped, or it may have gone before.
"""

from __future__ import annotations

from kaudit_setup.attribution.chain import Finding, note, weakest
from kaudit_setup.attribution.controllers.first_pods import first_pod
from kaudit_setup.attribution.evidence.absence import shows_existence
from kaudit_setup.attribution.evidence.first_seen import announcement
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.values import replace


def if_it_existed(index: EventIndex, obj: Object, finding: Finding) -> Finding:
    """A finding about who made or deleted `obj`, with the condition that it existed, where nothing in the log and no
    living object shows that it did.
    """
    if not finding.links or _is_known(index, obj, finding.request):
        return finding
    said = f"if {obj} existed then: nothing else in this log mentions it"
    first, *above = finding.links
    # a prefix that a request asked for, or a selector, is no proof of a name that the log does not have
    doubted = replace(first, confidence=weakest(first.confidence, "inferred"))
    return replace(finding, links=(doubted, *above)) + replace(note(said), proviso=said)


def _is_known(index: EventIndex, obj: Object, request: Request | None) -> bool:
    """Whether the living object or the log shows that `obj` existed; `request` made or deleted it."""
    if obj in index.living or any(map(shows_existence, index.on(obj))) or announcement(index, obj):
        return True
    if any(_holds(one, obj) for one in [*filter(None, [request]), *index.nameless(obj)]):
        return True
    return first_pod(index, obj, float("inf")) is not None


def _holds(request: Request, obj: Object) -> bool:
    """Whether a request names `obj`, or its answer lists it."""
    return bool(request.name) or request.facts.shown or obj.name in (request.facts.items or ())
