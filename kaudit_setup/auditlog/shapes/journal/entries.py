"""The entries of a journald export, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MESSAGE: Final = b"MESSAGE"
SENDERS: Final = (b"_SYSTEMD_UNIT", b"CONTAINER_NAME", b"SYSLOG_IDENTIFIER", b"_COMM")
FIELD: Final = re.compile(rb"[A-Z_][A-Z0-9_]*[=\n]")
LENGTH_BYTES: Final = 8
HIGH: Final = bytes(3)
"""How a length ends that there can be: what a field without them has is no length, but another line."""
_LONGEST_NAME: Final = 80  # bytes, an equals sign included; journald takes 64
_NAME: Final = re.compile(rb"[A-Z_][A-Z0-9_]*")
_BINARY: Final = re.compile(rb"(?:\A|\n)[A-Z_][A-Z0-9_]*\n")
_ANY: Final = b""  # an entry is one whatever its fields

_NEXT: Final = re.compile(rb"\n\n(?=[A-Z_][A-Z0-9_]{0,79}=)")

# where an entry begins, and its fields: of each the name, and where its value is
Entry = dict[bytes, tuple[int, int]]


def next_entry(window: bytes) -> int:
    """Where the first entry seems to begin that begins in `window`; -1 if none does. A field may hold anything, also
    what looks like the end of an entry: only who has passed by all fields before knows.
    """
    found = _NEXT.search(window)
    return found.end() if found else -1


def entries(data: bytes) -> Iterator[tuple[int, int, Entry]]:
    """The entries that are whole: where each begins and ends, and its fields, none of a line that is of no entry."""
    careful = _BINARY.search(data) is not None
    begin = 0
    while begin < len(data):
        if FIELD.match(data, begin, begin + _LONGEST_NAME):
            found = _careful(data, begin) if careful else _plainly(data, begin)
        else:
            found = data.find(b"\n", begin) + 1, {}
        if found is None or not found[0]:
            return
        end, entry = found
        yield begin, end, entry
        begin = end


def _plainly(data: bytes, begin: int) -> tuple[int, Entry] | None:
    """An entry of text alone, of which only the fields that count are looked for."""
    end = data.find(b"\n\n", begin) + 2
    if end < 2:
        return None
    # the last entry of a journal may lack its empty line before something else begins
    end = data.find(b"\n{", begin, end) + 1 or end
    entry: Entry = {_ANY: (begin, end)}
    for name in (MESSAGE, *SENDERS):
        if (at := _value(data, name + b"=", begin, end)) >= 0:
            entry[name] = at, data.find(b"\n", at, end)
    return end, entry


def _value(data: bytes, name: bytes, begin: int, end: int) -> int:
    """Where the value begins of the first field of that name; -1 if there is none."""
    if data.startswith(name, begin):
        return begin + len(name)
    at = data.find(b"\n" + name, begin, end)
    return at + 1 + len(name) if at >= 0 else -1


def _careful(data: bytes, begin: int) -> tuple[int, Entry] | None:
    entry: Entry = {_ANY: (begin, begin)}
    at = begin
    while (end := data.find(b"\n", at)) > at:
        name, value = _field(data, at, end)
        end = value[1]
        if end >= len(data):
            return None
        entry.setdefault(name, value)
        at = end + 1
    return (end + 1, entry) if end == at else None


def _field(data: bytes, at: int, end: int) -> tuple[bytes, tuple[int, int]]:
    """The name of the field whose line `data[at:end]` is, and where its value is, which may be behind `data`."""
    name, equals, _ = data[at : min(end, at + _LONGEST_NAME)].partition(b"=")
    begin = end + 1 + LENGTH_BYTES
    if not equals and _NAME.fullmatch(name):
        if begin > len(data):
            return name, (begin, begin)
        if data[begin - len(HIGH) : begin] == HIGH:
            return name, (begin, begin + int.from_bytes(data[end + 1 : begin], "little"))
    return name, (at + len(name) + 1, end)
