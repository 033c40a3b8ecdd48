"""Requests and objects as values for programs."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.evidence.sessions import session_of
from kaudit_setup.attribution.living_object.metadata import Living
from kaudit_setup.report.documents.document import Item, Time
from kaudit_setup.report.questions.session import ConnectedSession
from kaudit_setup.report.questions.session import as_item as session_item


class ObjectRef(Item, frozen=True, kw_only=True):
    """An object's coordinates, as an objectRef has them."""

    group: str
    resource: str
    namespace: str
    name: str


class LogLine(Item, frozen=True, kw_only=True):
    """Where a request was logged; `line` is 1-based."""

    node: str
    file: str
    line: int


class ActorEvent(Item, frozen=True, kw_only=True):
    """One request: `user` is the one acted as, `impersonated_by` the one who sent it, null if that is the same.

    `session` is there for requests that open one (exec, attach, port-forward, proxy).
    """

    user: str
    groups: tuple[str, ...]
    impersonated_by: str | None
    source_ips: tuple[str, ...] = msgspec.field(name="sourceIPs")
    user_agent: str
    time: Time
    verb: str
    code: int
    decision: str
    reason: str
    audit_id: str = msgspec.field(name="auditID")
    level: str
    stage: str
    source: LogLine
    session: ConnectedSession | UnsetType = UNSET


class ObjectOwner(Item, frozen=True, kw_only=True):
    """An ownerReference."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool


class FieldManager(Item, frozen=True, kw_only=True):
    """Who wrote fields of an object, as the client called itself."""

    name: str
    operation: str
    time: str
    subresource: str


class LivingObject(Item, frozen=True, kw_only=True):
    """An object as the API server of a node shows it now; `deleting`: since when it is being deleted."""

    object: ObjectRef
    node: str
    uid: str
    created: str
    deleting: str | None
    owners: tuple[ObjectOwner, ...]
    managers: tuple[FieldManager, ...]


def living_item(living: Living) -> LivingObject:
    """A living object for programs."""
    return LivingObject(
        object=coordinates(living.object),
        node=living.node,
        uid=living.uid,
        created=living.created,
        deleting=living.deleting or None,
        owners=tuple(
            ObjectOwner(
                api_version=one.api_version, kind=one.kind, name=one.name, uid=one.uid, controller=one.controller
            )
            for one in living.owners
        ),
        managers=tuple(
            FieldManager(name=one.name, operation=one.operation, time=one.time, subresource=one.subresource)
            for one in living.managers
        ),
    )


def actor_event(request: Request | None, secrets: bool = False) -> ActorEvent | None:
    """One request for programs, null if it is not known."""
    return event_of(request, secrets) if request else None


def event_of(request: Request, secrets: bool = False) -> ActorEvent:
    """One request for programs. `secrets`: show what looks like one in commands."""
    session = session_of(request)
    return ActorEvent(
        user=request.user,
        groups=request.groups,
        impersonated_by=request.impersonator or None,
        source_ips=request.source_ips,
        user_agent=request.agent,
        time=request.time,
        verb=request.verb,
        code=request.code,
        decision=request.decision,
        reason=request.reason,
        audit_id=request.audit_id,
        level=request.level,
        stage=request.stage,
        source=LogLine(node=request.source.node, file=request.source.file, line=request.source.line),
        session=session_item(session, secrets=secrets) if session else UNSET,
    )


def coordinates(thing: Object) -> ObjectRef:
    """An object for programs."""
    return ObjectRef(group=thing.group, resource=thing.resource, namespace=thing.namespace, name=thing.name)
