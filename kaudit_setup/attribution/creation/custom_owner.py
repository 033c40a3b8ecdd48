"""Who made what an object belongs to, where no controller of Kubernetes made the object: an operator did, for a
custom resource of somebody, or a person who named an owner.
"""

from __future__ import annotations

from kaudit_setup.attribution.controllers.adoption import owning_object
from kaudit_setup.attribution.evidence.choose import last_that
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.requests import Request, changes, creates
from kaudit_setup.attribution.phrases import actor, doing


def owners_maker_note(index: EventIndex, root: Request) -> str:
    """Who made the owner that the body of `root`, a create, names, and who changed it last before that; empty if it
    names none.
    """
    reference = root.facts.controller
    if reference is None or root.controller:
        return ""
    owner = owning_object(index, reference, root.object)
    index.look_up(named(owner))
    requests = index.done(owner, root.at)
    made = last_that(requests, creates)
    belongs = f"{root.object} belongs to {owner}"
    if made is None:
        return f"{belongs}; who created that is not in this log"
    changed = last_that(requests, lambda request: request.at > made.at and _asks_for_more(request, root))
    then = f", and {actor(changed)} {doing(changed)} it at {changed.time}" if changed is not None else ""
    return f"{belongs}, which {actor(made)} created at {made.time}{then}"


def _asks_for_more(request: Request, root: Request) -> bool:
    """Whether somebody else than the sender of `root` changed what the owner asks for."""
    return changes(request) and request.user != root.user and request.subresource != "status"
