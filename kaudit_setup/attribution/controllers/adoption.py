"""Whose an object is: its controller may have changed since it was made.

Sources: pkg/controller/controller_ref_manager.go (AdoptPod, AdoptReplicaSet: a patch of ownerReferences),
pkg/controller/garbagecollector/garbagecollector.go:orphanDependents (a patch that takes the owner away; the
dependents of an owner that is deleted with `--cascade=orphan` get one each).
"""

from __future__ import annotations

import msgspec

from kaudit_setup.attribution.evidence.actors import GARBAGE
from kaudit_setup.attribution.evidence.api_types import Owner
from kaudit_setup.attribution.evidence.choose import by_somebody, last_that, latest, shortly_before, writes
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import outlived
from kaudit_setup.attribution.evidence.literals import named, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.timing import ADOPTED, COLLECTED
from kaudit_setup.auditlog.kinds import KINDS, is_custom, plurals
from kaudit_setup.values import replace


class Ownership(msgspec.Struct, frozen=True):
    """What bodies say about whose an object was: `owners` is empty for nobody's; `request` is what says it."""

    request: Request
    owners: tuple[Owner, ...]

    @property
    def controller(self) -> Owner | None:
        """The owner that controlled the object."""
        return next((owner for owner in self.owners if owner.controller), None)


def ownership(index: EventIndex, obj: Object, at: float, creation: Request | None) -> Ownership | None:
    """The last word about whose `obj` was at `at`; None if no body tells. `creation`: the request that made it."""
    said = Ownership(creation, creation.facts.owners) if creation is not None and creation.facts.body else None
    for request in filter(_tells, index.done(obj, at)):
        said = Ownership(request, _left(said.owners if said else (), request))
    return said


def _left(before: tuple[Owner, ...], request: Request) -> tuple[Owner, ...]:
    """The owners after `request`: those in its body, or those before without the ones that its patch takes away."""
    dropped = {owner.uid for owner in request.facts.owners if owner.dropped}
    if not dropped:
        return request.facts.owners
    return tuple(owner for owner in before if owner.uid not in dropped)


def _tells(request: Request) -> bool:
    """Whether a body holds all ownerReferences: the whole object, or a patch of just them."""
    facts = request.facts
    if not facts.body or request.subresource:
        return False
    if deletes(request):
        return bool(facts.response_name and facts.owners)
    return any((creates(request), request.verb == "update", facts.reowned, facts.response_name))


def owning_object(index: EventIndex, owner: Owner, child: Object) -> Object:
    """The object that an ownerReference of `child` names. The log spells its kind in the plural; how, and whether it
    is in a namespace, is looked up there for a custom kind.
    """
    kind = KINDS.get(owner.kind.lower())
    if kind is not None and kind.takes(owner.group, kind.resource):
        return Object(kind.group or "", kind.resource, child.namespace if kind.namespaced else "", owner.name)
    return _custom_object(index, owner, child)


def _custom_object(index: EventIndex, owner: Owner, child: Object) -> Object:
    spaces = dict.fromkeys((child.namespace, ""))
    names = plurals(owner.kind.lower())
    possible = [Object(owner.group, plural, space, owner.name) for plural in names for space in spaces]
    index.look_up(literal for one in possible for literal in named(one))
    return next(filter(index.on, possible), possible[0])


def orphaned(index: EventIndex, obj: Object, until: float) -> Request | None:
    """The garbage collector's patch that took `obj` away from its owner, if there was one before `until`.

    It also patches what it deletes in the foreground; that was deleted before.
    """
    first = next((request for request in index.done(obj, until) if request.controller == GARBAGE), None)
    return first if first is not None and (first.verb, first.subresource) == ("patch", "") else None


def deletion_before(index: EventIndex, obj: Object, at: float) -> Request | None:
    """The request that had `obj` deleted before `at`, if it was not made again, or in use, since."""
    requests = index.done(obj, at)
    last = last_that(requests, lambda request: creates(request) or deletes(request))
    return last if last is not None and deletes(last) and outlived(last, requests) is None else None


def changed_just_before(index: EventIndex, like: Object, at: float) -> Request | None:
    """Who changed another object of `like`'s kind and namespace right before `at`, so that a controller acted."""
    index.look_up([b'"resource":' + quoted(like.resource) + b',"namespace":' + quoted(like.namespace) + b',"name":'])
    others = [one for one in index.starting(replace(like, name="")) if one.name not in {"", like.name}]
    written = [r for one in others for r in index.on(one) if by_somebody(r) and writes(r)]
    return latest(request for request in written if shortly_before(request, at, ADOPTED))


def deleted_just_before(index: EventIndex, obj: Object, at: float) -> list[Request]:
    """What somebody deleted right before the garbage collector deleted `obj`, and may have owned it."""

    def wanted(request: Request) -> bool:
        if not (by_somebody(request) and deletes(request) and shortly_before(request, at, COLLECTED)):
            return False
        return request.object != obj and (request.namespace == obj.namespace or _owns_everywhere(request))

    found = index.sift([b'"verb":"delete"'], wanted)
    return list({request.object: request for request in found}.values())


def _owns_everywhere(request: Request) -> bool:
    """Whether it is about a cluster-scoped object of a kind that owns others in namespaces: none of most kinds do."""
    return not request.namespace and (request.resource == "nodes" or is_custom(request.group, request.resource))
