"""Lines that are not in the shape of their file: sorted by what they look like, each kind read as its own file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.literals import OWN_ORDER, Find
from kaudit_setup.auditlog.shapes.containers.cri import Cri
from kaudit_setup.auditlog.shapes.containers.cri_search import Sought, holding
from kaudit_setup.auditlog.shapes.documents import Spread
from kaudit_setup.auditlog.shapes.events import MARK, fields_of, is_event
from kaudit_setup.auditlog.shapes.forms import count_lines, finder
from kaudit_setup.auditlog.shapes.frames import Frame, Others, frame_of
from kaudit_setup.auditlog.shapes.lines import PLAIN_LINES
from kaudit_setup.auditlog.shapes.lists.nested import Nested
from kaudit_setup.auditlog.shapes.reading import Projecting, Reading, Step, Tell, Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind, kind_of, may_be_a_part
from kaudit_setup.auditlog.shapes.search_terms import SearchTerms, escaped

_ID: Final = b'"auditID"'
_KEPT_LINES: Final = 4096  # lines of which it is remembered where they stood
_BEGIN_BYTES: Final = 20  # bytes by which one writer's events are known
_MOST_BEGINS: Final = 64
_LOOK_BYTES: Final = 1 << 20
_LOOK_EVERY_BYTES: Final = 1 << 15
_TOLD_BY_LAYOUT: Final = frozenset({Kind.document, Kind.journal})
_FRAMED: Final = frozenset({Kind.cri, Kind.docker, Kind.record, Kind.prefixed})
_MOST_TRIES: Final = 5  # blocks whose lines have no frame, or another one than before
_SAMPLE_BYTES: Final = 1 << 15
_LONG_BYTES: Final = 1 << 14
_HEAD_BYTES: Final = 40
_BEFORE_ID: Final = 200  # bytes within which an event's ID follows its beginning, whatever escapes them


class Wanted(NamedTuple):
    """What tells which texts of a block are wanted; None if all of them are.

    `checked`: whether each of the other texts is looked at and is an event, by its bytes. `messages`: how many of the
    other lines are none, but the server's own messages; None if texts are not lines. `times`: when all of them were
    written, where the block does not say it as events do. `held`: the events that are wanted, where they have been
    taken out already.
    """

    finders: Sequence[Find] | None = None
    checked: bool = False
    messages: int | None = None
    times: bytes = b""
    held: Texts | None = None

    def left(self, found: Texts, lines: int) -> int:
        """How many events are in those of so many lines that are not in `found`, as far as that is known."""
        return 0 if self.messages is None else lines - found.count - self.messages


ALL: Final = Wanted()


def _projected(steps: Sequence[Step], decoder: Decoder) -> Sequence[Step]:
    """The same steps for who decodes all events with `decoder`."""
    last: object = steps[-1] if steps else None
    made = last.projected(decoder) if isinstance(last, Projecting) else None
    return (*steps[:-1], made) if made else steps


def _given(spans: list[tuple[int, int, int]]) -> Find:
    """What was found already."""
    return lambda _: spans


class Stream:
    """What a file holds in one shape, in whatever lines."""

    def __init__(self, reading: Reading, decoder: Decoder | None = None) -> None:
        """`decoder`: what all events are decoded with."""
        self.reading = reading
        self.layout = reading.layout()
        self._steps = _projected(reading.steps, decoder) if decoder else reading.steps
        if isinstance(self.layout, Spread):
            self.layout.decode(decoder, self._steps)
        self._numbers: list[int] = []
        self._begins: set[bytes] = set()
        self._frame: Frame | None = None
        self._tries = _MOST_TRIES
        self._head = b""  # how a long line begins

    @property
    def plain(self) -> bool:
        """Whether it is JSON lines."""
        return self.reading is PLAIN_LINES

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        """The events in a block, and what is none in it."""
        return self.apply(self.layout.cut(block, wanted))

    def apply(self, found: Texts) -> Texts:
        """From what the layout gave to events."""
        for step in self._steps:
            found = step(found)
        return found

    def wanted(self, block: Block, sought: SearchTerms, *, idle: bool) -> Wanted:
        """Of a block of lines. `idle`: whether no line was in another shape so far."""
        if self.plain:
            return ALL
        layout = self.layout
        if idle and isinstance(layout, Cri) and not layout.separate(block):
            return self._in_parts(layout, block, sought)
        if sought.checked and self.reading.kind in _FRAMED and self._framable:
            return self._framed(block, sought, messages=idle)
        # each text must be in a line of its own
        if not self.layout.separate(block):
            return ALL
        if self.reading.tell is not None:
            return self._told(block, sought, self.reading.tell)
        first, *more = self.reading.steps or [None]
        if isinstance(first, Nested) and not more:
            return self._listed(block, sought, first)
        if self.reading.kind in _TOLD_BY_LAYOUT:
            return self.telling(block.data, block.size, sought)
        if not sought.checked:
            return ALL if self._has_parts(block) else self.telling(block.data, block.size, sought)
        return self._signed(block, sought) if self.reading.signs else ALL

    def _has_parts(self, block: Block) -> bool:
        """Whether lines here and there are those of a container runtime, in a file in another shape."""
        data, kind = block.data, self.reading.kind
        places = block.here_and_there(_LOOK_EVERY_BYTES)
        return any(may_be_a_part(bytes(data[at:end]), kind) for at, end in places)

    @property
    def _framable(self) -> bool:
        """Whether each line may hold one event that is not rewritten."""
        listed = any(isinstance(step, Nested) for step in self.reading.steps[:1])
        return not listed and self.reading.tell is None and not self.reading.signs

    def _framed(self, block: Block, sought: SearchTerms, *, messages: bool) -> Wanted:
        """Of lines with one event each, if those that are otherwise are known by what stands around it."""
        depth = self.reading.depth
        exact = sought.exact(depth) if depth is not None and self.reading.stamp and self._tries else None
        if not exact or depth is None or self.layout.busy:
            return ALL
        others = self._others(block, depth, messages=messages)
        # each text must be in a line of its own
        if others is None or (others.lines and not self.layout.separate(block)):
            return ALL
        hits = [others.outside(find(block.view)) for find in exact]
        return Wanted(tuple(map(_given, [*hits, others.lines])), checked=True, messages=len(others.messages))

    def _in_parts(self, layout: Cri, block: Block, sought: SearchTerms) -> Wanted:
        exact = sought.exact(0)
        held = holding(layout, block, Sought(sought.texts, exact)) if exact else None
        return Wanted(exact, checked=True, times=held.times, held=held.texts) if held else ALL

    def _signed(self, block: Block, sought: SearchTerms) -> Wanted:
        """Of records that are mapped, if each of them is a whole event by its bytes."""
        whole = all(len(finder(sign)(block.view)) == block.height for sign in self.reading.signs)
        return (
            Wanted(sought.words, checked=True, messages=0) if whole and sought.words and self.reading.stamp else ALL
        )

    def _listed(self, block: Block, sought: SearchTerms, lists: Nested) -> Wanted:
        """Of records with lists of events, if each of these is whole by its bytes: all, or those of some records."""
        otherwise = ALL if sought.checked else self.telling(block.data, block.size, sought)
        depth = self.reading.depth
        exact = sought.exact(depth) if depth is not None and self.reading.stamp else None
        if not exact or depth is None or otherwise.finders not in {None, exact}:
            return otherwise
        found = self.layout.cut(block, otherwise.finders)
        held = lists.holding(found, depth, exact) if found.count else found
        return otherwise if held is None else Wanted(exact, checked=sought.checked, held=held)

    def _told(self, block: Block, sought: SearchTerms, tell: Tell) -> Wanted:
        """Of lines that become events, if most of them are whole by their bytes."""
        words = sought.mapped
        if words is None:
            return ALL
        told = tell(block, controls=sought.escapes)
        if len(told.odd) > block.height:
            return ALL
        return Wanted((*words, _given(told.odd)), checked=True, messages=0, times=told.times)

    def telling(self, data: bytes | bytearray, size: int, sought: SearchTerms) -> Wanted:
        """Of these bytes, where nobody wants to know what the rest is, or the layout looks at it."""
        depth = self.reading.depth
        if not self.reading.stamp:
            return ALL
        exact = sought.exact(depth) if depth is not None and in_own_order(data, size, depth) else None
        return Wanted(exact or sought.words, checked=sought.checked)

    def _others(self, block: Block, depth: int, *, messages: bool) -> Others | None:
        """As `Frame.others`; None, too, if the lines have no frame."""
        if self._frame is None and self.reading.kind in _FRAMED:
            self._frame = frame_of(self._samples(block), depth)
        found = self._frame.others(block, messages=messages) if self._frame else None
        if found is None or len(found.lines) > block.height // 2:
            # it may be that of a few lines, or of another time
            self._frame, found = None, None
            self._tries -= 1
        return found

    def _samples(self, block: Block) -> Iterator[tuple[bytes, bytes]]:
        for line in bytes(block.data[: min(block.size, _SAMPLE_BYTES)]).split(b"\n")[:-1]:
            alone = Block(bytearray(line + b"\n"), len(line) + 1, 0, None, 1)
            made = self.apply(self.reading.layout().cut(alone, None))
            if made.count == 1 and made.texts[0].startswith(OWN_ORDER) and made.texts[0].endswith(b"}"):
                yield line, made.texts[0]

    def begins(self, block: Block) -> bool:
        """Whether a block begins as a long line in this shape did, which is not looked at to its end."""
        return bool(self._head) and block.data.startswith(self._head)

    def goes_on(self, line: bytes) -> bool:
        """Whether a line is in this shape."""
        found = kind_of(line) is self.reading.kind
        if found and len(line) > _LONG_BYTES:
            self._head = line[:_HEAD_BYTES]
        return found

    def gather(self, lines: Texts) -> Texts:
        """The same of single lines, of which the origins are their numbers in the file."""
        before = len(self._numbers)
        for text, number in zip(lines.texts, lines.origins, strict=True):
            # what a record holds may have line breaks of its own
            self._numbers += [number] * (text.count(b"\n") + 1)
        data = b"\n".join([*lines.texts, b""])
        found = self.layout.cut(Block(bytearray(data), len(data), 0, None, count_lines(data)), None)
        numbers = [self._numbers[max(before + origin, 0)] for origin in found.origins]
        del self._numbers[:-_KEPT_LINES]
        return self.apply(Texts(found.texts, numbers))

    def numbered(self, line: int) -> None:
        """The lines that went before end at this one."""
        self._numbers = list(range(max(line - _KEPT_LINES, 0), line))

    def rest(self) -> Texts:
        """What is left at the end of the file, with the numbers of its lines if they were gathered."""
        found = self.layout.rest()
        if self._numbers:
            last = len(self._numbers)
            numbers = [self._numbers[min(max(last + at, 0), last - 1)] for at in found.origins]
            found = Texts(found.texts, numbers)
        return self.apply(found)

    def is_event(self, text: bytes) -> bool:
        """Whether a text is an event that is written in another order than kube-apiserver's."""
        if not (text.startswith(b"{") and text.endswith(b"}")) or _ID not in text:
            return False
        if b"\n" in text and not fields_of(text):
            return False  # several in one string
        # a record's event was found by its steps
        if self.reading.kind in {Kind.record, Kind.document} or text[:_BEGIN_BYTES] in self._begins:
            return True
        found = is_event(fields_of(text))
        if found and len(self._begins) < _MOST_BEGINS:
            self._begins.add(text[:_BEGIN_BYTES])
        return found


class OddLines:
    """Reads what is left of a file when the events in its main shape were taken out."""

    def __init__(self) -> None:
        self._streams: dict[Kind, Stream] = {}
        self._waiting: dict[Kind, Texts] = {}
        self._made = Texts([], [])
        """What lines that waited became, and was not given out yet."""
        self._kind = Kind.text  # of the last line that has one
        self._line = _KEPT_LINES  # and lines before the present block, or before those that were counted

    def stream(self, reading: Reading) -> Stream:
        """The one that reads this kind of lines, after those that waited: what it is given next stands behind."""
        stream = self._streams.setdefault(reading.kind, Stream(reading))
        if waited := self._waiting.pop(reading.kind, None):
            self._add(self._made, stream.gather(waited))
        return stream

    @property
    def names(self) -> list[str]:
        """What the shapes are called in which something was read."""
        return [stream.reading.name for stream in self._streams.values()]

    @property
    def idle(self) -> bool:
        """Whether no line was in another shape than its file so far."""
        return self._kind is Kind.text

    def go_on(self, height: int) -> None:
        """A block of so many lines is done."""
        self._line += height

    def read(self, lines: Texts, main: Kind) -> tuple[Texts, Texts]:
        """The events in `lines` of the present block, and of all that was read; and the lines that were not."""
        left = Texts([], [])
        for text, origin in zip(lines.texts, lines.origins, strict=True):
            kind = self._kind_of(text)
            if kind in {main, Kind.text, Kind.plain}:
                left.add(text, origin)
            else:
                self._waiting.setdefault(kind, Texts([], [])).add(text, self._line + origin)
        return self._read(left, last=False), left

    def _read(self, left: Texts, *, last: bool) -> Texts:
        """What the lines that wait become; those that cannot be read go to `left`."""
        made, self._made = self._made, Texts([], [])
        for kind, group in list(self._waiting.items()):
            stream = self._streams.get(kind) or self._detected(group)
            if stream is None and not last and sum(map(len, group.texts)) < _LOOK_BYTES:
                continue  # until more of it is seen
            self._add(made if stream else left, stream.gather(group) if stream else group)
            del self._waiting[kind]
        return made

    def _add(self, into: Texts, found: Texts) -> None:
        """Take in texts whose origins are the numbers of their lines in the file."""
        into.extend(found.texts, [number - self._line for number in found.origins])

    def part(self, main: Stream) -> Stream:
        """Read the lines of `main` like those of any other shape from here on; what they all stand in then."""
        main.numbered(self._line)
        self._streams[main.reading.kind] = main
        return self.stream(PLAIN_LINES)

    def rest(self, main: Stream) -> tuple[Texts, Texts]:
        """What is left of all of them at the end, as `read` gives it, counted from the line behind the last block."""
        found = main.rest()
        left = Texts([], [])
        rest = self._read(left, last=True)
        rest.extend(found.texts, found.origins)
        for stream in self._streams.values():
            if stream is not main:
                more = stream.rest()
                rest.extend(more.texts, [number - self._line for number in more.origins])
        return rest, left

    def _kind_of(self, text: bytes) -> Kind:
        if text.startswith(MARK):
            return Kind.text
        kind = kind_of(text)
        if kind is not Kind.text:
            self._kind = kind
        return self._kind

    def _detected(self, group: Texts) -> Stream | None:
        from kaudit_setup.auditlog.shapes.recognition.detect import detect

        found = detect(b"\n".join(group.texts)[:_LOOK_BYTES], whole=True)
        return self._streams.setdefault(found.kind, Stream(found)) if found else None


def in_own_order(data: bytes | bytearray, size: int, depth: int) -> bool:
    """Whether the first and the last event are as kube-apiserver writes them, inside `depth` JSON strings."""
    begin = escaped(OWN_ORDER, depth)[0]
    return all(
        at < 0 or data.rfind(begin, max(at - _BEFORE_ID, 0), at) >= 0
        for at in (data.find(b"auditID", 0, size), data.rfind(b"auditID", 0, size))
    )
