"""One object through its requests: what each changed, and what the object was at last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.changes.normalize import comparable, without_defaults
from kaudit_setup.attribution.changes.patching import Value, apply_patch, type_of
from kaudit_setup.attribution.evidence.api_types import read
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.evidence.literals import place, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.kinds import is_custom
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.values import replace

_ANY: Final = msgspec.json.Decoder(Value)
_KEPT: Final = 1000  # requests with bodies; one has some kilobytes


class State(msgspec.Struct, frozen=True):
    """What an object was after `request`. `stored`: as the server answered, else as a client sent it, or as a patch
    makes it of what was known. `sure`: nothing in it is inferred.
    """

    value: Value
    request: Request
    stored: bool
    sure: bool


class Change(msgspec.Struct, frozen=True):
    """One change: the object before and after, as far as both are known, ready to be compared.

    `patch`: what was sent, where the object before or after is not known. `sure`: both are as the server stored them.
    `why`: what is missing, or inferred; empty if nothing is.
    """

    request: Request
    before: Value | None = None
    after: Value | None = None
    patch: Value | None = None
    sure: bool = False
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether both sides are known."""
        return self.before is not None and self.after is not None


class History(msgspec.Struct, frozen=True):
    """The `changes` of an object in a span of time, and its `last` known state with the request that shows it.

    `without_body`: the requests that made or changed it, whose bodies are not in the log. `left_out`: how many
    earlier requests were too many to keep.
    """

    object: Object
    changes: tuple[Change, ...] = ()
    last: State | None = None
    without_body: tuple[Request, ...] = ()
    left_out: int = 0


def history_of(log: EventLog, obj: Object, window: Window = ALWAYS, until: float = float("inf")) -> History:
    """The history of `obj` up to `until` (Unix seconds), of which the changes in `window` are given; one pass."""
    found: dict[tuple[str, ...], _Step] = {}
    left_out = 0
    for event, request in log.events(Search((quoted(obj.name),), within=place(obj))):
        step = _step(event, request, obj)
        if step is None or request.at > until:
            continue
        known = found.get(request.key)
        found[request.key] = step if known is None or request.end >= known.request.end else known
        if len(found) > 2 * _KEPT:
            left_out += len(found) - _KEPT
            found = dict(sorted(found.items(), key=lambda item: item[1].request.at)[-_KEPT:])
    steps = sorted(found.values(), key=lambda step: (step.request.at, step.request.end))
    return replace(_follow(obj, steps, window), left_out=left_out)


class _Step(msgspec.Struct, frozen=True):
    """A request on the object with its bodies, as they are logged: what was sent, and what was answered."""

    request: Request
    request_body: bytes
    response_body: bytes
    truncated: bool = False

    @property
    def without_body(self) -> bool:
        """Whether no body is in the log."""
        return not (self.request_body or self.response_body)

    @property
    def sent(self) -> Value | None:
        """What the client sent: an object, or a patch."""
        return read(_ANY, self.request_body)

    def answered(self, obj: Object) -> Value | None:
        """`obj` as the response shows it, alone or in a list of what was deleted."""
        body = read(_ANY, self.response_body)
        if not isinstance(body, dict):
            return None
        kind, items = str(body.get("kind", "")), body.get("items")
        if isinstance(items, list):
            found = [one for one in items if isinstance(one, dict) and _name(one) == obj.name]
            head = {"apiVersion": body.get("apiVersion"), "kind": kind.removesuffix("List")}
            return {**head, **found[0]} if found else None
        return body if kind not in {"Status", "Scale", "Table", ""} and _name(body) == obj.name else None


def _step(event: Event, request: Request, obj: Object) -> _Step | None:
    """A request that shows, makes, changes or ends `obj`; None for any other."""
    if not request.done or (request.group, request.resource) != (obj.group, obj.resource):
        return None
    if request.namespace not in {obj.namespace, ""} or request.name not in {obj.name, ""}:
        return None
    if not _tells(request):
        return None
    step = _Step(
        request, bytes(event.request_object), bytes(event.response_object), event.annotations.truncated == "true"
    )
    return step if request.name or step.answered(obj) is not None else None


def _tells(request: Request) -> bool:
    """Whether a request shows, makes, changes or ends the object itself."""
    if request.subresource:
        return request.subresource != "status" and changes(request)
    return request.verb == "get" or creates(request) or changes(request) or deletes(request)


def _name(obj: dict[str, Value]) -> str:
    metadata = obj.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _follow(obj: Object, steps: Sequence[_Step], window: Window) -> History:
    found: list[Change] = []
    state: State | None = None
    last: State | None = None
    for step in steps:
        request = step.request
        if changes(request):
            after = _after(step, state, obj)
            if window.holds(request.time):
                found.append(_change(step, state, after))
            state = after
        else:
            state = _state(step, None if creates(request) else state, obj)
        last = state or last
        if deletes(request):
            state = None
    without_body = (step.request for step in steps if step.without_body)
    return History(obj, tuple(found), last, tuple(one for one in without_body if creates(one) or changes(one)))


def _state(step: _Step, before: State | None, obj: Object) -> State | None:
    """What the object is after a create, a read or a deletion, in which it is shown on its way out."""
    answered = step.answered(obj)
    if answered is not None:
        return State(answered, step.request, True, True)
    sent = step.sent if creates(step.request) else None
    return State(sent, step.request, False, True) if isinstance(sent, dict) else before


def _after(step: _Step, before: State | None, obj: Object) -> State | None:
    """What the object is after a change; None if that is not known."""
    request, sent, answered = step.request, step.sent, step.answered(obj)
    if answered is not None:
        return State(answered, request, True, True)
    if sent is None:
        return None
    if request.subresource == "scale":
        sent = {"spec": {"replicas": _replicas(sent)}}
    elif request.verb == "update":
        return State(sent, request, False, True)
    if before is None:
        return None
    kind = type_of(sent, custom=is_custom(obj.group, obj.resource))
    value = apply_patch(sent, before.value, kind)
    # lists are merged by the server's rules, and what an apply takes away only the server knows
    sure = before.sure and (kind in {"json", "merge"} or request.subresource == "scale")
    return None if value is None else State(value, request, before.stored, sure)


def _replicas(scale: Value) -> Value:
    spec = scale.get("spec") if isinstance(scale, dict) else None
    return spec.get("replicas") if isinstance(spec, dict) else None


def _change(step: _Step, before: State | None, after: State | None) -> Change:
    request = step.request
    if after is None or before is None:
        return Change(request, None, _shown(after), step.sent, why=_missing(step, before))
    one, other = comparable(before.value), comparable(after.value)
    if before.stored and not after.stored:
        one = without_defaults(one, other)
    elif after.stored and not before.stored:
        other = without_defaults(other, one)
    sure = before.sure and after.sure
    inferred = "" if sure else "the patch was applied here to the object before: its response is not in the log"
    return Change(request, one, other, None, sure, inferred)


def _shown(state: State | None) -> Value | None:
    return None if state is None else comparable(state.value)


def _missing(step: _Step, before: State | None) -> str:
    """Why a change cannot be shown as a difference."""
    if step.truncated:
        return "its bodies were cut from the log (--audit-log-truncate-max-event-size)"
    if step.without_body:
        return f"its bodies are not in the log (level {step.request.level})"
    if before is None:
        return "the object before this change is not in the log"
    return "the patch does not fit the object as the log shows it: a change is missing"
