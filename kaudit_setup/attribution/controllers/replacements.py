"""In whose place a controller made a Pod, and who had made that necessary: told beside whoever wants it at all."""

from __future__ import annotations

from kaudit_setup.attribution.chain import Child, Story
from kaudit_setup.attribution.controllers.deployments import predecessor
from kaudit_setup.attribution.controllers.node_changes import node_changes, suspect
from kaudit_setup.attribution.controllers.selected_pods import let_go
from kaudit_setup.attribution.evidence.actors import NODES, TAINTS
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes
from kaudit_setup.attribution.phrases import actor, doing


def made_room(index: EventIndex, child: Child, owner: Object) -> Request | None:
    """What made `owner`'s controller miss a Pod right before it made `child`: the end of a sibling that was not its
    own wish, or a change by which a sibling was no longer one.
    """
    gone = predecessor(index, child, owner)
    left = let_go(index, child, owner) if owner.resource != "statefulsets" else None
    return max((d for d in (gone, left) if d is not None), key=lambda request: request.at, default=None)


def say_replaced(index: EventIndex, story: Story, owner: Object, gone: Request, took: str = "took") -> None:
    """Say whose place was taken, as `made_room` tells, and who is behind a controller that deleted it."""
    story.note(f"it {took} the place of {gone.object}, {_went(index, owner, gone)}")


def _went(index: EventIndex, owner: Object, gone: Request) -> str:
    if changes(gone):
        return f"which {actor(gone)} changed at {gone.time}, so that {owner} let it go"
    told = f"which {actor(gone)} deleted at {gone.time}"
    if gone.controller not in {NODES, TAINTS}:
        return told
    cause = suspect([d for d in node_changes(index, gone.object, gone) if d.facts.spec is not False], gone)
    return told if cause is None else f"{told}, after {actor(cause)} {doing(cause)} {cause.object} at {cause.time}"
