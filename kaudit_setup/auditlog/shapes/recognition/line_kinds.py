"""What a single line looks like, by its beginning: for files in which lines of several shapes stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.events import ITEMS, REFUSED, fields_of, is_event
from kaudit_setup.auditlog.shapes.origins import speaks


class Kind(StrEnum):
    """Of a line. `text` goes with what stands before it: blank, or words of a program."""

    plain = "an event"
    cri = "a line of a CRI log"
    docker = "a line of a json-file"
    journal = "a field of a journald export"
    legacy = "a line of the format legacy"
    record = "JSON that holds events"
    document = "a part of JSON over several lines"
    prefixed = "something before JSON"
    text = "other text"


OWN_MESSAGE: Final = re.compile(rb"[IWEF]\d{4} [^{]*+\Z").match
"""Whether a line is a message of the server itself (klog), in which no JSON can be."""
CRI_LINE: Final = re.compile(rb"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* (?:stdout|stderr) [PF](?:\s|\Z)")
# moby/daemon/logger/jsonfilelog/jsonlog: nothing else; a shipper adds fields of its own
_DOCKER_FIELDS: Final = frozenset({"log", "stream", "attrs", "time"})


def kind_of(line: bytes) -> Kind:
    """The kind of a line without its newline."""
    if line.startswith((b"{", b"[")):
        return _json(line)
    return next((kind for found, kind in _BY_TEXT if found(line)), Kind.text)


def may_be_a_part(line: bytes, kind: Kind) -> bool:
    """Whether a line, which is not of the shape `kind`, is one of a container runtime: several may hold one event."""
    if CRI_LINE.match(line[:_BEGIN_BYTES]):
        return kind is not Kind.cri
    if kind is Kind.docker or not line.startswith(b'{"log":') or b'"stream":' not in line[-_END_BYTES:]:
        return False
    return kind_of(line) is Kind.docker


_BEGIN_BYTES: Final = 60
_END_BYTES: Final = 4096  # labels stand behind the stream


_BY_TEXT: Final[tuple[tuple[Callable[[bytes], object], Kind], ...]] = (
    (re.compile(rb"[ \t}\]]").match, Kind.document),
    (CRI_LINE.match, Kind.cri),
    # or the length of a field, and its bytes
    (re.compile(rb"[A-Z_][A-Z0-9_]*(?:=|\Z)|[^\0]{0,7}\0").match, Kind.journal),
    (re.compile(rb" AUDIT: id=").search, Kind.legacy),
    (re.compile(rb"\{").search, Kind.prefixed),
)


def _json(line: bytes) -> Kind:
    if line.startswith(OWN_ORDER) and line.endswith(b"}"):
        return Kind.plain
    if line.rstrip().endswith((b"{", b"[", b",")):
        # an element of an array, the beginning of a value
        return Kind.document
    fields = fields_of(line)
    if fields:
        return _object(fields)
    try:
        return Kind.record if ITEMS.decode(line) else Kind.text
    except REFUSED:  # damaged
        return Kind.text


def _object(fields: Mapping[str, msgspec.Raw]) -> Kind:
    if is_event(fields):
        return Kind.record if any(map(speaks, fields)) else Kind.plain
    return Kind.docker if "log" in fields and "stream" in fields and fields.keys() <= _DOCKER_FIELDS else Kind.record
