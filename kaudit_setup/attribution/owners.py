"""Whose an object is, as far as the log tells: by bodies, by a controller's own words, by the names they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kaudit_setup.attribution.chain import Child, KnownOwner, first_found
from kaudit_setup.attribution.controllers.adoption import owning_object
from kaudit_setup.attribution.controllers.special_controllers import claim_of
from kaudit_setup.attribution.evidence.first_seen import announcement
from kaudit_setup.attribution.evidence.literals import begins, named
from kaudit_setup.attribution.evidence.owner_names import Guess, guesses, possible_owners
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.spec_changes import spec_requests
from kaudit_setup.auditlog.kinds import KINDS


def owner_of(child: Child) -> KnownOwner | None:
    """The owner of an object that a controller made, or None: what the first source that knows it says."""
    return first_found(SOURCES, child)


def _by_body(child: Child) -> KnownOwner | None:
    reference = child.request.facts.controller if child.request is not None else None
    if reference is None:
        return None
    owner = owning_object(child.index, reference, child.object)
    child.index.look_up(named(owner))
    return KnownOwner(owner, child.confidence, "the ownerReferences in the logged body name it")


def _by_living_object(child: Child) -> KnownOwner | None:
    living = child.index.living.get(child.object)
    # an object that was made later is another one of the same name
    if living is None or living.controller is None or living.at > child.at:
        return None
    owner = owning_object(child.index, living.controller, child.object)
    child.index.look_up(named(owner))
    return KnownOwner(owner, "certain", "the ownerReferences of the living object name it")


def _by_announcement(child: Child) -> KnownOwner | None:
    said = announcement(child.index, child.object)
    kind = KINDS.get(said.facts.involved_kind.lower()) if said is not None else None
    if said is None or kind is None:
        return None
    owner = Object(kind.group or "", kind.resource, child.object.namespace, said.facts.involved_name)
    return KnownOwner(owner, "certain", f"{said.controller} reported `{said.facts.message}` about it")


def _by_name(child: Child) -> KnownOwner | None:
    fitting = _fitting(child)
    child.index.look_up(literal for guess in fitting for literal in (begins if guess.prefix else named)(guess.owner))
    return next((owner for guess in fitting if (owner := _if_logged(child, guess)) is not None), None)


def _by_name_alone(child: Child) -> KnownOwner | None:
    """Nobody mentions the owner: only a controller's own request, or what is above, makes the name believable."""
    for guess in _fitting(child):
        if not guess.prefix and (child.request is not None or any(map(child.index.on, possible_owners(guess.owner)))):
            return _named_alike(child, guess)
    return None


SOURCES: Final[tuple[Callable[[Child], KnownOwner | None], ...]] = (
    # the body of the request that made it, or changed its owner: the only proof
    _by_body,
    # the object itself, where it was read on a node
    _by_living_object,
    # a volume has no ownerReferences; its claim is what it was bound for
    claim_of,
    # the controller's event `Created pod: <name>` is about the owner
    _by_announcement,
    # the name that a controller gives, if the log has requests on such an owner
    _by_name,
    # the name, though no request on the owner is in the log
    _by_name_alone,
)
"""Where the owner may stand, in the order in which it is looked for."""


def _fitting(child: Child) -> list[Guess]:
    """The owners that the object's name allows, and the controller that made it."""
    request = child.request
    return [guess for guess in guesses(child.object) if request is None or guess.controller == request.controller]


def _if_logged(child: Child, guess: Guess) -> KnownOwner | None:
    if not guess.prefix:
        return _named_alike(child, guess) if child.index.on(guess.owner) else None
    full = _with_beginning(child, guess.owner)
    if not full:
        return None
    others = f"; {len(full) - 1} more have this prefix; this one was changed last" if len(full) > 1 else ""
    return KnownOwner(full[-1], "inferred", f"the Pod's name is {guess.scheme}{others}")


def _named_alike(child: Child, guess: Guess) -> KnownOwner:
    by = f" and {child.request.controller} made it" if child.request else ""
    return KnownOwner(guess.owner, "inferred", f"the name of {child.object} follows {guess.scheme}{by}")


def _with_beginning(child: Child, beginning: Object) -> list[Object]:
    """The owners whose names begin like that, which were created before `child`; the last one to change is last."""
    requests = {one: spec_requests(child.index, one, child.at) for one in child.index.starting(beginning)}
    made: dict[Object, list[Request]] = {one: known for one, known in requests.items() if any(map(creates, known))}
    return sorted(made, key=lambda one: made[one][-1].at)
