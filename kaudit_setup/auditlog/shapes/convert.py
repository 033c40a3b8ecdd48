"""A file in another shape → blocks of JSON lines, each line with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import OWN_ORDER, Find
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.documents import LONGEST_BYTES, Documents, one_line
from kaudit_setup.auditlog.shapes.events import DAMAGED, LOST, OTHERS
from kaudit_setup.auditlog.shapes.reading import Layout, Reading, Texts
from kaudit_setup.auditlog.shapes.sought import Sought, escaped

_ID: Final = b'"auditID"'
_DAMAGED: Final = "an event that is damaged"
_BEFORE_ID: Final = 200  # bytes within which an event's ID follows its beginning, whatever escapes them


class Readable(Protocol):
    """Bytes to read, wherever they come from."""

    def readinto(self, into: memoryview, /) -> int | None:
        """Fill `into`, at least a part of it; 0 at the end."""
        ...


class Converter:
    """Runs a file, or a part of it, through its reading.

    What is no event and was none (the server's own messages, the other fields of a journal) is left out; what was one
    and is damaged is counted in `tally`, as is the time that is covered.
    """

    def __init__(self, reading: Reading, tally: Tally, sought: Sought | None = None) -> None:
        """`sought`: events that hold none of it may be left out."""
        self._reading = reading
        self._tally = tally
        self._sought = sought if reading.stamp else None
        self._left_out = False  # of the present block, what nobody asks for

    def lines(self, raw: Iterable[Block]) -> Iterator[Block]:
        """What blocks of whole lines become."""
        layout = self._reading.layout()
        at = 0
        for block in raw:
            self._left_out = False
            found = layout.cut(block, self._finders_in(layout, block))
            yield self._block(found, block.at, block.data.count(b"\n", 0, block.size))
            at = block.at + block.size
        rest = layout.rest()
        if rest.texts:
            yield self._block(rest, at, 0)

    def documents(self, source: Readable, documents: Documents, room: int) -> Iterator[Block]:
        """What a stream of JSON becomes that does not keep to lines. Reads about `room` bytes at once."""
        at, data, piece = 0, b"", bytearray(room)
        while size := source.readinto(memoryview(piece)) or 0:
            data += piece[:size]
            found = documents.take(data, last=False, finders=self._finders(data, len(data)))
            used = found.used
            if not used and len(data) >= 2 * LONGEST_BYTES:
                self._tally.damage(0, f"an event longer than {LONGEST_BYTES >> 20} MiB")
                used = len(data)
            if used:
                yield self._block(Texts(found.texts, found.origins), at, data.count(b"\n", 0, used))
                at, data = at + used, data[used:]
        found = documents.take(data, last=True, finders=None)
        unfinished = bool(data) and not data.endswith(b"\n")
        yield self._block(Texts(found.texts, found.origins), at, data.count(b"\n") + unfinished)

    def _finders_in(self, layout: Layout, block: Block) -> Sequence[Find] | None:
        """Those for a block of lines, if each text is in a line of its own."""
        wanted = self._sought is not None and layout.separate(block)
        return self._finders(block.data, block.size) if wanted else None

    def _finders(self, data: bytes | bytearray, size: int) -> Sequence[Find] | None:
        """What tells in these bytes which events are wanted; None if all of them are. What is left out then tells at
        least its time.
        """
        self._left_out = False
        if self._sought is None:
            return None
        depth = self._reading.depth
        exact = self._sought.exact(depth) if depth is not None and in_own_order(data, size, depth) else None
        found = exact or self._sought.words
        if found is not None:
            self._tally.watch(data, size, (self._reading.stamp,))
            self._left_out = True
            self._tally.events += data.find(self._reading.stamp, 0, size) >= 0
        return found

    def _block(self, found: Texts, at: int, height: int) -> Block:
        for step in self._reading.steps:
            found = step(found)
        texts, origins = self._sifted(found)
        text = b"\n".join([*texts, b""])
        if text.count(b"\n") != len(texts):
            text = b"".join([one_line(one) + b"\n" for one in texts])
        made = Block(bytearray(text), len(text), at, origins, height)
        if not self._left_out:
            self._tally.watch(made.data, made.size)
        return made

    def _sifted(self, found: Texts) -> Texts:
        """Without what is no event."""
        if not [text for text in found.texts if _ID not in text or not text.startswith(b"{")]:
            return found
        kept = Texts([], [])
        for text, origin in zip(found.texts, found.origins, strict=True):
            if text.startswith(DAMAGED):
                self._damage(origin, text.removeprefix(DAMAGED))
            elif text.startswith(LOST):
                why = text.removeprefix(LOST)
                self._damage(origin, why, why.decode())
            elif text.startswith(OTHERS):
                self._tally.of_another(text.removeprefix(OTHERS).decode("utf-8", "replace"))
            elif _ID in text and b"{" in text:
                kept.texts.append(text if text.startswith(b"{") else text[text.find(b"{") :])
                kept.origins.append(origin)
            elif b"{" in text and (b"auditID" in text or b"audit.k8s.io/" in text):
                self._damage(origin, text)
        return kept

    def _damage(self, origin: int, text: bytes, what: str = _DAMAGED) -> None:
        self._tally.damage(max(self._tally.lines + origin + 1, 1), what, text)


def in_own_order(data: bytes | bytearray, size: int, depth: int) -> bool:
    """Whether the first and the last event are as kube-apiserver writes them, inside `depth` JSON strings."""
    begin = escaped(OWN_ORDER, depth)[0]
    return all(
        at < 0 or data.rfind(begin, max(at - _BEFORE_ID, 0), at) >= 0
        for at in (data.find(b"auditID", 0, size), data.rfind(b"auditID", 0, size))
    )
