"""ClickHouse's format TabSeparated: what both engines answer in, and what a server takes.

Source: https://clickhouse.com/docs/interfaces/formats/TabSeparated
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from kaudit_setup.auditlog.reader import LONGEST_LINE_BYTES
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.port import Group

_FAILED = re.compile(rb"Code: \d+\. DB::Exception: (.*?)(?:, e\.what\(\)|\s*\(version|\Z)", re.DOTALL)
_SERVER = "ask again, narrower with --since and --until; if that is no help, look into the log of the server"
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
    size = 0
    waiting: list[bytes] = []  # of a row whose end is not here yet: a long one comes in a thousand pieces
    for piece in pieces:
        end = piece.rfind(b"\n")
        if end >= 0:
            for line in b"".join([*waiting, piece[:end]]).split(b"\n"):
                yield _fields(line, width)
            waiting, size = [], 0
        waiting.append(piece[end + 1 :])
        size += len(waiting[-1])
        if size > 3 * LONGEST_LINE_BYTES:
            raise StoreError("a row of the answer is too long to be a line of a log")
    if any(waiting):
        raise StoreError("the answer was cut short", hint="run the same command again")


def _fields(line: bytes, width: int) -> list[bytes]:
    fields = line.split(b"\t")
    # what goes wrong after the first rows is said in the answer itself, which began as a good one
    if (len(fields) != width or width == 1) and (failed := _FAILED.match(line)):
        raise StoreError(f"ClickHouse: {failed[1].decode('utf-8', 'replace')[:300]}", hint=_SERVER)
    if len(fields) != width:
        raise StoreError(f"the answer has a row of {len(fields)} fields, not {width}", hint=_SERVER)
    return [_plain(field) if b"\\" in field else field for field in fields]


def _plain(field: bytes) -> bytes:
    # nearly every backslash is one of JSON, and there may be a million in a line; NUL never stands there as it is
    text = field.replace(b"\\\\", b"\0")
    if b"\\" not in text:
        return text.replace(b"\0", b"\\")
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
