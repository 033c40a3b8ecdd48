"""A file in another shape, or in several, → blocks of JSON lines, each line with its place in the file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple, Protocol

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.documents import LONGEST_BYTES, Documents, Spread, one_line
from kaudit_setup.auditlog.shapes.embedded import embedded
from kaudit_setup.auditlog.shapes.events import DAMAGED, LOST, MARK, OTHERS
from kaudit_setup.auditlog.shapes.forms import count_lines
from kaudit_setup.auditlog.shapes.lines import PLAIN_LINES
from kaudit_setup.auditlog.shapes.odd_lines import ALL, OddLines, Stream, Wanted
from kaudit_setup.auditlog.shapes.reading import Reading, Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import OWN_MESSAGE, Kind, kind_of
from kaudit_setup.auditlog.shapes.search_terms import SearchTerms

_ID: Final = b'"auditID"'
_DAMAGED: Final = "an event that is damaged"
_SMALL_BYTES: Final = 1 << 16  # bytes of a block in which every line is looked at
_LOOK_EVERY_BYTES: Final = 1 << 14
_HEAD_BYTES: Final = 1 << 16


class Readable(Protocol):
    """Bytes to read, wherever they come from."""

    def readinto(self, into: memoryview, /) -> int | None:
        """Fill `into`, at least a part of it; 0 at the end."""
        ...


class Part(NamedTuple):
    """Bytes of a file: from `start`, where something begins, to `end`, where something seems to end; -1 for all."""

    start: int = 0
    end: int = -1


def _left(stop: int, at: int, room: int) -> int:
    """How many bytes to read, of at most `room`."""
    return room if stop < 0 else min(room, stop - at)


class Converter:
    """Runs a file, or a part of it, through its reading.

    What is no event and was none (the server's own messages, the other fields of a journal) is left out; what was one
    and is damaged is counted in `tally`, as is the time that is covered. Lines in other shapes are read, too.
    """

    def __init__(
        self, reading: Reading | None, tally: Tally, sought: SearchTerms | None = None, decoder: Decoder | None = None
    ) -> None:
        """`reading`: None for JSON lines. `sought`: events that hold none of it may be left out. `decoder`: what all
        events are decoded with.
        """
        self._main = Stream(reading or PLAIN_LINES, decoder)
        self._decoder = decoder
        self._odd = OddLines()
        self._tally = tally
        self._sought = sought
        self._left_out = False  # of the present block, what nobody asks for
        # to count the lines of a document takes as long as to search it
        self._counts = not sought or sought.checked or self._main.reading.kind is not Kind.document

    @property
    def goes_on(self) -> bool:
        """Whether something goes on behind what was read, where one who begins there could not know."""
        return self._main.reading.seeming and self._main.layout.busy

    def lines(self, raw: Iterable[Block]) -> Iterator[Block]:
        """What blocks of whole lines become."""
        at = 0
        for block in raw:
            self._turn(block)
            at = block.at + block.size
            yield block if self._main.plain and self._all_plain(block) else self._converted(block)
        self._left_out = False
        kept = Texts([], [])
        self._settle(kept, *self._odd.rest(self._main))
        if kept.texts:
            yield self._made(kept.in_order(), at, 0)

    def _all_plain(self, block: Block) -> bool:
        """Whether a block may be given out as it is."""
        if not all_of(block, _IN_LINES):
            return False
        self._tally.watch(block.data, block.size)
        self._tally.looks_like(self._main.reading.name)
        return True

    def _converted(self, block: Block) -> Block:
        block.height = self._height(block.data, block.size)
        wanted = self._main.wanted(block, self._sought, idle=self._odd.idle) if self._sought else ALL
        self._leave_out(block.data, block.size, wanted)
        if wanted.held is not None:
            self._tally.events += wanted.held.others
            return self._block(wanted.held, block)
        found = self._main.layout.cut(block, wanted.finders)
        self._tally.events += wanted.left(found, block.height) + found.others
        return self._block(self._main.apply(found), block)

    def _height(self, data: bytes | bytearray, size: int) -> int:
        """How many lines these are; 0 where nobody asks."""
        asked = self._counts or self._main.reading.kind is not Kind.document
        return count_lines(data, size) if asked else 0

    def _leave_out(self, data: bytes | bytearray, size: int, wanted: Wanted) -> None:
        """What is left out of these bytes tells at least its time, and that something is there."""
        self._left_out = wanted.finders is not None
        if wanted.times:
            self._tally.watch(wanted.times, len(wanted.times))
        elif self._left_out:
            stamp = self._main.reading.stamp
            self._tally.watch(data, size, (stamp,))
            self._tally.events += not wanted.checked and data.find(stamp, 0, size) >= 0

    def documents(self, source: Readable, documents: Documents, room: int, part: Part) -> Iterator[Block]:
        """What a part of a stream of JSON becomes that does not keep to lines. Reads about `room` bytes at once."""
        at, data, piece = part.start, bytearray(), memoryview(bytearray(room))
        stop = part.end + documents.overlap if part.end >= 0 else -1
        while size := source.readinto(piece[: _left(stop, at + len(data), room)]) or 0:
            data += piece[:size]
            wanted = self._main.telling(data, len(data), self._sought) if self._sought else ALL
            self._leave_out(data, len(data), wanted)
            found, used = documents.take(data, last=False, finders=wanted.finders, decoder=self._decoder)
            if not used and len(data) >= 2 * LONGEST_BYTES:
                self._tally.lose(f"an event longer than {LONGEST_BYTES >> 20} MiB")
                used = len(data)
            if used:
                self._tally.events += found.others
                yield self._block(self._main.apply(found), Block(data, used, at, None, self._height(data, used)))
                at += used
                del data[:used]
            if at + len(data) == stop:
                if at == part.end:
                    return
                # the end is inside of an element: the part behind it does not begin where it seems to
                stop, self._tally.overran = -1, True
        self._left_out = False
        found, _ = documents.take(data, last=True, finders=None)
        if data and not data.endswith(b"\n"):
            data += b"\n"
        rest = Block(data, len(data), at, None, self._height(data, len(data)))
        yield self._block(self._main.apply(found), rest)

    def _turn(self, block: Block) -> None:
        """Go on in another shape, if the whole block seems to be in it."""
        layout = self._main.layout
        known = block.data.find(b"\n") + 1 if isinstance(layout, Spread) and layout.element_follows else 0
        if self._main.reading.kind is Kind.document and not all_of(block, _IN_DOCUMENTS, known):
            self._main = self._odd.part(self._main)
        if self._main.layout.busy or self._main.begins(block):
            return
        first = bytes(block.data[: block.data.find(b"\n", 0, block.size)])
        if self._main.goes_on(first):
            return
        last = bytes(block.data[block.data.rfind(b"\n", 0, block.size - 1) + 1 : block.size - 1])
        kinds = {kind_of(first), kind_of(last)}
        if self._main.reading.kind in kinds or len(kinds) > 1 or kinds & {Kind.text, Kind.document, Kind.journal}:
            return
        from kaudit_setup.auditlog.shapes.recognition.detect import detect

        found = detect(bytes(block.view[:_HEAD_BYTES]), whole=False)
        if Kind.plain in kinds or found is not None:
            self._main = self._odd.stream(found or PLAIN_LINES)

    def _block(self, found: Texts, of: Block) -> Block:
        """What a block becomes, of what was found in it."""
        self._tally.looks_like(self._main.reading.name)
        made = self._made(self._sifted(found), of.at, of.height)
        # behind the first odd line the numbers of lines are compared
        self._odd.go_on(of.height if self._counts or self._odd.idle else count_lines(of.data, of.size))
        return made

    def _made(self, found: Texts, at: int, height: int) -> Block:
        events = found.decode(self._decoder)
        if events is None and found.own and found.lines is None:
            found = _line_by_line(found)
        if events is None:
            text = _in_one_piece(found)
            known = found.sizes
            made = Block(text, len(text), at, found.places, height, known, counted=self._counts, begins=found.begins)
        else:
            sizes = found.sizes or []
            lines = partial(_in_one_piece, found)
            made = Block(lines, sum(sizes), at, found.places, height, sizes, events, counted=self._counts)
        if not self._left_out:
            self._watch(found, made)
        else:
            for text in found.texts:
                if not text.startswith(_OF_V1):
                    self._tally.version(text)
        return made

    def _watch(self, found: Texts, made: Block) -> None:
        times, few = found.times, found.few
        if times:
            self._tally.watch(times, len(times))
        elif not few or not self._tally.watch_few(few):
            self._tally.watch(made.data, made.size)

    def _sifted(self, found: Texts) -> Texts:
        """Without what is no event, and with what is one in another shape."""
        # the quick way for what is nearly always so
        if found.own:
            return found
        odd = found.otherwise()
        others = [(at, text) for at, text in zip(odd, found.some(odd), strict=True) if not self._main.is_event(text)]
        if not others:
            return found
        kept = found.without(at for at, _ in others)
        if self._odd.idle:
            # the server's own messages, which nothing follows: most of what stands between events in its output
            others = [(at, text) for at, text in others if not OWN_MESSAGE(text)]
            if not others:
                return kept
        origins = found.origins
        strange = Texts([text for _, text in others], [origins[at] for at, _ in others])
        self._settle(kept, *self._odd.read(strange, self._main.reading.kind))
        return kept.in_order()

    def _settle(self, kept: Texts, made: Texts, left: Texts) -> None:
        """Add to `kept` what is an event of what odd lines became, and of what they are."""
        for name in self._odd.names:
            self._tally.looks_like(name)
        if self._main.plain:
            # who reads JSON lines says what is wrong with them
            kept.extend(left.texts, left.origins)
        for texts in (made,) if self._main.plain else (made, left):
            for text, origin in zip(texts.texts, texts.origins, strict=True):
                self._take(kept, text, origin)

    def _take(self, kept: Texts, text: bytes, origin: int) -> None:
        # a line of JSON over several lines may be a part of what a client sent
        inside = [] if text.startswith(MARK) or self._main.reading.kind is Kind.document else embedded(text)
        for one in inside or [text]:
            self._take_one(kept, one, origin)

    def _take_one(self, kept: Texts, text: bytes, origin: int) -> None:
        if text.startswith(MARK):
            self._mark(text, origin)
        elif _ID in text and b"{" in text:
            kept.add(text if text.startswith(b"{") else text[text.find(b"{") :], origin)
        elif b"{" in text and (b"auditID" in text or b"audit.k8s.io/" in text):
            self._damage(origin, text)

    def _mark(self, text: bytes, origin: int) -> None:
        """What a step says of a text that is no event."""
        if text.startswith(DAMAGED):
            self._damage(origin, text.removeprefix(DAMAGED))
        elif text.startswith(LOST):
            why = text.removeprefix(LOST)
            self._damage(origin, why, why.decode())
        elif text.startswith(OTHERS):
            self._tally.of_another(text.removeprefix(OTHERS).decode("utf-8", "replace"))

    def _damage(self, origin: int, text: bytes, what: str = _DAMAGED) -> None:
        line = max(self._tally.lines + origin + 1, 1) if self._counts else 0
        self._tally.damage(line, what, text)


def _line_by_line(found: Texts) -> Texts:
    """Strings of which some hold several events, each in a line of its own."""
    made = Texts([], [])
    for text, origin in zip(found.texts, found.origins, strict=True):
        lines = text.split(b"\n")
        made.extend(lines, [origin] * len(lines))
    return made


def _in_one_piece(found: Texts) -> bytes:
    lines = found.lines
    if lines is not None:
        return lines
    lines = b"\n".join([*found.texts, b""])
    if count_lines(lines) != found.count:
        lines = b"".join([one_line(one) + b"\n" for one in found.texts])
    return lines


_OF_V1: Final = OWN_ORDER + b'v1"'
_BRACE: Final = ord("}")
_INSIDE: Final = b" \t}]"  # how a line begins that is a part of JSON over several lines
_IN_LINES: Final = frozenset({Kind.plain, Kind.text})
_IN_DOCUMENTS: Final = frozenset({Kind.document, Kind.text})


def _is_own(data: bytes | bytearray, begin: int, end: int, size: int) -> bool:
    """Whether a line is surely an event."""
    del size
    return data[end - 1] == _BRACE and data.startswith(OWN_ORDER, begin)


def _in_spread(data: bytes | bytearray, begin: int, end: int, size: int) -> bool:
    """Whether a line is surely a part of JSON over several lines; one before the end of an array is, and one behind a
    comma.
    """
    around = data.startswith(b"]", end + 1, size) or data.endswith((b",\n", b",\r\n"), 0, begin)
    return around or data[begin] in _INSIDE


def all_of(block: Block, kinds: Collection[Kind], start: int = 0) -> bool:
    """Whether lines here and there in a block, from byte `start` on, are of these kinds, those of JSON lines or of
    JSON over several lines; all of them in a small one.
    """
    if block.blank:
        return True
    data, size = block.data, block.size
    known = _in_spread if Kind.document in kinds else _is_own
    places = block.here_and_there(1 if size < _SMALL_BYTES else _LOOK_EVERY_BYTES, start)
    return all(known(data, at, end, size) or kind_of(bytes(data[at:end])) in kinds for at, end in places)
