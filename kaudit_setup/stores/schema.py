"""The columns of a stored line: the same in an archive of Parquet and in a table of ClickHouse.

What a column holds is decoded as `events` and `top` decode a file, so a store and a file give the same answers. To
add a column, add a row to COLUMNS; archives that were made before it lack it, so raise VERSION.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from operator import attrgetter
from typing import Any, Final

from kaudit_setup.auditlog.event import Event, acted_as, impersonator
from kaudit_setup.auditlog.fields import DIMENSIONS, Fields
from kaudit_setup.auditlog.reports.estimate import REQUEST_KEY, RESPONSE_KEY

VERSION: Final = 2
"""Of the layout. A reader refuses any other one."""


class Family(Enum):
    """Columns whose values come in few combinations, over and over: what was asked for, and by whom."""

    request = auto()
    sender = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A field of events as a column: `kind` is its ClickHouse type, `fields` what must be decoded of them. It is the
    one of these that is there as it is, or what `read` makes of many events at a time. Without a `family` nearly
    every event has a value of its own.
    """

    name: str
    kind: str
    fields: Fields
    read: Callable[[Sequence[Event]], list[Any]] | None = None
    family: Family | None = None


def _text(name: str, field: str, family: Family | None = None) -> Column:
    return Column(name, "String", frozenset({field}), None, family)


def _codes(events: Sequence[Event]) -> list[str]:
    return [str(code) if code else "" for code in (event.response_status.code for event in events)]


def _paths(events: Sequence[Event]) -> list[str]:
    return [event.request_uri.partition("?")[0] for event in events]


def _requests(events: Sequence[Event]) -> list[int]:
    return [len(body) + REQUEST_KEY if body else 0 for body in (event.request_object for event in events)]


def _responses(events: Sequence[Event]) -> list[int]:
    return [len(body) + RESPONSE_KEY if body else 0 for body in (event.response_object for event in events)]


COLUMNS: Final[tuple[Column, ...]] = (
    _text("time", "stage_timestamp"),
    _text("received", "request_received_timestamp"),
    _text("stage", "stage", Family.request),
    _text("level", "level", Family.request),
    _text("verb", "verb", Family.request),
    Column("user", "String", DIMENSIONS["user"].fields, lambda events: list(map(acted_as, events)), Family.sender),
    Column(
        "impersonator",
        "String",
        DIMENSIONS["impersonator"].fields,
        lambda events: list(map(impersonator, events)),
        Family.sender,
    ),
    Column("groups", "Array(String)", frozenset({"user.groups"}), None, Family.sender),
    _text("api_group", "object_ref.api_group", Family.request),
    _text("resource", "object_ref.resource", Family.request),
    _text("subresource", "object_ref.subresource", Family.request),
    _text("namespace", "object_ref.namespace", Family.sender),
    _text("name", "object_ref.name"),
    Column("code", "String", frozenset({"response_status.code"}), _codes, Family.request),
    _text("decision", "annotations.decision", Family.request),
    Column("ips", "Array(String)", frozenset({"source_ips"}), None, Family.sender),
    _text("agent", "user_agent", Family.sender),
    Column("path", "String", frozenset({"request_uri"}), _paths),
    Column("request", "UInt32", frozenset({"request_object"}), _requests),
    Column("response", "UInt32", frozenset({"response_object"}), _responses),
)
"""Of an event. Beside them every line has PLACE and its own text, `raw`. `user` is the one acted as, `groups` are
those of the one who sent the request; `request` and `response`: the bytes of the bodies with their keys. `namespace`
is one of the sender's because most senders work in a few.
"""

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


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads some of COLUMNS. Events for which `key` is the same have the same values in all of them; `plain` gets
    those that are there as they are.
    """

    columns: tuple[Column, ...]
    key: Callable[[Event], Any]
    plain: Callable[[Event], tuple[Any, ...]]

    def read(self, events: Sequence[Event]) -> list[Sequence[Any]]:
        """The columns of some events, at least one, which have NEEDED."""
        # one call for all fields of an event takes a third of the time that a call for each field takes
        values = zip(*map(self.plain, events), strict=True)
        return [next(values) if column.read is None else column.read(events) for column in self.columns]


def _reader(family: Family | None) -> Reader:
    columns = tuple(column for column in COLUMNS if column.family is family)
    fields = {field for column in columns for field in column.fields}
    # a part of an event is looked up as a whole, which is quicker; but every object has a name of its own
    parts = {field if field.startswith("object_ref.") else field.partition(".")[0] for field in fields}
    plain = (next(iter(column.fields)) for column in columns if column.read is None)
    return Reader(columns, attrgetter(*sorted(parts)), attrgetter(*plain))


OWN: Final = _reader(None)
FAMILIES: Final = {family: _reader(family) for family in Family}
"""All COLUMNS are read by one of these, or by OWN."""
