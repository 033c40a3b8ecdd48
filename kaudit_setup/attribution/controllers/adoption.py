"""Whose an object is: its controller may have changed since it was made.

Sources: pkg/controller/controller_ref_manager.go (AdoptPod, AdoptReplicaSet: a patch of ownerReferences),
pkg/controller/garbagecollector/garbagecollector.go:orphanDependents (a patch that takes the owner away; the
dependents of an owner that is deleted with `--cascade=orphan` get one each).
"""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.attribution.evidence.actors import GARBAGE
from kaudit_setup.attribution.evidence.bodies import Owner
from kaudit_setup.attribution.evidence.index import Book, named, quoted
from kaudit_setup.attribution.evidence.lifetimes import outlived
from kaudit_setup.attribution.evidence.requests import Deed, Object, changes, creates, deletes
from kaudit_setup.auditlog.kinds import KINDS, is_custom, plurals

_TAKEN_OVER = 2.0
_COLLECTED = 10.0


@dataclass(frozen=True, slots=True)
class Ownership:
    """What bodies say about whose an object was: `owners` is empty for nobody's; `deed` is the request that says."""

    deed: Deed
    owners: tuple[Owner, ...]

    @property
    def controller(self) -> Owner | None:
        """The owner that controlled the object."""
        return next((owner for owner in self.owners if owner.controller), None)


def ownership(book: Book, obj: Object, at: float, birth: Deed | None) -> Ownership | None:
    """The last word about whose `obj` was at `at`; None if no body tells. `birth`: the request that made it."""
    said = Ownership(birth, birth.facts.owners) if birth is not None and birth.facts.body else None
    for deed in book.on(obj):
        if deed.done and deed.at <= at and not deed.subresource and _tells(deed):
            said = Ownership(deed, _left(said.owners if said else (), deed))
    return said


def _left(before: tuple[Owner, ...], deed: Deed) -> tuple[Owner, ...]:
    """The owners after `deed`: those in its body, or those before without the ones that its patch takes away."""
    dropped = {owner.uid for owner in deed.facts.owners if owner.dropped}
    return tuple(owner for owner in before if owner.uid not in dropped) if dropped else deed.facts.owners


def _tells(deed: Deed) -> bool:
    """Whether a body holds all ownerReferences: the whole object, or a patch of just them."""
    if not deed.facts.body:
        return False
    if deletes(deed):
        return bool(deed.facts.response_name and deed.facts.owners)
    return creates(deed) or deed.verb == "update" or deed.facts.reowned or bool(deed.facts.response_name)


def owning_object(book: Book, owner: Owner, child: Object) -> Object:
    """The object that an ownerReference of `child` names. The log spells its kind in the plural; how, and whether it
    is in a namespace, is looked up there for a custom kind.
    """
    name = owner.kind.lower()
    kind = KINDS.get(name)
    if kind is not None and kind.takes(owner.group, kind.resource):
        return Object(kind.group or "", kind.resource, child.namespace if kind.namespaced else "", owner.name)
    spaces = dict.fromkeys((child.namespace, ""))
    possible = [Object(owner.group, plural, space, owner.name) for plural in plurals(name) for space in spaces]
    book.look_up(literal for one in possible for literal in named(one))
    return next((one for one in possible if book.on(one)), possible[0])


def orphaned(book: Book, obj: Object, until: float) -> Deed | None:
    """The garbage collector's patch that took `obj` away from its owner, if there was one before `until`.

    It also patches what it deletes in the foreground; that was deleted before.
    """
    deeds = [d for d in book.on(obj) if d.done and d.controller == GARBAGE and d.at <= until]
    first = next(iter(deeds), None)
    return first if first is not None and first.verb == "patch" and not first.subresource else None


def ended(book: Book, obj: Object, at: float) -> Deed | None:
    """The request that had `obj` deleted before `at`, if it was not made again, or in use, since."""
    deeds = [d for d in book.on(obj) if d.done and d.at <= at]
    last = next((d for d in reversed(deeds) if creates(d) or deletes(d)), None)
    return last if last is not None and deletes(last) and outlived(last, deeds) is None else None


def changed_just_before(book: Book, like: Object, at: float) -> Deed | None:
    """Who changed another object of `like`'s kind and namespace right before `at`, so that a controller acted."""
    book.look_up([b'"resource":' + quoted(like.resource) + b',"namespace":' + quoted(like.namespace) + b',"name":'])
    deeds = [
        deed
        for other in book.starting(Object(like.group, like.resource, like.namespace, ""))
        if other.name and other.name != like.name
        for deed in book.on(other)
        if deed.done
        and (creates(deed) or changes(deed))
        and not deed.by_kubernetes
        and 0 <= at - deed.at < _TAKEN_OVER
    ]
    return max(deeds, key=lambda deed: deed.at, default=None)


def deleted_just_before(book: Book, obj: Object, at: float) -> list[Deed]:
    """What somebody deleted right before the garbage collector deleted `obj`, and may have owned it."""
    found = book.sift(
        [b'"verb":"delete"'],
        lambda d: (
            d.done
            and deletes(d)
            and not d.by_kubernetes
            and (d.namespace == obj.namespace or _owns_everywhere(d))
            and d.object != obj
            and 0 <= at - d.at < _COLLECTED
        ),
    )
    return list({deed.object: deed for deed in found}.values())


def _owns_everywhere(deed: Deed) -> bool:
    """Whether it is about a cluster-scoped object of a kind that owns others in namespaces: none of most kinds do."""
    return not deed.namespace and (deed.resource == "nodes" or is_custom(deed.group, deed.resource))
