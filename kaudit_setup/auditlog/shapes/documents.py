"""JSON that does not keep to lines: arrays, pretty-printed values, lists inside an object; in constant memory.

Elements stand one behind another with the same bytes between them, which are learned from the first two. So a stretch
of them is decoded in one go, which proves that it begins and ends between elements: what a client put into a request,
however like an event it looks, is never taken for one. Where a stretch does not decode, brackets are counted. A
search decodes only what has bodies: nothing else in an event can hold what stands between elements.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.events import ITEMS, REFUSED, compact, damaged, fields_of
from kaudit_setup.auditlog.shapes.forms import Decoded, Values, count_lines, finder
from kaudit_setup.auditlog.shapes.reading import Lister, Step, Texts

T = TypeVar("T")
LONGEST_BYTES: Final = 16 << 20
"""An element that is longer is given up."""
LISTS: Final = ("items", "records", "events", "logEvents", "Records", "hits", "results", "data")
"""Keys of an object under which its elements are: EventList, Azure, CloudWatch, Elasticsearch, Splunk, Datadog."""
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]', re.DOTALL)
_BARE: Final = rb"[^{}\[\]]"
_ONE: Final = rb"\{" + _BARE + rb"*\}|\[" + _BARE + rb"*\]"
_TWO: Final = rb"(?:" + _BARE + rb"|" + _ONE + rb")*"
_FLAT: Final = rb"(?:" + _BARE + rb"|\{" + _TWO + rb"\}|\[" + _TWO + rb"\])*?"
# Elasticsearch has its list in an object of the same name
_WRAPPER: Final = re.compile(
    rb"\{" + _FLAT + rb'"(?:(' + "|".join(LISTS).encode() + rb')"\s*:\s*\[|hits"\s*:\s*(?=\{))'
)
_WRAPPER_BYTES: Final = 1 << 12  # bytes within which a list begins
_MOST_DAMAGED: Final = 20  # elements of a stretch whose end is looked for by counting brackets
_COMMON_BYTES: Final = 40
_COMMA: Final = ord(",")
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_SAMPLE_BYTES: Final = 1 << 10  # of an element that is given up
_TRUNCATED: Final = "truncated"
_ID: Final = b'"auditID"'  # which an event has once, unless another one is in its body
_BODY: Final = b'Object"'  # of a request or a response


class Taken(NamedTuple):
    """Elements as JSON in one line, in which line of the stretch each begins, and how many of its bytes are done."""

    found: Texts
    used: int


class Separator(msgspec.Struct, frozen=True):
    """What stands between two elements: the end of one, from its closing brace (and the space before it) on, and the
    beginning of the next. `close`: up to where it belongs to the first; `open`: from where it belongs to the next.
    `indented`: whether only elements can stand so, as what is inside of them is indented further.
    """

    text: bytes
    close: int
    open: int
    indented: bool

    @property
    def find(self) -> Find:
        """Finds it, quickly."""
        return finder(self.text)

    @property
    def glue(self) -> bytes:
        """What belongs to neither."""
        return self.text[self.close : self.open]

    def line(self, window: bytes) -> int:
        """Where the first line begins in which an element does, if it begins in another line than the one before it
        ends in; -1 if there is none.
        """
        at = window.find(self.text)
        return window.rfind(b"\n", 0, at + self.open) + 1 if at >= 0 else -1

    @property
    def comma(self) -> bool:
        """Whether the elements are those of one array."""
        return b"," in self.glue

    @property
    def bare(self) -> bool:
        """Whether nothing else is between them: a bracket belongs to an element that is damaged, or to what they are
        in.
        """
        return not self.glue.strip(b" \t\r\n,")


def wrapper_key(head: bytes) -> str:
    """Under which key of an object the elements are; empty if they are not in one."""
    found = _WRAPPER.match(head, 0, _WRAPPER_BYTES)
    while found is not None and not found[1]:
        found = _WRAPPER.match(head, found.end(), found.end() + _WRAPPER_BYTES)
    return found[1].decode() if found else ""


def learn(head: bytes) -> Separator | None:
    """What separates the first two elements in `head`; None if there are no two."""
    first = _element(head, 0)
    if first is None:
        return None
    second = _element(head, first[1])
    if second is None:
        return None
    begin, end = first
    space = len(head[: end - 1]) - len(head[: end - 1].rstrip())
    line = head.rfind(b"\n", 0, begin) + 1
    indent = head[line:begin]
    indented = not indent.strip() and space > 0 and head[end - 1 - space : end - 1] == b"\n" + indent
    # where indentation tells elements from all else, they may begin in any way
    size = 1 if indented else _COMMON_BYTES
    common = _common(head[begin : begin + size], head[second[0] : second[0] + size])
    text = head[end - 1 - space : second[0]] + common
    return Separator(text, space + 1, space + 1 + second[0] - end, indented)


def _element(text: bytes, at: int) -> tuple[int, int] | None:
    """Where the next element is; None if there is no whole one."""
    begin = _begin(text, at)
    end = end_of(text, begin) if begin >= 0 else -1
    return (begin, end) if end > 0 else None


def _begin(text: bytes | bytearray, at: int) -> int:
    """Where the next element begins, inside of what it is wrapped in; -1 if nowhere."""
    while (at := text.find(b"{", at)) >= 0:
        wrapper = _WRAPPER.match(text, at, at + _WRAPPER_BYTES)
        if wrapper is None:
            return at
        at = wrapper.end()
    return -1


def end_of(text: bytes | bytearray, begin: int) -> int:
    """Where the object that begins there ends, by its brackets; -1 if it does not."""
    level = 0
    for token in _TOKEN.finditer(text, begin):
        first = text[token.start()]
        if first in b"[{":
            level += 1
        elif first in b"]}":
            level -= 1
            if not level:
                return token.end()
    return -1


def _common(one: bytes, other: bytes) -> bytes:
    size = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[: max(size, 1)]


class Documents:
    """The elements of a file, a stretch at a time."""

    def __init__(
        self, separator: Separator | None, signs: Sequence[bytes] = (), records: Lister | None = None
    ) -> None:
        """`separator`: None where there is one element only, or every one looks different. `signs`: each of them is
        once in each element that holds an event; if there are none, elements are events themselves. `records`: reads
        elements that have their events in strings.
        """
        self._separator = separator
        self._signs = tuple(signs)
        self._records = records

    def signed(self, signs: Sequence[bytes], records: Lister | None) -> Documents:
        """The same for elements that are known better."""
        return Documents(self._separator, signs, records)

    def read_by(self, lister: Lister) -> Documents:
        """The same for who reads elements that are indented by itself."""
        indented = self._separator is not None and self._separator.indented
        return self.signed(self._signs, lister) if indented else self

    @property
    def border(self) -> Callable[[bytes], int] | None:
        """See `Reading.border`; None if elements do not begin in lines of their own."""
        sep = self._separator
        return sep.line if sep is not None and b"\n" in sep.glue else None

    def behind(self, window: bytes) -> int:
        """Where the first element ends that ends in `window`, if what follows it is what separates elements; -1 if
        none does. In an element there may be a list of others that look the same: only who reads the file up to
        there knows whether it is one.
        """
        found = window.find(self._separator.text) if self._separator else -1
        return found + self._separator.close if self._separator and found >= 0 else -1

    @property
    def overlap(self) -> int:
        """How many bytes behind the end of an element tell that another one follows."""
        return len(self._separator.text) - self._separator.close if self._separator else 0

    def take(
        self,
        data: bytearray,
        *,
        last: bool,
        finders: Sequence[Find] | None,
        decoder: Decoder | None = None,
    ) -> Taken:
        """What of `data` is whole; it begins between elements, and must stay as it is until the origins of what is
        found have been asked for. `last`: nothing follows. `finders`: elements in which
        none of them finds anything may be left out, if all of them seem to hold events. `decoder`: for those who
        want events decoded, which may be done at once. Elements that are damaged are among the texts, as they are.
        """
        begin = _begin(data, 0)
        if begin < 0:
            return Taken(Texts([], []), _glue(data, last))
        end = data.rfind(self._separator.text, begin) if self._separator else -1
        if self._separator is None or end < 0:
            return self._slowly(data, last)
        stretch = _Stretch(data, begin, end + self._separator.close, self._separator)
        held = stretch.holding(finders, self._signs) if finders is not None else None
        found = held or (stretch.read(self._records) if self._records else None) or stretch.whole(decoder)
        return Taken(found, stretch.end) if found else self._slowly(data, last)

    def _slowly(self, data: bytearray, last: bool) -> Taken:
        pieces: list[tuple[int, bytes]] = []
        used = damaged = 0
        while (begin := _begin(data, used)) >= 0:
            end = end_of(data, begin) if damaged < _MOST_DAMAGED else -1
            if end < 0 or not fields_of(bytes(data[begin:end])):
                following = self._following(data, begin)
                # what seems to follow may be in it: in what a client has sent
                unsure = following < 0 or (end < 0 and _goes_on(memoryview(data)[begin:]))
                if unsure and end < 0 and not last and len(data) < LONGEST_BYTES:
                    break
                damaged += 1
                end = min((at for at in (end, following) if at >= 0), default=len(data))
            pieces.append((begin, bytes(data[begin:end])))
            used = end
        lines, line, done = [], 0, 0
        for at, _ in pieces:
            line += data.count(b"\n", done, at)
            done = at
            lines.append(line)
        return Taken(Texts([one_line(text) for _, text in pieces], lines), len(data) if last else used)

    def _following(self, data: bytearray, begin: int) -> int:
        """Where the element after the one that begins there may begin; -1 if it is not to be seen."""
        found = data.find(self._separator.text, begin) if self._separator else -1
        return found + self._separator.close if self._separator and found >= 0 else -1


class _Stretch:
    """Some elements of a file, from the beginning of one to the end of another."""

    def __init__(self, data: bytearray, begin: int, end: int, separator: Separator) -> None:
        """They are `data[begin:end]`."""
        self.end = end
        self._data = data
        self._begin = begin
        self._separator = separator

    @property
    def _view(self) -> memoryview:
        return memoryview(self._data)[self._begin : self.end]

    def whole(self, decoder: Decoder | None) -> Texts | None:
        """All elements; None if they are not what stands between separators."""
        with suppress(*REFUSED):
            lines = self._lines_of_all(decoder)
            return Texts.of(lines, partial(self._origins, len(lines)))
        return None

    def read(self, records: Lister) -> Texts | None:
        """All elements as records, without a text for each; None if they cannot be read so."""
        with suppress(*REFUSED):
            found = _deeper_down(lambda: self._as_array(records.listed))
            return Texts.of(Decoded(found, records, self._lines_of_all), partial(self._origins, len(found)))
        return None

    def _lines_of_all(self, decoder: Decoder | None = None) -> Values:
        """Raises one of REFUSED."""
        if self._separator.indented:
            array = self._as_array(compact)
            lines = _decoded(memoryview(array)[1:-1], b",", decoder) or Values.of(ITEMS.decode(array))
        else:
            lines = (
                _decoded(self._view, self._separator.glue, decoder)
                or Values.of(self._items())
                or Values.of(self._items(compacted=True))
            )
        if lines is None:
            raise ValueError("elements over several lines")
        return lines

    def holding(self, finders: Sequence[Find], signs: Sequence[bytes]) -> Texts | None:
        """The elements in which something is found; None if some of them may hold no event, or may be damaged."""
        view, sep = self._view, self._separator
        separators = sep.find(view)
        count = len(separators) + 1
        if not self._all_hold(signs, count):
            return None
        hits = {start for find in finders for _, start, _ in find(view)}
        held = sorted({bisect_right(separators, hit - sep.close, key=itemgetter(1)) for hit in hits})
        begins = [separators[at - 1][1] + sep.open if at else 0 for at in held]
        ends = [separators[at][1] + sep.close if at < count - 1 else len(view) for at in held]
        texts = [one_line(bytes(view[begin:end])) for begin, end in zip(begins, ends, strict=True)]
        return Texts(texts, partial(self._lines, begins), count - len(held), [self._begin + at for at in begins])

    def _all_hold(self, signs: Sequence[bytes], count: int) -> bool:
        """Whether each of so many elements seems to hold an event."""
        sep = self._separator
        alike = sep.indented or signs or self._data.startswith(sep.text[sep.open :], self._begin, self.end)
        if not alike or any(self._times(sign) != count for sign in signs or (_ID,)):
            return False
        if self._data.find(b"\0", self._begin, self.end) >= 0:
            return False
        # what separates elements cannot stand in a string, and only a body has objects in an array
        return sep.indented or (sep.bare and not self._times(_BODY)) or self._count() == count

    def _times(self, sign: bytes) -> int:
        return len(finder(sign)(self._view))

    def _items(self, *, compacted: bool = False) -> list[msgspec.Raw]:
        """The elements. Raises one of REFUSED if it is no JSON."""
        return self._as_array(lambda text: ITEMS.decode(compact(text) if compacted else text))

    def _as_array(self, read: Callable[[bytes | memoryview], T]) -> T:
        """What is read of all elements as one array."""
        data, begin, end, sep = self._data, self._begin, self.end, self._separator
        glue = sep.glue
        if not glue or not begin:
            between = sep.text if sep.comma else b",".join((sep.text[: sep.close], sep.text[sep.close :]))
            return read(b"[" + data[begin:end].replace(sep.text, between) + b"]")
        # without a copy: for a moment, what stands around them becomes the brackets of an array, or one of its commas
        around = data[begin - 1], data[end]
        spaces = [] if sep.comma else [begin + at + sep.close for _, at, _ in sep.find(self._view)]
        try:
            data[begin - 1], data[end] = b"[]"
            for at in spaces:
                data[at] = _COMMA
            return read(memoryview(data)[begin - 1 : end + 1])
        finally:
            for at in spaces:
                data[at] = glue[0]
            data[begin - 1], data[end] = around

    def _count(self) -> int:
        """How many elements there are, as JSON has it; none if it is no JSON."""
        try:
            return len(self._items())
        except REFUSED:
            return 0

    def _origins(self, count: int) -> list[int]:
        """The line of each of so many elements."""
        begins = [0, *(at + self._separator.open for _, at, _ in self._separator.find(self._view))]
        if len(begins) != count:  # what looks like a separator is in an element, too
            begins = list(_places(list(map(bytes, self._items())), bytes(self._view)))
        return self._lines(begins)

    def _lines(self, begins: Iterable[int]) -> list[int]:
        """In which line each of these bytes is."""
        lines: list[int] = []
        line, done = count_lines(self._data, self._begin), self._begin
        for at in begins:
            line += count_lines(self._data, self._begin + at, done)
            done = self._begin + at
            lines.append(line)
        return lines


def _deeper_down(read: Callable[[], T], calls: int = 50) -> T:
    """What is read that many calls further down. Python stops at some depth, of calls and of what is nested in JSON
    together: what can be read there can be read again, as lines, by whoever asks for them.
    """
    return _deeper_down(read, calls - 1) if calls else read()


def _decoded(text: bytes | memoryview, glue: bytes, decoder: Decoder | None) -> Values | None:
    """See `Values.decoded`; None, too, if nobody wants it, or not all can be decoded."""
    with suppress(*REFUSED):
        return Values.decoded(text, glue, decoder) if decoder else None
    return None


def _goes_on(text: memoryview) -> bool:
    """Whether more has to be seen of a JSON value, in which nothing is wrong so far."""
    try:
        # of half a number nobody knows whether it is one
        _ANY.decode(bytes(text).rstrip(b"+-.0123456789Ee"))
    except REFUSED as error:
        return _TRUNCATED in str(error)
    return False


def _glue(data: bytearray, last: bool) -> int:
    """How much of what stands between elements is done: a wrapper may have begun."""
    return len(data) if last or b"{" not in data else 0


def _places(items: Sequence[bytes], text: bytes) -> Iterator[int]:
    at = 0
    for item in items:
        at = text.find(item, at)
        yield at
        at += len(item)


def one_line(text: bytes) -> bytes:
    if b"\n" not in text:
        return text
    try:
        return compact(text)
    except REFUSED:
        return b" ".join(text.split(b"\n"))


class Spread:
    """Elements of JSON over several lines."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._decoder: Decoder | None = None
        self._data = bytearray()
        self._used = 0  # bytes that became elements

    def decode(self, decoder: Decoder | None, steps: Sequence[Step]) -> None:
        """Take elements for who decodes all events with `decoder`, and leads from elements to events by `steps`."""
        self._decoder = decoder
        if decoder and steps and isinstance(steps[0], Lister):
            self._documents = self._documents.read_by(steps[0])

    @property
    def busy(self) -> bool:
        return bool(self._data[self._used :].strip())

    @property
    def element_follows(self) -> bool:
        """Whether what was read ends behind a comma, so that the next line is a part of it, whatever it is like."""
        return self._data[-len(b",\r\n") :].rstrip().endswith(b",")

    def separate(self, block: Block) -> bool:
        """It looks for what is wanted itself, element by element."""
        del block
        return True

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        first, size = self._forget()
        self._data += block.view
        found, self._used = self._documents.take(self._data, last=False, finders=wanted, decoder=self._decoder)
        found = found.behind(first, size)
        if len(self._data) - self._used >= 2 * LONGEST_BYTES:
            found.add(damaged(bytes(self._data[self._used :][:_SAMPLE_BYTES])), first)
            self._used = len(self._data)
        return found

    def rest(self) -> Texts:
        first, size = self._forget()
        found, self._used = self._documents.take(self._data, last=True, finders=None)
        return found.behind(first, size)

    def _forget(self) -> tuple[int, int]:
        """Of what is left of earlier blocks the line in which it begins, and the byte."""
        del self._data[: self._used]
        self._used = 0
        return -self._data.count(b"\n"), -len(self._data)
