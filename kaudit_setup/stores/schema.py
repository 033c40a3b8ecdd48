"""The columns of a stored line: the same in an archive of Parquet and in a table of ClickHouse.

What a column holds is decoded as `events` and `top` decode a file, so a store and a file give the same answers. To
add a column, add a row to COLUMNS; archives that were made before it lack it, so raise VERSION.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kaudit_setup.auditlog.event import Event, acted_as, impersonator
from kaudit_setup.auditlog.fields import DIMENSIONS, Fields

VERSION: Final = 1
"""Of the layout. A reader refuses a later one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field of an event as a column: `kind` is its ClickHouse type, `fields` what must be decoded for `get`."""

    name: str
    kind: str
    fields: Fields
    get: Callable[[Event], Any]


def _text(name: str, field: str, get: Callable[[Event], str]) -> Column:
    return Column(name, "String", frozenset({field}), get)


COLUMNS: Final[tuple[Column, ...]] = (
    _text("time", "stage_timestamp", lambda e: e.stage_timestamp),
    _text("received", "request_received_timestamp", lambda e: e.request_received_timestamp),
    Column("stage", "String", frozenset(), lambda e: e.stage),
    _text("level", "level", lambda e: e.level),
    _text("verb", "verb", lambda e: e.verb),
    Column("user", "String", DIMENSIONS["user"].fields, acted_as),
    Column("impersonator", "String", DIMENSIONS["impersonator"].fields, impersonator),
    _text("api_group", "object_ref.api_group", lambda e: e.object_ref.api_group),
    _text("resource", "object_ref.resource", lambda e: e.object_ref.resource),
    _text("subresource", "object_ref.subresource", lambda e: e.object_ref.subresource),
    _text("namespace", "object_ref.namespace", lambda e: e.object_ref.namespace),
    _text("name", "object_ref.name", lambda e: e.object_ref.name),
    _text("code", "response_status.code", DIMENSIONS["code"].get),
    _text("decision", "annotations.decision", lambda e: e.annotations.decision),
    Column("ips", "Array(String)", frozenset({"source_ips"}), lambda e: e.source_ips),
    _text("agent", "user_agent", lambda e: e.user_agent),
    _text("path", "request_uri", lambda e: e.request_uri.partition("?")[0]),
)
"""Of an event. Beside them every line has PLACE and its own text, `raw`."""

PLACE: Final = (
    ("cluster", "String"),
    ("day", "String"),
    ("node", "String"),
    ("file", "String"),
    ("source", "String"),
    ("line", "UInt64"),
    ("size", "UInt32"),
    ("event", "UInt8"),
)
"""`file`: the path of the log, `source`: the SHA-256 of its text, `line`: 1-based, `size`: bytes of the line with its
newline, `event`: 1 for an audit event, 0 for any other line. `day`: of `time`, or UNKNOWN_DAY."""

UNNAMED: Final = "default"
"""The cluster of logs that were packed without the name of one."""
UNKNOWN_DAY: Final = "unknown"
NEEDED: Final[Fields] = frozenset[str]().union(*(column.fields for column in COLUMNS))
"""What must be decoded of a line to fill its columns."""
