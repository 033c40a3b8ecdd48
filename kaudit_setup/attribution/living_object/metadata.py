"""An object as its API server shows it now, as far as its metadata tells where it comes from.

Source: AM/pkg/apis/meta/v1/types.go (ObjectMeta, ManagedFieldsEntry). The server sets uid and creationTimestamp (to
the second) itself; the manager of a field is whatever the client called itself, so that it proves no person.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from kaudit_setup.attribution.evidence.api_types import Owner, read
from kaudit_setup.attribution.evidence.requests import Object, Request, seconds
from kaudit_setup.auditlog.kinds import KINDS


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    manager: str = ""
    operation: str = ""
    time: str = ""
    subresource: str = ""


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    owner_references: list[Owner] | None = None
    managed_fields: list[_Entry] | None = None


class _Shown(msgspec.Struct):
    kind: str = ""
    metadata: _Meta | None = None
    message: str = ""


_SHOWN: Final = msgspec.json.Decoder(_Shown)


class Manager(msgspec.Struct, frozen=True):
    """Who wrote fields of an object, as the client called itself, and when it last did."""

    name: str
    operation: str
    time: str
    subresource: str = ""


class Living(msgspec.Struct, frozen=True):
    """One living object: when and as what the server made it, whose it is, and who says to have written it.

    `deleting`: since when it is being deleted, empty if it is not. `node`: where it was read.
    """

    object: Object
    node: str
    uid: str
    created: str
    deleting: str = ""
    owners: tuple[Owner, ...] = ()
    managers: tuple[Manager, ...] = ()

    @property
    def controller(self) -> Owner | None:
        """The owner that controls it."""
        return next((owner for owner in self.owners if owner.controller), None)

    @property
    def maker(self) -> Manager | None:
        """The manager that wrote it in the very second of its creation, if there is just one."""
        first = {one.name: one for one in self.managers if one.time == self.created and not one.subresource}
        return next(iter(first.values())) if len(first) == 1 else None

    @property
    def at(self) -> float:
        """The second in which it was made, in Unix seconds; 0.0 if it does not say."""
        return seconds(self.created)

    def may_be_made_by(self, create: Request, tolerance: float = 0.0) -> bool:
        """Whether a create was under way in the second in which this was made."""
        begin, end = create.at - tolerance, max(create.end, create.at) + tolerance
        return begin < self.at + 1 and self.at <= end


class Unread(msgspec.Struct, frozen=True):
    """Why nothing is known of the living object. `gone`: there is none of that name."""

    why: str
    gone: bool = False


def parse_living(obj: Object, node: str, code: str, body: bytes) -> Living | Unread:
    """What a server's answer to a read of `obj` says."""
    shown = read(_SHOWN, body)
    if code == "404" and f'"{obj.name}" not found'.encode() in body.replace(b'\\"', b'"'):
        return Unread(f"{obj} does not exist now", gone=True)
    if code != "200" or shown is None or shown.metadata is None or shown.metadata.name != obj.name:
        return Unread(_WHY.get(code, f"the API server did not answer with it ({code})"))
    meta = shown.metadata
    managers = (Manager(one.manager, one.operation, one.time, one.subresource) for one in meta.managed_fields or ())
    owners = tuple(meta.owner_references or ())
    return Living(
        obj, node, meta.uid, meta.creation_timestamp, meta.deletion_timestamp or "", owners, tuple(managers)
    )


_WHY: Final = {
    "": "no API server runs there",
    "failed": "the node could not be asked",
    "none": "the node has no client for its API server (curl, or kubectl with admin.conf)",
    "000": "the API server did not answer",
    "401": "the node's credentials are refused (401)",
    "403": "the node's credentials may not read it (403)",
    "404": "the API server does not know that kind in this version (404)",
}


def path_of(obj: Object, version: str) -> str:
    """The API path of an object in a version of its group."""
    group = f"/apis/{quote(obj.group, '')}/{quote(version, '')}" if obj.group else f"/api/{quote(version, '')}"
    where = f"/namespaces/{quote(obj.namespace, '')}" if obj.namespace else ""
    return f"{group}{where}/{quote(obj.resource, '')}/{quote(obj.name, '')}"


def owner_object(owner: Owner, child: Object) -> Object | None:
    """The object that an owner reference names; None for a kind that is not known here. An owner is in the namespace
    of what it owns, or in none.
    """
    kind = KINDS.get(owner.kind.lower())
    if kind is None or not kind.takes(owner.group, kind.resource):
        return None
    return Object(owner.group, kind.resource, child.namespace if kind.namespaced else "", owner.name)


def version_in(uri: str, obj: Object) -> str:
    """The version of the object's group that a request used; empty if its URI is of another group."""
    begin = f"/apis/{obj.group}/" if obj.group else "/api/"
    return uri.removeprefix(begin).partition("/")[0] if uri.startswith(begin) else ""
