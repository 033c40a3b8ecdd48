"""Where the event is in a JSON value of any shape, and how one gets at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from kaudit_setup.auditlog.shapes.origins import whose_fields

REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError, ValueError)
"""What decoding raises."""
FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
NUMBERS: Final = msgspec.json.Decoder(list[int])
STRING: Final = msgspec.json.Decoder(str)
# these stand in strings only (encoding/json:appendString with escapeHTML)
_GO_ESCAPES: Final = ((b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"))
DEEPEST: Final = 12
"""Levels of records in records; a string with JSON in it is one, too."""


def is_event(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether these are the fields of an audit event. Where what it holds as objects are strings, it has been made a
    row of some table.
    """
    return "auditID" in fields and "stage" in fields and not any(map(_is_string, map(fields.get, _OBJECTS)))


_OBJECTS: Final = ("user", "objectRef", "responseStatus")


def _is_string(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value).startswith((b'"{', b'""'))


def may_hold(text: bytes) -> bool:
    """Whether an event may be in a text, as it is or as something that is mapped to one."""
    return any(sign in text for sign in SIGNS)


SIGNS: Final = (
    *(b"auditID", b"AuditId", b"AuditID", b"auditid", b"audit_id", b"AUDITID", b"AUDIT_ID"),
    *(b"protoPayload", b"protopayload_auditlog"),
)


def fields_of(text: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object; none if `text` is not one."""
    with suppress(*REFUSED):
        return FIELDS.decode(text)
    return {}


def compact(text: bytes | memoryview) -> bytes:
    """JSON in one line, without spaces, and with Go's escapes, which other writers leave out: as kube-apiserver has
    written it. Raises one of REFUSED if it is not JSON.
    """
    line = msgspec.json.format(text, indent=-1)
    for char, escaped in _GO_ESCAPES:
        line = line.replace(char, escaped)
    return line


def events_in(text: bytes, depth: int = 0) -> Iterator[bytes]:
    """The events in a JSON value, however deep: in an object, an array, a string. Of an object with several copies of
    one event (shippers keep the original beside it) the first. Of a record that somebody else wrote what says so.
    """
    if depth > DEEPEST:
        return
    text = text.strip()
    first = text[:1]
    with suppress(*REFUSED):
        if first == b"[":
            for item in ITEMS.decode(text):
                yield from events_in(bytes(item), depth + 1)
        elif first == b'"':
            inner = STRING.decode(text).encode()
            if b"{" in inner and b"auditID" in inner:
                # a string in a string, or something before the event
                begin = 0 if inner.lstrip().startswith(b'"') else inner.find(b"{")
                yield from events_in(inner[begin:], depth + 1)
        elif first == b"{":
            fields = FIELDS.decode(text)
            if other := whose_fields(fields):
                yield another(text, other)
                return
            if is_event(fields):
                yield text
                return
            for value in fields.values():
                found = list(events_in(bytes(value), depth + 1)) if len(value) > _SMALLEST else []
                if found:
                    yield from found
                    return


_SMALLEST: Final = len('{"auditID":"","stage":""}')


def damaged(text: bytes) -> bytes:
    """How a step says that an event was in `text` and cannot be read."""
    return DAMAGED + text


def another(text: bytes, whose: str) -> bytes:
    """How a step says that somebody else than kube-apiserver wrote `text`; nothing if no event is in it."""
    # no later step finds a beginning of JSON in it
    return OTHERS + whose.translate(_NO_BRACES).encode("utf-8", "replace") if b"auditID" in text else b""


def lost(why: str) -> bytes:
    """How a step says that an event may have been there, and why it is gone."""
    return LOST + why.encode()


MARK: Final = b"\0"
"""How all of these begin."""
DAMAGED: Final = b"\0damaged\0"
OTHERS: Final = b"\0other\0"
LOST: Final = b"\0lost\0"
_NO_BRACES: Final = str.maketrans("{[\n", "(( ")
