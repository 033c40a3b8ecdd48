"""Reads a journald export block by block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.events import another, damaged
from kaudit_setup.auditlog.shapes.forms import Spans
from kaudit_setup.auditlog.shapes.journal.entries import FIELD, MESSAGE, SENDERS, Entry, entries
from kaudit_setup.auditlog.shapes.journal.usual import Usual, usual
from kaudit_setup.auditlog.shapes.origins import whose
from kaudit_setup.auditlog.shapes.reading import Texts

_LONGEST_BYTES: Final = 16 << 20
_MOST_KNOWN: Final = 4096
_SAMPLE_BYTES: Final = 1 << 10
_BRACE: Final = ord("}")


class Journal:
    """The messages of the entries that kube-apiserver wrote."""

    def __init__(self) -> None:
        self._rest = b""  # of the entry that goes on in the next block
        self._height = 0  # lines of it
        self._known: dict[tuple[bytes, ...], str] = {}
        self._seen: tuple[bytes, Usual | None] | None = None
        """What was found in the present block."""

    @property
    def busy(self) -> bool:
        """Whether some entry goes on in what comes."""
        return bool(self._rest)

    def separate(self, block: Block) -> bool:
        """Whether what is in an event can be found in the block, and nothing else is in it that looks like one."""
        self._seen = self._look(block)
        return self._seen[1] is not None

    def _look(self, block: Block) -> tuple[bytes, Usual | None]:
        """What goes on from the block before and in this one; and what is in it, if it is as usual."""
        data = b"".join((self._rest, block.view))
        return data, usual(data, self._whose)

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        data, found = self._seen or self._look(block)
        self._seen = None
        if found is None:
            return self._entry_by_entry(data, wanted)
        first = -self._height
        self._keep(data[found.end :])
        if wanted is None:
            return Texts.of(Spans(data, found.begins, found.ends), partial(_lines, data, found.begins, first))
        held = _held(data, found, wanted)
        begins = [found.begins[at] for at in held]
        texts = [data[begin : found.ends[at]] for begin, at in zip(begins, held, strict=True)]
        return Texts(texts, partial(_lines, data, begins, first), len(found.begins) - len(texts))

    def _keep(self, rest: bytes) -> None:
        self._rest = rest
        self._height = rest.count(b"\n")

    def _entry_by_entry(self, data: bytes, wanted: Sequence[Find] | None) -> Texts:
        first = -self._height
        texts: list[bytes] = []
        origins: list[int] = []
        done = line = 0
        end = 0
        for begin, end, entry in entries(data):
            if wanted is not None and not _holds(data, begin, end, wanted):
                continue
            for at, found in self._texts(data, begin, end, entry):
                line += data.count(b"\n", done, at)
                done = at
                texts.append(found)
                origins.append(first + line)
        rest = data[end:]
        if len(rest) > _LONGEST_BYTES:
            texts.append(damaged(rest[:_SAMPLE_BYTES]))
            origins.append(first + line)
            rest = b""
        self._keep(rest)
        return Texts(texts, origins)

    def rest(self) -> Texts:
        """An entry without the empty line behind it; what is of no entry, as far as events are in it, is damaged."""
        data, first = self._rest + b"\n\n", -self._height
        self._rest = b""
        done = 0
        found: list[tuple[int, bytes]] = []
        for begin, end, entry in entries(data):
            found += self._texts(data, begin, end, entry)
            done = end
        if (at := data.find(b"auditID", done)) >= 0:
            found.append((at, damaged(data[at : at + _SAMPLE_BYTES])))
        return Texts([text for _, text in found], [first + data.count(b"\n", 0, at) for at, _ in found])

    def _texts(self, data: bytes, begin: int, end: int, entry: Entry) -> list[tuple[int, bytes]]:
        """An entry's message, and lines in it that are no fields of a journal's; where each begins."""
        at, behind = entry.get(MESSAGE, (begin, end))
        text = self._text(data, begin, end, entry)
        found = [(at, text)] if text else []
        if not entry or not (_holds_event(data, begin, at) or _holds_event(data, behind, end)):
            return found
        return sorted([*found, *_foreign(data, begin, at), *_foreign(data, behind, end)])

    def _text(self, data: bytes, begin: int, end: int, entry: Entry) -> bytes:
        """An entry's message; a line that is of no entry as it is."""
        if not entry:
            return data[begin : end - 1]
        begin, end = entry.get(MESSAGE, (0, 0))
        if data.find(b"{", begin, end) < 0:
            return b""
        other = self._whose(tuple(data[slice(*entry[name])] if name in entry else b"" for name in SENDERS))
        text = data[begin:end].replace(b"\n", b" ")
        return another(text, other) if other else text

    def _whose(self, said: tuple[bytes, ...]) -> str:
        """Who wrote an entry with these SENDERS; empty for kube-apiserver."""
        other = self._known.get(said)
        if other is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            names = zip(SENDERS, said, strict=True)
            other = whose({name.decode(): value.decode("utf-8", "replace") for name, value in names})
            self._known[said] = other
        return other


def _held(data: bytes, found: Usual, wanted: Sequence[Find]) -> list[int]:
    """Which events hold something that is wanted, or do not end as events do, or hold a byte zero."""
    view = memoryview(data)[: found.end]
    spans = enumerate(zip(found.begins, found.ends, strict=True))
    held = {at for at, (begin, end) in spans if data[end - 1] != _BRACE or data.find(b"\0", begin, end) >= 0}
    for find in wanted:
        for _, start, _ in find(view):
            at = bisect_right(found.begins, start) - 1
            if at >= 0 and start < found.ends[at]:
                held.add(at)
    return sorted(held)


def _lines(data: bytes, begins: Sequence[int], first: int) -> list[int]:
    """In which line each of these bytes is, if `data` begins in the line `first`."""
    lines: list[int] = []
    line, done = first, 0
    for at in begins:
        line += data.count(b"\n", done, at)
        done = at
        lines.append(line)
    return lines


def _holds_event(data: bytes, begin: int, end: int) -> bool:
    return data.find(b"auditID", begin, end) >= 0


def _foreign(data: bytes, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Lines with an event that were put between the fields of an entry; a field of whatever name is the writer's."""
    while begin < end:
        stop = data.find(b"\n", begin, end)
        stop = stop if stop >= 0 else end
        line = data[begin:stop]
        if b"auditID" in line and not FIELD.match(line):
            yield begin, line
        begin = stop + 1


def _holds(data: bytes, begin: int, end: int, wanted: Sequence[Find]) -> bool:
    view = memoryview(data)[begin:end]
    return any(find(view) for find in wanted)
