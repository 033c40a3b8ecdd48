"""Whose an object is: its controller may have changed since it was made.

Sources: pkg/controller/controller_ref_manager.go (AdoptPod, AdoptReplicaSet: a patch of ownerReferences),
pkg/controller/garbagecollector/garbagecollector.go:orphanDependents (a patch that takes the owner away; the
dependents of an owner that is deleted with `--cascade=orphan` get one each).
"""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.attribution.evidence.actors import GARBAGE
from kaudit_setup.attribution.evidence.choose import latest
from kaudit_setup.attribution.evidence.index import EventIndex, named, quoted
from kaudit_setup.attribution.evidence.lifetimes import outlived
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.evidence.shapes import Owner
from kaudit_setup.attribution.timing import ADOPTED, COLLECTED
from kaudit_setup.auditlog.kinds import KINDS, is_custom, plurals


@dataclass(frozen=True, slots=True)
class Ownership:
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
    for request in index.on(obj):
        if request.done and request.at <= at and not request.subresource and _tells(request):
            said = Ownership(request, _left(said.owners if said else (), request))
    return said


def _left(before: tuple[Owner, ...], request: Request) -> tuple[Owner, ...]:
    """The owners after `request`: those in its body, or those before without the ones that its patch takes away."""
    dropped = {owner.uid for owner in request.facts.owners if owner.dropped}
    return tuple(owner for owner in before if owner.uid not in dropped) if dropped else request.facts.owners


def _tells(request: Request) -> bool:
    """Whether a body holds all ownerReferences: the whole object, or a patch of just them."""
    if not request.facts.body:
        return False
    if deletes(request):
        return bool(request.facts.response_name and request.facts.owners)
    return creates(request) or request.verb == "update" or request.facts.reowned or bool(request.facts.response_name)


def owning_object(index: EventIndex, owner: Owner, child: Object) -> Object:
    """The object that an ownerReference of `child` names. The log spells its kind in the plural; how, and whether it
    is in a namespace, is looked up there for a custom kind.
    """
    name = owner.kind.lower()
    kind = KINDS.get(name)
    if kind is not None and kind.takes(owner.group, kind.resource):
        return Object(kind.group or "", kind.resource, child.namespace if kind.namespaced else "", owner.name)
    spaces = dict.fromkeys((child.namespace, ""))
    possible = [Object(owner.group, plural, space, owner.name) for plural in plurals(name) for space in spaces]
    index.look_up(literal for one in possible for literal in named(one))
    return next((one for one in possible if index.on(one)), possible[0])


def orphaned(index: EventIndex, obj: Object, until: float) -> Request | None:
    """The garbage collector's patch that took `obj` away from its owner, if there was one before `until`.

    It also patches what it deletes in the foreground; that was deleted before.
    """
    requests = [d for d in index.on(obj) if d.done and d.controller == GARBAGE and d.at <= until]
    first = next(iter(requests), None)
    return first if first is not None and first.verb == "patch" and not first.subresource else None


def ended(index: EventIndex, obj: Object, at: float) -> Request | None:
    """The request that had `obj` deleted before `at`, if it was not made again, or in use, since."""
    requests = index.done(obj, at)
    last = next((d for d in reversed(requests) if creates(d) or deletes(d)), None)
    return last if last is not None and deletes(last) and outlived(last, requests) is None else None


def changed_just_before(index: EventIndex, like: Object, at: float) -> Request | None:
    """Who changed another object of `like`'s kind and namespace right before `at`, so that a controller acted."""
    index.look_up([b'"resource":' + quoted(like.resource) + b',"namespace":' + quoted(like.namespace) + b',"name":'])
    requests = [
        request
        for other in index.starting(Object(like.group, like.resource, like.namespace, ""))
        if other.name and other.name != like.name
        for request in index.on(other)
        if request.done
        and (creates(request) or changes(request))
        and not request.by_kubernetes
        and 0 <= at - request.at < ADOPTED
    ]
    return latest(requests)


def deleted_just_before(index: EventIndex, obj: Object, at: float) -> list[Request]:
    """What somebody deleted right before the garbage collector deleted `obj`, and may have owned it."""
    found = index.sift(
        [b'"verb":"delete"'],
        lambda d: (
            d.done
            and deletes(d)
            and not d.by_kubernetes
            and (d.namespace == obj.namespace or _owns_everywhere(d))
            and d.object != obj
            and 0 <= at - d.at < COLLECTED
        ),
    )
    return list({request.object: request for request in found}.values())


def _owns_everywhere(request: Request) -> bool:
    """Whether it is about a cluster-scoped object of a kind that owns others in namespaces: none of most kinds do."""
    return not request.namespace and (request.resource == "nodes" or is_custom(request.group, request.resource))
