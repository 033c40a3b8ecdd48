"""ClickHouse's format TabSeparated: what both engines answer in, and what a server takes.

Source: https://clickhouse.com/docs/interfaces/formats/TabSeparated
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from kaudit_setup.auditlog.reader import LONGEST_LINE_BYTES
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.port import Group

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"0": b"\0",
    b"b": b"\b",
    b"f": b"\f",
    b"a": b"\a",
    b"v": b"\v",
}
_SPECIAL = re.compile(rb"[\\\t\n\r\0\x08\x0c]")
_SPELT = {byte: b"\\" + letter for letter, byte in _MEANT.items()} | {b"\\": b"\\\\"}


def rows(pieces: Iterable[bytes], width: int) -> Iterator[list[bytes]]:
    """The rows of an answer, `width` fields each. Raises StoreError for anything else, and for a row without end."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece if rest else piece).split(b"\n")
        if len(rest) > 3 * LONGEST_LINE_BYTES:
            raise StoreError("a row of the answer is too long to be a line of a log")
        for line in lines:
            yield _fields(line, width)
    if rest:
        raise StoreError("the answer was cut short", hint="run the same command again")


def _fields(line: bytes, width: int) -> list[bytes]:
    fields = line.split(b"\t")
    if len(fields) != width:
        raise StoreError(f"the answer has a row of {len(fields)} fields, not {width}")
    return [_plain(field) if b"\\" in field else field for field in fields]


def _plain(field: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), field)


def groups(pieces: Iterable[bytes], width: int) -> Iterator[Group]:
    """The answer to `sql.count` by so many dimensions. Raises StoreError."""
    for *key, events, size in rows(pieces, width + 2):
        yield Group(tuple(one.decode("utf-8", "replace") for one in key), int(events), int(size))


def row(fields: Sequence[bytes]) -> bytes:
    """A row, with its newline."""
    return b"\t".join(map(field, fields)) + b"\n"


def field(value: bytes) -> bytes:
    """A field of a row."""
    return _SPECIAL.sub(lambda found: _SPELT[found[0]], value)


def array(values: Iterable[str]) -> bytes:
    """An array of strings as a field, still to be escaped as one."""
    return b"[" + b",".join(b"'" + _in_quotes(value.encode()) + b"'" for value in values) + b"]"


def _in_quotes(value: bytes) -> bytes:
    escaped = _SPECIAL.sub(lambda found: _SPELT[found[0]], value)
    return escaped.replace(b"'", b"\\'")
