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

from msgspec import Raw

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import DIMENSIONS, STATS, Fields
from kaudit_setup.auditlog.reports.estimate import REQUEST_KEY, RESPONSE_KEY

VERSION: Final = 2
"""Of the layout. A reader refuses any other one."""


class Family(Enum):
    """Columns whose values come in few combinations, over and over: what was asked for, and by whom."""

    request = auto()
    sender = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A field of events as a column: `kind` is its ClickHouse type, `fields` what must be decoded of them.

    A column of a `family` is the only one of `fields` as it is, or what `read` says of an event. Without a family
    nearly every event has a value of its own, so many of them are read at a time: `convert` takes the values of the
    only field.
    """

    name: str
    kind: str
    fields: Fields
    family: Family | None = None
    read: Callable[[Event], Any] | None = None
    convert: Callable[[Sequence[Any]], Sequence[Any]] | None = None

    @property
    def field(self) -> str:
        """The only one of `fields`."""
        (one,) = self.fields
        return one


def _text(name: str, field: str, family: Family | None = None) -> Column:
    return Column(name, "String", frozenset({field}), family)


def _name(column: str) -> Column:
    """Somebody's name, as filters find it."""
    return Column(column, "String", DIMENSIONS[column].fields, Family.sender, DIMENSIONS[column].get)


def _paths(addresses: Sequence[str]) -> Sequence[str]:
    return [address.partition("?")[0] if "?" in address else address for address in addresses]


def _body(name: str, field: str, key: int) -> Column:
    """The bytes of a body with its `key`, which has so many."""

    def sizes(bodies: Sequence[Raw]) -> Sequence[int]:
        return [len(body) + key if body else 0 for body in bodies] if any(bodies) else [0] * len(bodies)

    return Column(name, "UInt32", frozenset({field}), convert=sizes)


COLUMNS: Final[tuple[Column, ...]] = (
    _text("time", "stage_timestamp"),
    _text("received", "request_received_timestamp"),
    _text("stage", "stage", Family.request),
    _text("level", "level", Family.request),
    _text("verb", "verb", Family.request),
    _name("user"),
    _name("impersonator"),
    Column("groups", "Array(String)", frozenset({"user.groups"}), Family.sender),
    _text("api_group", "object_ref.api_group", Family.request),
    _text("resource", "object_ref.resource", Family.request),
    _text("subresource", "object_ref.subresource", Family.request),
    _text("namespace", "object_ref.namespace", Family.sender),
    _text("name", "object_ref.name"),
    Column("code", "String", DIMENSIONS["code"].fields, Family.request, DIMENSIONS["code"].get),
    _text("decision", "annotations.decision", Family.request),
    Column("ips", "Array(String)", frozenset({"source_ips"}), Family.sender),
    _text("agent", "user_agent", Family.sender),
    Column("path", "String", frozenset({"request_uri"}), convert=_paths),
    _body("request", "request_object", REQUEST_KEY),
    _body("response", "response_object", RESPONSE_KEY),
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
OBJECT: Final = "object_ref."
"""In front of the fields of the object."""
NEEDED: Final[Fields] = STATS.union(*(column.fields for column in COLUMNS))
"""What must be decoded of a line to fill its columns and to count it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the columns of a family. Events that are alike in `parts` have the same values in all of them."""

    columns: tuple[Column, ...]
    parts: tuple[str, ...]

    def read(self, events: Sequence[Event]) -> list[list[Any]]:
        """The columns of some events."""
        return [list(map(column.read or attrgetter(column.field), events)) for column in self.columns]


def _reader(family: Family) -> Reader:
    columns = tuple(column for column in COLUMNS if column.family is family)
    fields = frozenset[str]().union(*(column.fields for column in columns))
    if family is Family.request:  # so that they are counted once for each combination
        fields |= STATS
    # a part of an event is compared as a whole, which is quicker; but every object has a name of its own
    return Reader(
        columns, tuple(sorted({field if field.startswith(OBJECT) else field.partition(".")[0] for field in fields}))
    )


OWN: Final = tuple(column for column in COLUMNS if column.family is None)
FAMILIES: Final = {family: _reader(family) for family in Family}
"""All COLUMNS are read by one of these, or are in OWN."""
