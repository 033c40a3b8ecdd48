"""Lines → typed events, block by block: only the fields that a question needs, at a million events a second.

A block that decodes as a whole costs one call; only one with damage in it is taken apart line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, cast

import msgspec

from kaudit_setup.auditlog.lenient import REFUSED, decode
from kaudit_setup.auditlog.reader import Block, Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally


class Who(msgspec.Struct, frozen=True, gc=False):
    """authentication/v1 UserInfo, without what nobody asks about."""

    username: str = ""
    groups: tuple[str, ...] = ()


class Ref(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """ObjectReference; the log leaves empty fields out."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    subresource: str = ""


class Status(msgspec.Struct, frozen=True, gc=False):
    """The part of responseStatus that is always there."""

    code: int = 0


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The annotations that the authorizer leaves (AS/pkg/endpoints/filters/authorization.go)."""

    decision: str = msgspec.field(name="authorization.k8s.io/decision", default="")
    reason: str = msgspec.field(name="authorization.k8s.io/reason", default="")


class LeanEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The fields that filters, groupings and estimates ask for. JSON without a stage is no audit event."""

    stage: str
    api_version: str = ""
    audit_id: str = msgspec.field(name="auditID", default="")
    level: str = ""
    verb: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    user: Who = Who()
    impersonated_user: Who | None = None
    source_ips: tuple[str, ...] = msgspec.field(name="sourceIPs", default=())
    user_agent: str = ""
    object_ref: Ref = Ref()
    response_status: Status = Status()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: Verdict = Verdict()
    request_object: msgspec.Raw = msgspec.Raw()
    response_object: msgspec.Raw = msgspec.Raw()


_BLOCK = 1 << 18  # with the events decoded from it, it stays in a core's own cache
Decoder = msgspec.json.Decoder[LeanEvent]
_BODIES = frozenset({"request_object", "response_object"})
_PARTS: dict[str, type[msgspec.Struct]] = {
    "user": Who,
    "impersonated_user": Who,
    "object_ref": Ref,
    "response_status": Status,
    "annotations": Verdict,
}


def lean(fields: Iterable[str] | None = None) -> Decoder:
    """A decoder that fills only `fields` of LeanEvent (default: all but the bodies), beside auditID and stage.

    `user.username` asks for a part of a field. The rest of a line is checked to be JSON and skipped; asking an event
    for it raises AttributeError.
    """
    every = (one.name for one in msgspec.structs.fields(LeanEvent) if one.name not in _BODIES)
    return _lean(frozenset({"audit_id", "stage", *(every if fields is None else fields)}))


def shapes(fields: Iterable[str]) -> Decoder:
    """As `lean`, but what it decodes is equal, and hashes alike, wherever `fields` and the stage are: to be counted
    without looking at each event. The auditID, which no two requests share, is therefore not asked for.
    """
    return _lean(frozenset({"stage", *fields}))


@cache
def _lean(wanted: frozenset[str]) -> Decoder:
    # a struct type takes as long to make as a small file to read
    return cast(Decoder, msgspec.json.Decoder(_narrow(LeanEvent, wanted)))


def _narrow(struct: type[msgspec.Struct], wanted: frozenset[str]) -> type[msgspec.Struct]:
    """`struct` with only the fields that are wanted, whole or in part."""
    kept: list[tuple[str, Any, Any]] = []
    for one in msgspec.structs.fields(struct):
        parts = frozenset(name.partition(".")[2] for name in wanted if name.startswith(f"{one.name}."))
        if one.name in wanted:
            kept.append((one.name, one.type, msgspec.field(**_spelling(one))))
        elif parts:
            part = _narrow(_PARTS[one.name], parts)
            # only a field that may be absent altogether tells that from one without content
            kind, default = (part, part()) if one.default is not None else (part | None, None)
            kept.append((one.name, kind, msgspec.field(name=one.encode_name, default=default)))
    return msgspec.defstruct(struct.__name__, kept, frozen=True, gc=False)


def _spelling(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    kept = {"name": field.encode_name, "default": field.default}
    return {key: value for key, value in kept.items() if value is not msgspec.NODEFAULT}


class Lines:
    """Decoded lines of one block: `events[i]` is None where the i-th line is blank or damaged. `number`: of the first
    line in its unit. Valid until the next block is asked for.
    """

    def __init__(self, number: int, block: Block, decoder: Decoder, tally: Tally) -> None:
        """Decode `block`; counts lines, events and damage in `tally`."""
        self.number = number
        self.block = block
        self.sizes = block.sizes()
        """The lines' sizes, newline included."""
        self._texts: list[bytes] | None = None
        self.events: list[LeanEvent | None] = []
        with suppress(*REFUSED):
            self.events = cast(list[LeanEvent | None], decoder.decode_lines(block.view))
        if len(self.events) != len(self.sizes):
            self.events = [_one(decoder, text, tally, number + i) for i, text in enumerate(self.texts)]
            tally.events -= sum(event is None for event in self.events)
        tally.lines += len(self.events)
        tally.events += len(self.events)

    @property
    def texts(self) -> list[bytes]:
        """The lines without their newlines; made when they are first asked for."""
        if self._texts is None:
            self._texts = bytes(self.block.view).split(b"\n")
            self._texts.pop()
        return self._texts


def decoded(unit: Unit, tally: Tally, decoder: Decoder) -> Iterator[Lines]:
    """The events of `unit`; counts lines, events and damage in `tally`."""
    for block in blocks(unit, tally, _BLOCK):
        yield Lines(tally.lines + 1, block, decoder, tally)


def _one(decoder: Decoder, text: bytes, tally: Tally, line: int) -> LeanEvent | None:
    event, why = decode(decoder, text)
    if why or b"\0" in text:
        tally.damage(line, why or "NUL bytes")
    return event
