"""Why an object is gone: who deleted it, its owner, its namespace, or the node under it.

Sources: pkg/controller/garbagecollector (deletes what has no owner left), pkg/controller/namespace/deletion (one
deletecollection for each kind), pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that
was already going), AS/pkg/registry/core/pod/storage/eviction.go (an eviction is a create that deletes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.attribution.chain import NOTHING, DeletionCase, Finding, Link, note
from kaudit_setup.attribution.controllers.adoption import orphaned, ownership, owning_object
from kaudit_setup.attribution.controllers.deleted_owner import deletion_link
from kaudit_setup.attribution.creation.step import creation_of
from kaudit_setup.attribution.deletion.request import Deletion, deletion_of, missing_note
from kaudit_setup.attribution.evidence.absence import found_missing
from kaudit_setup.attribution.evidence.actors import GARBAGE, SIZERS
from kaudit_setup.attribution.evidence.choose import without
from kaudit_setup.attribution.evidence.first_seen import mentions
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import kept_up
from kaudit_setup.attribution.evidence.literals import named
from kaudit_setup.attribution.evidence.owner_names import guesses, possible_owners
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, deletes, target
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.auditlog.kinds import is_custom
from kaudit_setup.values import replace

_DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")


def deletion_chain(index: EventIndex, obj: Object, before: float = float("inf")) -> Finding:
    """Who deleted `obj` (its last lifetime that ended before `before`, Unix seconds), and who is behind that."""
    search = deletion_of(index, obj, before)
    found, deletion = search.aside, search.deletion
    if deletion is None or deletion.doubtful:
        found += _with_something_above(index, obj, before)
        if found.links:
            return _follow_up(found)
    if deletion is None:
        return found
    if deletion.doubtful and _has_owner(index, obj):
        # one of many that a controller keeps: it deletes and replaces them itself, too
        return found + note(_maybe_another(deletion.request, obj))
    said = f"nothing in this log shows that {obj} was one of them" if deletion.doubtful else ""
    unshown = Finding(proviso=said) + note(said)
    return _follow_up(found + deletion_link(index, obj, deletion, before) + unshown)


def _maybe_another(request: Request, obj: Object) -> str:
    what = f"{actor(request)} deleted {target(request)} at {request.time}"
    return f"{what}, but nothing shows that {obj} was one of them"


def _follow_up(finding: Finding) -> Finding:
    """A finding, with all that comes of its next steps."""
    while (step := finding.next) is not None:
        if isinstance(step, DeletionCase):
            # the rules of controllers that delete are many
            from kaudit_setup.attribution.deletion.rules import behind

            finding = replace(finding, next=None) + behind(step)
        else:
            from kaudit_setup.attribution.owner_chain import follow_up

            finding = follow_up(finding)
    return finding


def _has_owner(index: EventIndex, obj: Object) -> bool:
    """Whether the log knows an owner that `obj`'s name tells, or what is above that."""
    owners = [guess.owner for guess in guesses(obj)]
    return any(index.on(one) for owner in owners for one in (owner, *possible_owners(owner)))


def _with_something_above(index: EventIndex, obj: Object, before: float) -> Finding:
    """No request to delete `obj` is in the log, but what it went with was deleted: its owner, the definition of its
    kind (AX/pkg/controller/finalizer/crd_finalizer.go: not by way of the API), its namespace. Without links if not.
    """
    owners, whole, found = _owners_above(index, obj, before), _whole(obj), NOTHING
    index.look_up(literal for one in [*owners, *whole] for literal in named(one))
    for number, one in enumerate([*owners, *whole]):
        if index.on(one):
            found += _gone_with(index, obj, one, before, [obj, *owners[:number]] if one in owners else [])
        if found.links:
            break
    return found


def _gone_with(index: EventIndex, obj: Object, one: Object, before: float, below: Sequence[Object]) -> Finding:
    """The deletion of `one`, with which `obj` went; without links if it did not, or nobody deleted that.

    `below`: `obj` and what is between the two, if `one` is an owner.
    """
    search = deletion_of(index, one, before)
    found, deletion = Finding(notes=(search.aside.instead,) if search.aside.instead else ()), search.deletion
    if deletion is None or not _in_time(index, obj, deletion.request, before):
        return found
    end = deletion.request
    missing = found_missing(index.on(obj), end.at - index.tolerance)
    if missing is not None:
        return found + missing_note(missing)
    if deletion.doubtful and kept_up(end, mentions(index, [one])):
        return found
    spared = _spared(index, below, end) if below else ""
    if spared:
        return found + note(f"{actor(end)} deleted {one} at {end.time}, but {spared}")
    link = Link(obj, None, "inferred", f"its own deletion is not in this log, but that of {one} is")
    above = deletion_link(index, one, Deletion(end, "inferred", f"{obj} was deleted with it"), before, 1)
    return found + Finding((link,), notes=search.aside.notes) + above


def _in_time(index: EventIndex, obj: Object, end: Request, before: float) -> bool:
    """Whether `end` came when `obj` may have gone: after it was last seen, before its kubelet's last deletion."""
    requests = index.done(obj)
    alive = max((request.at for request in without(requests, deletes) if not request.node), default=0.0)
    gone = max((request.at for request in filter(deletes, requests) if request.node), default=before)
    return alive <= end.at <= gone + index.tolerance


def _whole(obj: Object) -> list[Object]:
    """What an object always goes with: the definition of its kind, its namespace."""
    definition = [Object(*_DEFINITIONS, "", f"{obj.resource}.{obj.group}")]
    namespace = [Object("", "namespaces", "", obj.namespace)]
    return (definition if is_custom(obj.group, obj.resource) else []) + (namespace if obj.namespace else [])


def _owners_above(index: EventIndex, obj: Object, before: float) -> list[Object]:
    """The owner of `obj`, and what is above it."""
    owners = [owner for owner in _owners(index, obj, before) if owner.resource != "namespaces"]
    return owners + [one for owner in owners for one in possible_owners(owner)]


def _owners(index: EventIndex, obj: Object, before: float) -> list[Object]:
    """The owners that bodies name, else those that the name of `obj` tells.

    What somebody made by name has none, unless a controller adopted it.
    """
    create = creation_of(index, obj, before).request
    said = ownership(index, obj, before, create)
    if said is not None:
        return [owning_object(index, owner, obj) for owner in said.owners]
    if create is not None and create.name and not create.by_kubernetes and not _adopted(index, obj, before):
        return []
    return [guess.owner for guess in guesses(obj)]


def _adopted(index: EventIndex, obj: Object, before: float) -> bool:
    """Whether a controller that scales what it owns changed an object."""
    return any(request.controller in SIZERS for request in filter(changes, index.done(obj, before)))


def _spared(index: EventIndex, below: Sequence[Object], end: Request) -> str:
    """Why the first of `below` did not go when `end` deleted what is above them all; empty if it may have gone."""
    if end.facts.orphan:
        return "its dependents were to be kept"
    left = next((one for one in below if orphaned(index, one, float("inf")) is not None), None)
    if left is not None:
        return f"the garbage collector orphaned {left}"
    # if a kubelet ended it, it went, though the log lacks the request that deleted it
    return "" if _ended_by_kubelet(index, below[0]) else _not_taken(index, below[0])


def _ended_by_kubelet(index: EventIndex, obj: Object) -> bool:
    return any(request.node for request in filter(deletes, index.on(obj)))


def _not_taken(index: EventIndex, obj: Object) -> str:
    """That no controller deleted `obj`, though the log has such deletions; empty if it has none."""
    takers = {GARBAGE, *(guess.controller for guess in guesses(obj))} - SIZERS

    def takes(request: Request) -> bool:
        return request.controller in takers and request.resource == obj.resource and request.done

    others = sorted({request.controller for request in index.sift([b'"verb":"delete"'], takes)})
    return f"the {others[0]} did not delete {obj}, and this log has other deletions by it" if others else ""
