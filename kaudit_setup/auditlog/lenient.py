"""One line → one event, also where damage, a stranger or a log shipper made it hard to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises on a line that it cannot read."""

_Event = TypeVar("_Event", bound=msgspec.Struct)
_DEEPEST = 200  # levels; no object of Kubernetes comes near
_DEEPER = f"nested more than {_DEEPEST} levels deep, and read only down to there"
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]')
# a whole pair, half of one (the group), anything else that is escaped
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRUCTS = frozenset({"user", "impersonatedUser", "objectRef", "responseStatus", "annotations"})


def decode(decoder: msgspec.json.Decoder[_Event], text: bytes) -> tuple[_Event | None, str]:
    """One line: the event, or None where it is none; and what is wrong with the line, empty if nothing is.

    What can be read of a line is evidence. So one that does not decode as it stands is tried again without what is in
    the way: bytes that are not UTF-8 become U+FFFD, and so do halves of characters; what lies too deep is left out;
    null is what is absent, and so is a field that is of another type than the API's. Only what has no stage even then
    is no event: this is the one rule for all questions, whatever fields they look at.
    """
    bare = text.strip(b"\0 \t\r\xef\xbb\xbf")
    if not bare:
        return None, "NUL bytes" if b"\0" in text else ""
    why, deep = "", False
    for mend in _MENDS:
        try:
            bare = mend(bare)
            return decoder.decode(bare), _DEEPER if deep else ""
        except REFUSED as error:
            why = why or f"not an audit event: {error}"
            deep = deep or isinstance(error, RecursionError)
    with suppress(*REFUSED):
        return decoder.decode(_typed(decoder, bare)), _DEEPER if deep else ""
    return None, why


def shallow(text: bytes) -> bytes:
    """JSON text as long as before, with a number and spaces for what is nested too deep to be decoded.

    kube-apiserver takes ten thousand levels (encoding/json/scanner.go:maxNestingDepth) and logs them in a patch as
    they came; nothing that is asked about an object lies deeper than a few.
    """
    if text.count(b"[") + text.count(b"{") <= _DEEPEST:
        return text
    parts: list[bytes] = []
    level = begin = done = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in {b"[", b"{"}:
            level += 1
            if level == _DEEPEST + 1:
                begin = token.start()
        elif token[0] in {b"]", b"}"}:
            if level == _DEEPEST + 1:
                parts += [text[done:begin], b"0".ljust(token.end() - begin)]
                done = token.end()
            level -= 1
    return b"".join([*parts, text[done:]])


def _as_utf8(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


def _paired(text: bytes) -> bytes:
    """JSON text with U+FFFD for each escaped half of a UTF-16 pair that stands alone.

    Go reads them so (encoding/json/decode.go:unquoteBytes), but a patch is logged as it came.
    """
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], text)


def _without_nulls(text: bytes) -> bytes:
    """An event without its fields that are null: to Go that leaves a field as it was (encoding/json, Unmarshal)."""
    kept = {name: value for name, value in _FIELDS.decode(text).items() if bytes(value) != b"null"}
    for name in _STRUCTS & kept.keys():
        parts = _FIELDS.decode(kept[name])
        kept[name] = msgspec.Raw(
            msgspec.json.encode({part: value for part, value in parts.items() if bytes(value) != b"null"})
        )
    return msgspec.json.encode(kept)


def _typed(decoder: msgspec.json.Decoder[_Event], text: bytes) -> bytes:
    """An event without those of its fields that are not what `decoder` takes them for."""
    types = {one.encode_name: one.type for one in msgspec.structs.fields(decoder.type)}
    kept = {}
    for name, value in _FIELDS.decode(text).items():
        with suppress(*REFUSED):
            msgspec.json.decode(value, type=types.get(name, Any))
            kept[name] = value
    return msgspec.json.encode(kept)


# in this order, each on top of those before; nearly every line decodes as it is
_MENDS: tuple[Callable[[bytes], bytes], ...] = (bytes, _as_utf8, _paired, shallow, _without_nulls)
