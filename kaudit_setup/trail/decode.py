"""Lines → typed events, block by block: only the fields that a question needs, at a million events a second.

A block that decodes as a whole costs one call; only one with damage in it is taken apart line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import msgspec

from kaudit_setup.trail.read import Unit, blocks
from kaudit_setup.trail.tally import Tally


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


class LeanEvent(msgspec.Struct, gc=False, rename="camel"):
    """The fields that filters, groupings and estimates ask for. JSON without auditID and stage is no audit event."""

    audit_id: str = msgspec.field(name="auditID")
    stage: str
    level: str = ""
    verb: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    user: Who = Who()
    impersonated_user: Who | None = None
    source_ips: list[str] = msgspec.field(name="sourceIPs", default_factory=list)
    user_agent: str = ""
    object_ref: Ref = Ref()
    response_status: Status = Status()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    request_object: msgspec.Raw = msgspec.Raw()
    response_object: msgspec.Raw = msgspec.Raw()


Decoder = msgspec.json.Decoder[LeanEvent]
_BODIES = frozenset({"request_object", "response_object"})


def lean(fields: Iterable[str] | None = None) -> Decoder:
    """A decoder that fills only `fields` of LeanEvent (default: all but the bodies), beside auditID and stage.

    The rest of a line is checked to be JSON and skipped; asking an event for it raises AttributeError.
    """
    return _lean(None if fields is None else frozenset({"audit_id", "stage", *fields}))


@cache
def _lean(wanted: frozenset[str] | None) -> Decoder:
    # a struct type takes as long to make as a small file to read
    struct = msgspec.defstruct(
        "LeanEvent",
        [
            (field.name, field.type, msgspec.field(**_spelling(field)))
            for field in msgspec.structs.fields(LeanEvent)
            if (field.name not in _BODIES if wanted is None else field.name in wanted)
        ],
        gc=False,
    )
    return cast(Decoder, msgspec.json.Decoder(struct))


def _spelling(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    kept = {"name": field.encode_name, "default": field.default, "default_factory": field.default_factory}
    return {key: value for key, value in kept.items() if value is not msgspec.NODEFAULT}


@dataclass(slots=True)
class Lines:
    """Decoded lines: `events[i]` is None where `texts[i]` is blank or damaged. `number`: of texts[0] in its unit."""

    number: int
    texts: list[bytes]
    events: list[LeanEvent | None]


def decoded(unit: Unit, tally: Tally, decoder: Decoder) -> Iterator[Lines]:
    """The events of `unit`; counts lines, events and damage in `tally`."""
    for block in blocks(unit, tally):
        data = bytes(block.view)
        texts = data.split(b"\n")
        texts.pop()
        number = tally.lines + 1
        tally.lines += len(texts)
        events: list[LeanEvent | None]
        try:
            events = [*decoder.decode_lines(data)]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            events = []
        if len(events) != len(texts):
            events = [_one(decoder, text, tally, number + i) for i, text in enumerate(texts)]
            tally.events += sum(event is not None for event in events)
        else:
            tally.events += len(events)
        yield Lines(number, texts, events)


def decode(decoder: Decoder, text: bytes) -> tuple[LeanEvent | None, str]:
    """One line: the event, or None and why it is none (empty for a blank line).

    Bytes that are not UTF-8 become U+FFFD: the rest of such an event is still evidence.
    """
    bare = text.strip(b"\0 \t\r\xef\xbb\xbf")
    if not bare:
        return None, "NUL bytes" if b"\0" in text else ""
    try:
        return decoder.decode(bare), ""
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = error
    try:
        return decoder.decode(bare.decode("utf-8", "replace").encode()), ""
    except (msgspec.MsgspecError, RecursionError):
        return None, f"not an audit event: {why}"


def _one(decoder: Decoder, text: bytes, tally: Tally, line: int) -> LeanEvent | None:
    event, why = decode(decoder, text)
    if why or b"\0" in text:
        tally.damage(line, why or "NUL bytes")
    return event
