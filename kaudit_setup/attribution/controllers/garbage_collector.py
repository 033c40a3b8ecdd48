"""Why the garbage collector deleted an object: its owners are gone, or there never was one.

Source: pkg/controller/garbagecollector/garbagecollector.go:attemptToDeleteItem (deletes what has no owner left; waits
for the last of several).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.chain import (
    NOTHING,
    Child,
    Confidence,
    DeletionCase,
    Finding,
    KnownOwner,
    Link,
    Rule,
    certain_if,
    ends_at,
    first_found,
    note,
    weakest,
)
from kaudit_setup.attribution.controllers.adoption import (
    Ownership,
    deleted_just_before,
    orphaned,
    ownership,
    owning_object,
)
from kaudit_setup.attribution.controllers.deleted_owner import deleted_with
from kaudit_setup.attribution.controllers.special_controllers import absent_owner
from kaudit_setup.attribution.creation.result import Creation
from kaudit_setup.attribution.creation.step import creation_of
from kaudit_setup.attribution.deletion.request import deletion_of
from kaudit_setup.attribution.evidence.lifetimes import shown_since
from kaudit_setup.attribution.evidence.literals import named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import guesses, possible_owners
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.owners import owner_of
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import RIGHT_AFTER


class _Collected(msgspec.Struct, frozen=True):
    """What the garbage collector deleted, the owners that it may have had, and what bodies say of them."""

    case: DeletionCase
    owners: tuple[KnownOwner, ...]
    ownership: Ownership | None


def garbage_collected(case: DeletionCase) -> Finding:
    """Whoever deleted the owner of what the garbage collector deleted."""
    creation = creation_of(case.index, case.object, case.before)
    said = ownership(case.index, case.object, case.request.at, creation.request)
    owners = tuple(_owners(case, creation, said))
    if owners:
        first = owners[0].object
        _look_up(case, [first, *possible_owners(first)])
    return first_found(COLLECTION_RULES, _Collected(case, owners, said)) or NOTHING


def _look_up(case: DeletionCase, objects: Sequence[Object]) -> None:
    case.index.look_up(literal for one in objects for literal in (*named(one), nameless_requests(one)))


def _owners(case: DeletionCase, creation: Creation, said: Ownership | None) -> list[KnownOwner]:
    """The owners that the object may have had; none that its name tells if its first owner had left it to others."""
    index, obj, at = case.index, case.object, case.request.at
    create = creation.request
    if said is not None:
        confidence = certain_if(said.request is not create or creation.confidence == "certain")
        return _last_gone_first(case, [owning_object(index, owner, obj) for owner in said.owners], confidence)
    if orphaned(index, obj, at) is not None:
        return []
    child = Child(index, obj, create.at if create else at, create, certain_if(creation.confidence == "certain"))
    found = owner_of(child)
    by_name = [KnownOwner(g.owner, "inferred", f"the name of {obj} follows {g.scheme}") for g in guesses(obj)]
    return [*filter(None, [found]), *by_name]


def _last_gone_first(case: DeletionCase, owners: Sequence[Object], confidence: Confidence) -> list[KnownOwner]:
    """The owners that a body names: the garbage collector waits for the last of them to go, so all their deletions
    must be known.
    """
    index = case.index
    _look_up(case, owners)
    until = case.request.at + index.tolerance
    found = {owner: deletion_of(index, owner, until).deletion for owner in owners}
    gone = {owner: deletion.request.at for owner, deletion in found.items() if deletion is not None}
    missing = [owner for owner in found if owner not in gone]
    why = _why_last(len(found), missing if gone else [])
    last_first = [*sorted(gone, key=lambda owner: -gone[owner]), *missing]
    return [KnownOwner(owner, weakest(confidence, certain_if(not missing)), why) for owner in last_first]


def _why_last(count: int, missing: Sequence[Object]) -> str:
    """Why an owner is the one that the garbage collector waited for, of so many; `missing`: whose deletion is not in
    the log.
    """
    why = "the ownerReferences in the logged body name it"
    if count > 1:
        why += f", the last of {count} to be deleted"
    return f"{why} in this log (which lacks the deletion of {', '.join(map(str, missing))})" if missing else why


def _owner_deleted(one: _Collected) -> Finding | None:
    found = (
        deleted_with(one.case, owner.object, owner.confidence, f"its owner was deleted; {owner.why}")
        for owner in one.owners
    )
    return next(filter(None, found), None)


def _owners_owner_deleted(one: _Collected) -> Finding | None:
    """In the foreground, or when the owner was never logged: what is above may have been deleted all the same."""
    if one.owners and orphaned(one.case.index, one.owners[0].object, one.case.request.at) is not None:
        return None
    found = (
        deleted_with(one.case, guess.owner, "inferred", f"the owner of {owner.object} was deleted")
        for owner in one.owners
        for guess in guesses(owner.object)
    )
    return next(filter(None, found), None)


def _namespace_deleted(one: _Collected) -> Finding | None:
    namespace = one.case.object.namespace
    if not namespace:
        return None
    return deleted_with(
        one.case, Object("", "namespaces", "", namespace), "inferred", "its whole namespace was deleted"
    )


def _owner_unknown(one: _Collected) -> Finding | None:
    """A body names the owner: it never was, or the log does not have its deletion."""
    case, said = one.case, one.ownership
    if said is None or not said.owners:
        return None
    found = absent_owner(case.index, case.object, case.request, said)
    if found is not None:
        return found
    names = ", ".join(str(owning_object(case.index, owner, case.object)) for owner in said.owners)
    gone = f"the garbage collector deleted {case.object} because {names} was gone"
    return note(f"{gone}; who deleted that is not in this log")


def _likely_owners(case: DeletionCase) -> list[Request]:
    """The deletions right before, of something that was there as long as the object: of the kinds that its name
    tells, and within a second, if there are any.
    """
    obj, end = case.object, case.request
    since = shown_since(case.index.on(obj), end.at) - case.index.tolerance
    gone = [request for request in deleted_just_before(case.index, obj, end.at) if request.at >= since]
    kinds = {guess.owner.resource for guess in guesses(obj)}
    likely = [request for request in gone if request.resource in kinds] or gone
    return [request for request in likely if end.at - request.at < RIGHT_AFTER] or likely


def _deleted_just_before(one: _Collected) -> Finding:
    """The log does not tell the owner; if only one thing was deleted right before, that was it. If nothing was, and
    no body tells, somebody may have just named one that there was not.
    """
    case, obj, end = one.case, one.case.object, one.case.request
    likely = _likely_owners(case)
    if len(likely) == 1:
        last = likely[0]
        why = f"{actor(last)} deleted it {end.at - last.at:.3f} s before {obj} was collected; nothing else fits"
        return ends_at(Link(last.object, last, "inferred", why))
    wrote = absent_owner(case.index, obj, end, None) if one.ownership is None and not likely else None
    if wrote is not None:
        return wrote
    unknown = f"the garbage collector deleted {obj} because its owner was gone; who deleted that is not in this log"
    return note(unknown, *(f"{actor(r)} deleted {r.object} before that, at {r.time}" for r in likely[-3:]))


COLLECTION_RULES: Final[tuple[Rule[_Collected], ...]] = (
    # the owner that a body or its name tells was deleted before
    _owner_deleted,
    # the owner of its owner was: the log may lack the owner's own deletion
    _owners_owner_deleted,
    # everything in its namespace goes with that
    _namespace_deleted,
    # a body names an owner, and nobody deleted that
    _owner_unknown,
    # nothing tells the owner: what was deleted right before
    _deleted_just_before,
)
"""Why the garbage collector deleted an object, in the order in which it is asked."""
