"""The living object and its owners, one after the other: read until an owner is not there any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from kaudit_setup.attribution.evidence.api_types import Owner
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.attribution.living_object.metadata import Living, Unread, owner_object, parse_living, path_of
from kaudit_setup.auditlog.kinds import is_custom


class Answered(Protocol):
    """What the API server of a node said: HTTP status and body."""

    @property
    def node(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def body(self) -> bytes: ...


Reader = Callable[[str], Sequence[Answered]]
"""Reads an API path on every node at hand."""

_DEEP: Final = 6
_GROUP_VERSIONS: Final = {"autoscaling": "v2", "metrics.k8s.io": "v1beta1"}


class LivingObjects(msgspec.Struct, frozen=True):
    """The living object and its owners, the object first. `unread`: why the first that is not here could not be read;
    None where the last of them has no owner.
    """

    living: tuple[Living, ...] = ()
    unread: Unread | None = None

    def of(self, obj: Object) -> Living | None:
        """What is known of one object."""
        return next((one for one in self.living if one.object == obj), None)


NOBODY: Final = LivingObjects()


def living_objects_of(obj: Object, reader: Reader, version: str = "") -> LivingObjects:
    """The living object `obj` and its owners. `version`: of its API group, where it is known."""
    first = _read(obj, reader, version)
    if isinstance(first, Unread):
        return LivingObjects((), first)
    found = [first]
    while (owner := found[-1].controller) is not None and len(found) < _DEEP:
        above = _owner(owner, found[-1].object, reader)
        if isinstance(above, Unread):
            return LivingObjects(tuple(found), above)
        found.append(above)
    return LivingObjects(tuple(found))


def _owner(owner: Owner, child: Object, reader: Reader) -> Living | Unread:
    """The owner of a living object, if it is the one that is meant: a name may have been given again."""
    above = owner_object(owner, child)
    if above is None:
        return Unread(f"{owner.kind} {owner.name} is of a kind that is not known here")
    one = _read(above, reader)
    if isinstance(one, Living) and one.uid != owner.uid:
        return Unread(f"{above} is another one now (UID {one.uid}; the owner had {owner.uid})")
    return one


def agreed(told: Sequence[Living | Unread]) -> Living | Unread:
    """What all nodes agree about: nodes of several clusters show different objects of one name, and none of them can
    be believed then.
    """
    living = [one for one in told if isinstance(one, Living)]
    gone = [one for one in told if isinstance(one, Unread) and one.gone]
    if len({one.uid for one in living}) > 1 or (living and gone):
        return Unread("the nodes do not show the same object (are they of several clusters?)")
    return next(iter([*living, *gone, *told]), Unread("there is no node to ask"))


def _read(obj: Object, reader: Reader, version: str = "") -> Living | Unread:
    if not version and is_custom(obj.group, obj.resource):
        return Unread(f"the version of {obj.group} is not known: no request on it is in the log")
    answers = reader(path_of(obj, version or _GROUP_VERSIONS.get(obj.group, "v1")))
    return agreed([parse_living(obj, one.node, one.code, one.body) for one in answers])
