"""In whose place a controller made a Pod, and who had made that necessary: told beside whoever wants it at all."""

from __future__ import annotations

from kaudit_setup.attribution.chain import Case
from kaudit_setup.attribution.controllers.node_changes import likely_cause, node_changes
from kaudit_setup.attribution.controllers.pod_steps import KEEPERS
from kaudit_setup.attribution.controllers.selected_pods import release_before
from kaudit_setup.attribution.evidence.actors import NODES, TAINTS
from kaudit_setup.attribution.evidence.choose import latest
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.timing import NEAR


def missing_pod(case: Case) -> Request | None:
    """What made the owner's controller miss a Pod right before it made the child: a sibling's deletion that its owner
    did not want, or a change by which a sibling no longer belonged to it.
    """
    gone = _predecessor(case)
    left = release_before(case) if case.owner.resource != "statefulsets" else None
    return max((r for r in (gone, left) if r is not None), key=lambda request: request.at, default=None)


def replacement_note(index: EventIndex, owner: Object, gone: Request, took: str = "took") -> str:
    """Whose place was taken, as `missing_pod` tells, and who is behind a controller that deleted it."""
    return f"it {took} the place of {gone.object}, {_describe_end(index, owner, gone)}"


def _predecessor(case: Case) -> Request | None:
    """The deletion of a sibling, right before the child was made, that its owner did not want."""
    deletions = [
        request
        for request in case.index.all()
        if _is_sibling(case, request.object)
        and request.done
        and deletes(request)
        and not request.node
        and request.controller not in KEEPERS
        and 0 <= case.child.at - request.at <= NEAR
    ]
    return latest(deletions)


def _is_sibling(case: Case, obj: Object) -> bool:
    child, owner = case.child.object, case.owner
    if (obj.resource, obj.namespace) != (child.resource, child.namespace):
        return False
    # a StatefulSet's next Pod has the name of the one before
    same_name = owner.resource == "statefulsets"
    return obj.name.startswith(f"{owner.name}-") and (obj.name == child.name) is same_name


def _describe_end(index: EventIndex, owner: Object, gone: Request) -> str:
    if changes(gone):
        return f"which {actor(gone)} changed at {gone.time}, so that {owner} released it"
    deleted = f"which {actor(gone)} deleted at {gone.time}"
    if gone.controller not in {NODES, TAINTS}:
        return deleted
    cause = likely_cause([r for r in node_changes(index, gone.object, gone) if r.facts.spec is not False], gone)
    if cause is None:
        return deleted
    return f"{deleted}, after {actor(cause)} {doing(cause)} {cause.object} at {cause.time}"
