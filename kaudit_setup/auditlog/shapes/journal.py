"""journald's export format: entries of fields, one a line, an empty line behind each entry.

A field that is not plain text has its name alone in a line, then its length (64 bits, little-endian), then its bytes,
which may be anything, also what looks like other fields and entries. Source: systemd, JOURNAL_EXPORT_FORMATS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.events import another, damaged
from kaudit_setup.auditlog.shapes.origins import whose
from kaudit_setup.auditlog.shapes.reading import Texts

_LONGEST_BYTES: Final = 16 << 20
_MOST_KNOWN: Final = 4096
_LONGEST_NAME: Final = 80  # bytes, an equals sign included; journald takes 64
_NAME: Final = re.compile(rb"[A-Z_][A-Z0-9_]*")
_BINARY: Final = re.compile(rb"(?:\A|\n)[A-Z_][A-Z0-9_]*\n")
_FIELD: Final = re.compile(rb"[A-Z_][A-Z0-9_]*[=\n]")
_ANY: Final = b""  # an entry is one whatever its fields
_MESSAGE: Final = b"MESSAGE"
_SENDERS: Final = (b"_SYSTEMD_UNIT", b"CONTAINER_NAME", b"SYSLOG_IDENTIFIER", b"_COMM")
_LENGTH_BYTES: Final = 8
_SAMPLE_BYTES: Final = 1 << 10

# where an entry begins, and its fields: of each the name, and where its value is
_Entry = dict[bytes, tuple[int, int]]


class Journal:
    """The messages of the entries that kube-apiserver wrote."""

    def __init__(self) -> None:
        self._rest = b""  # of the entry that goes on in the next block
        self._height = 0  # lines of it
        self._known: dict[tuple[bytes, ...], str] = {}

    @property
    def busy(self) -> bool:
        """Whether some entry goes on in what comes."""
        return bool(self._rest)

    def separate(self, block: Block) -> bool:
        """It looks for what is wanted itself, entry by entry."""
        del block
        return True

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        data = self._rest + bytes(block.view)
        first = -self._height
        texts: list[bytes] = []
        origins: list[int] = []
        done = line = 0
        end = 0
        for begin, end, entry in _entries(data):
            if wanted is not None and not _holds(data, begin, end, wanted):
                continue
            for at, found in self._texts(data, begin, end, entry):
                line += data.count(b"\n", done, at)
                done = at
                texts.append(found)
                origins.append(first + line)
        self._rest = data[end:]
        if len(self._rest) > _LONGEST_BYTES:
            texts.append(damaged(self._rest[:_SAMPLE_BYTES]))
            origins.append(first + line)
            self._rest = b""
        self._height = self._rest.count(b"\n")
        return Texts(texts, origins)

    def rest(self) -> Texts:
        """An entry without the empty line behind it; what is of no entry, as far as events are in it, is damaged."""
        data, first = self._rest + b"\n\n", -self._height
        self._rest = b""
        done = 0
        found: list[tuple[int, bytes]] = []
        for begin, end, entry in _entries(data):
            found += self._texts(data, begin, end, entry)
            done = end
        if (at := data.find(b"auditID", done)) >= 0:
            found.append((at, damaged(data[at : at + _SAMPLE_BYTES])))
        return Texts([text for _, text in found], [first + data.count(b"\n", 0, at) for at, _ in found])

    def _texts(self, data: bytes, begin: int, end: int, entry: _Entry) -> list[tuple[int, bytes]]:
        """An entry's message, and lines in it that are no fields of a journal's; where each begins."""
        at, behind = entry.get(_MESSAGE, (begin, end))
        text = self._text(data, begin, end, entry)
        found = [(at, text)] if text else []
        if not entry or not (_holds_event(data, begin, at) or _holds_event(data, behind, end)):
            return found
        return sorted([*found, *_foreign(data, begin, at), *_foreign(data, behind, end)])

    def _text(self, data: bytes, begin: int, end: int, entry: _Entry) -> bytes:
        """An entry's message; a line that is of no entry as it is."""
        if not entry:
            return data[begin : end - 1]
        begin, end = entry.get(_MESSAGE, (0, 0))
        if data.find(b"{", begin, end) < 0:
            return b""
        said = tuple(data[slice(*entry[name])] if name in entry else b"" for name in _SENDERS)
        other = self._known.get(said)
        if other is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            names = zip(_SENDERS, said, strict=True)
            other = whose({name.decode(): value.decode("utf-8", "replace") for name, value in names})
            self._known[said] = other
        text = data[begin:end].replace(b"\n", b" ")
        return another(text, other) if other else text


def _holds_event(data: bytes, begin: int, end: int) -> bool:
    return data.find(b"auditID", begin, end) >= 0


def _foreign(data: bytes, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Lines with an event that were put between the fields of an entry; a field of whatever name is the writer's."""
    while begin < end:
        stop = data.find(b"\n", begin, end)
        stop = stop if stop >= 0 else end
        line = data[begin:stop]
        if b"auditID" in line and not _FIELD.match(line):
            yield begin, line
        begin = stop + 1


def _holds(data: bytes, begin: int, end: int, wanted: Sequence[Find]) -> bool:
    view = memoryview(data)[begin:end]
    return any(find(view) for find in wanted)


def _entries(data: bytes) -> Iterator[tuple[int, int, _Entry]]:
    """The entries that are whole: where each begins and ends, and its fields, none of a line that is of no entry."""
    careful = _BINARY.search(data) is not None
    begin = 0
    while begin < len(data):
        if _FIELD.match(data, begin, begin + _LONGEST_NAME):
            found = _careful(data, begin) if careful else _plainly(data, begin)
        else:
            found = data.find(b"\n", begin) + 1, {}
        if found is None or not found[0]:
            return
        end, entry = found
        yield begin, end, entry
        begin = end


def _plainly(data: bytes, begin: int) -> tuple[int, _Entry] | None:
    """An entry of text alone, of which only the fields that count are looked for."""
    end = data.find(b"\n\n", begin) + 2
    if end < 2:
        return None
    # the last entry of a journal may lack its empty line before something else begins
    end = data.find(b"\n{", begin, end) + 1 or end
    entry: _Entry = {_ANY: (begin, end)}
    for name in (_MESSAGE, *_SENDERS):
        at = begin if data.startswith(name + b"=", begin) else data.find(b"\n" + name + b"=", begin, end) + 1
        if at > 0 or data.startswith(name + b"="):
            entry[name] = at + len(name) + 1, data.find(b"\n", at, end)
    return end, entry


def _careful(data: bytes, begin: int) -> tuple[int, _Entry] | None:
    entry: _Entry = {_ANY: (begin, begin)}
    at = begin
    while (end := data.find(b"\n", at)) > at:
        name, equals, _ = data[at : min(end, at + _LONGEST_NAME)].partition(b"=")
        if equals or not _NAME.fullmatch(name):
            entry[name] = at + len(name) + 1, end
        else:
            start = end + 1 + _LENGTH_BYTES
            end = start + int.from_bytes(data[end + 1 : start], "little")
            if end >= len(data):
                return None
            entry[name] = start, end
        at = end + 1
    return (end + 1, entry) if end == at else None
