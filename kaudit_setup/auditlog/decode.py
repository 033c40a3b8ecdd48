"""Lines → events: strictly, leniently where a line is damaged, and block by block at a million events a second.

A line is decoded into Event, or into a projection of it: a type with only the fields that a question reads (see
fields.py), which is what makes it quick. A block that decodes as a whole costs one call; only one with damage in it
is taken apart line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, cast

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import PARTS, REFUSED, Decoder, Event
from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.reader import Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.recognition.rancher import of_rancher

_BLOCK_BYTES = 1 << 19  # bytes; with the events decoded from it, it stays in a core's own cache
_DEEPEST_LEVEL = 200  # levels; no object of Kubernetes comes near
_DEEPER = f"nested more than {_DEEPEST_LEVEL} levels deep; what is deeper was not read"
_STRING_OR_BRACKET = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]'
# a whole pair, half of one (the group), anything else that is escaped
_ESCAPE = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
_ID = b'"auditID"'  # other programs' logs have a stage, too
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRUCTS = frozenset({"user", "impersonatedUser", "objectRef", "responseStatus", "annotations"})


def decode_leniently(decoder: Decoder, text: bytes) -> tuple[Event | None, str]:
    """The event of one line, or None if it is not one; and what is wrong with the line, empty if nothing is.

    Whatever can be read of a line is evidence. So a line that does not decode as it is gets repaired and tried again:
    bytes that are not UTF-8, and halves of UTF-16 pairs, become U+FFFD; what is nested too deep is left out; null,
    and a field of another type than the API's, count as absent. Only a line that has no stage or no auditID even then
    is not an event. This rule is the same for all commands, whatever fields they read.
    """
    bare = text.strip(b"\0 \t\r\xef\xbb\xbf")
    if not bare:
        return None, "NUL bytes" if b"\0" in text else ""
    if why := _foreign(bare):
        return None, why
    why, deep = "", False
    for repair in _REPAIRS:
        try:
            bare = repair(bare)
            return decoder.decode(bare), _DEEPER if deep else ""
        except REFUSED as error:
            why = why or f"not an audit event: {error}"
            deep = deep or isinstance(error, RecursionError)
    with suppress(*REFUSED):
        return decoder.decode(_typed(decoder, bare)), _DEEPER if deep else ""
    return None, why


def _foreign(text: bytes) -> str:
    """Why a line is not kube-apiserver's, though it may decode as an event; empty if it may be its own."""
    if text.startswith(OWN_ORDER) and _ID in text:
        return ""
    if text.startswith(b"{") and b'"stage"' in text and (_ID not in text or of_rancher(text)):
        return "not an audit event: its fields are those of another program"
    return ""


def shallow(text: bytes) -> bytes:
    """JSON text of the same length, with a number and spaces in place of what is nested too deep to be decoded.

    kube-apiserver takes ten thousand levels (encoding/json/scanner.go:maxNestingDepth) and logs them in a patch as
    they came; nothing that answers need is nested that deep.
    """
    if text.count(b"[") + text.count(b"{") <= _DEEPEST_LEVEL:
        return text
    parts: list[bytes] = []
    level = begin = done = 0
    for token in re.finditer(_STRING_OR_BRACKET, text):
        if token[0] in {b"[", b"{"}:
            level += 1
            if level == _DEEPEST_LEVEL + 1:
                begin = token.start()
        elif token[0] in {b"]", b"}"}:
            if level == _DEEPEST_LEVEL + 1:
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
    return re.sub(_ESCAPE, lambda found: b"\\ufffd" if found[1] else found[0], text)


def _without_nulls(text: bytes) -> bytes:
    """An event without its fields that are null: to Go that leaves a field as it was (encoding/json, Unmarshal)."""
    kept = {name: value for name, value in _FIELDS.decode(text).items() if bytes(value) != b"null"}
    for name in _STRUCTS & kept.keys():
        parts = _FIELDS.decode(kept[name])
        kept[name] = msgspec.Raw(
            msgspec.json.encode({part: value for part, value in parts.items() if bytes(value) != b"null"})
        )
    return msgspec.json.encode(kept)


def _typed(decoder: Decoder, text: bytes) -> bytes:
    """An event without the fields that have another type than `decoder` expects."""
    types = {one.encode_name: one.type for one in msgspec.structs.fields(decoder.type)}
    kept = {}
    for name, value in _FIELDS.decode(text).items():
        with suppress(*REFUSED):
            msgspec.json.decode(value, type=types.get(name, Any))
            kept[name] = value
    return msgspec.json.encode(kept)


# in this order, each applied to the result of the one before; nearly every line decodes as it is
_REPAIRS: tuple[Callable[[bytes], bytes], ...] = (bytes, _as_utf8, _paired, shallow, _without_nulls)


def project(fields: Iterable[str], *, with_id: bool = True) -> Decoder:
    """A decoder that fills only `fields` of Event, the stage and the auditID.

    The rest of a line is checked to be JSON and skipped. Without the auditID, which no two requests share, events
    whose fields are equal are equal and hash alike: they can be counted without looking at each.
    """
    return _project(frozenset({"stage", *(("audit_id",) if with_id else ()), *fields}))


@cache
def _project(wanted: frozenset[str]) -> Decoder:
    # a struct type takes as long to make as a small file to read
    return cast(Decoder, msgspec.json.Decoder(_narrow(Event, wanted)))


def _narrow(struct: type[msgspec.Struct], wanted: frozenset[str]) -> type[msgspec.Struct]:
    """`struct` with only the fields that are wanted, whole or in part."""
    kept: list[tuple[str, Any, Any]] = []
    for one in msgspec.structs.fields(struct):
        parts = frozenset(name.partition(".")[2] for name in wanted if name.startswith(f"{one.name}."))
        if one.name in wanted:
            kept.append((one.name, one.type, msgspec.field(**_spelling(one))))
        elif parts:
            part = _narrow(PARTS[one.name], parts)
            # only a field that may be absent altogether tells that from one without content
            kind, default = (part, part()) if one.default is not None else (part | None, None)
            kept.append((one.name, kind, msgspec.field(name=one.encode_name, default=default)))
    return msgspec.defstruct(struct.__name__, kept, frozen=True, gc=False)


def _spelling(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    kept = {"name": field.encode_name, "default": field.default}
    return {key: value for key, value in kept.items() if value is not msgspec.NODEFAULT}


class Lines:
    """Decoded lines of one block: `events[i]` is None where the i-th line is blank or damaged. Valid until the next
    block is asked for.
    """

    def __init__(self, number: int, block: Block, decoder: Decoder, tally: Tally) -> None:
        """Decode `block`, whose first line is the line `number` of its unit; counts what is met in `tally`."""
        self._number = number
        self.block = block
        self.sizes = block.sizes()
        """The lines' sizes, newline included."""
        self._texts: list[bytes] | None = None
        self.events: list[Event | None] = []
        with suppress(*REFUSED):
            self.events = cast(list[Event | None], block.events or decoder.decode_lines(block.view))
        if block.blank:
            self.events = [None] * len(self.sizes)
            tally.events -= len(self.sizes)
        elif len(self.events) != len(self.sizes) or (block.events is None and _foreign(self._first)):
            self.events = [_one(decoder, text, tally, self.number(i)) for i, text in enumerate(self.texts)]
            tally.events -= sum(event is None for event in self.events)
        tally.lines += block.file_lines(len(self.events))
        tally.events += len(self.events)

    @property
    def _first(self) -> bytes:
        """The first line: what is wrong with all of them is wrong with it."""
        return bytes(self.block.view[: self.sizes[0]]) if self.sizes else b""

    def number(self, index: int) -> int:
        """Of the line `index` in its unit, 1-based."""
        return self._number + self.block.origin(index)

    def numbers(self) -> Sequence[int]:
        """Of all lines in their unit, 1-based."""
        count = len(self.events)
        if self.block.origins is None:
            return range(self._number, self._number + count)
        return [self.number(index) for index in range(count)]

    @property
    def texts(self) -> list[bytes]:
        """The lines without their newlines; made when they are first asked for."""
        if self._texts is None:
            self._texts = bytes(self.block.view).split(b"\n")
            self._texts.pop()
        return self._texts


def decode_unit(unit: Unit, tally: Tally, decoder: Decoder) -> Iterator[Lines]:
    """The events of `unit`; counts lines, events and damage in `tally`."""
    for block in blocks(unit, tally, _BLOCK_BYTES, decoder=decoder):
        yield Lines(tally.lines + 1, block, decoder, tally)


def _one(decoder: Decoder, text: bytes, tally: Tally, line: int) -> Event | None:
    event, why = decode_leniently(decoder, text)
    if why or b"\0" in text:
        tally.damage(line, why or "NUL bytes", text.strip(b"\0 \t\r") if event is None else b"")
    return event
