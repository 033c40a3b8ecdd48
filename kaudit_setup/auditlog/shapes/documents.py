"""JSON that does not keep to lines: arrays, pretty-printed values, lists inside an object; in constant memory.

Elements stand one behind another with the same bytes between them, which are learned from the first two. So a stretch
of them is decoded in one go, which proves that it begins and ends between elements: what a client put into a request,
however like an event it looks, is never taken for one. Where a stretch does not decode, brackets are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.events import ITEMS, REFUSED, compact, fields_of

LONGEST_BYTES: Final = 16 << 20
"""An element that is longer is given up."""
LISTS: Final = ("items", "records", "events", "logEvents", "Records")
"""Keys of an object under which its elements are: EventList, Azure, CloudWatch."""
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}]', re.DOTALL)
_FLAT: Final = rb"(?:[^{}\[\]]|\{[^{}\[\]]*\}|\[[^{}\[\]]*\])*?"
_WRAPPER: Final = re.compile(rb"\{" + _FLAT + rb'"(' + "|".join(LISTS).encode() + rb')"\s*:\s*\[')
_WRAPPER_BYTES: Final = 1 << 12  # bytes within which a list begins
_MOST_DAMAGED: Final = 20  # elements of a stretch whose end is looked for by counting brackets
_COMMON_BYTES: Final = 40


class Taken(NamedTuple):
    """Elements as JSON in one line, in which line of the stretch each begins, and how many of its bytes are done."""

    texts: list[bytes]
    origins: list[int]
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

    def line(self, window: bytes) -> int:
        """Where the first line begins in which an element does, if it begins in another line than the one before it
        ends in; -1 if there is none.
        """
        at = window.find(self.text)
        return window.rfind(b"\n", 0, at + self.open) + 1 if at >= 0 else -1

    @property
    def comma(self) -> bool:
        """Whether the elements are those of one array."""
        return b"," in self.text[self.close : self.open]


def wrapper_key(head: bytes) -> str:
    """Under which key of an object the elements are; empty if they are not in one."""
    found = _WRAPPER.match(head, 0, _WRAPPER_BYTES)
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
    common = _common(head[begin : begin + _COMMON_BYTES], head[second[0] : second[0] + _COMMON_BYTES])
    text = head[end - 1 - space : second[0]] + common
    return Separator(text, space + 1, space + 1 + second[0] - end, indented)


def _element(text: bytes, at: int) -> tuple[int, int] | None:
    """Where the next element is; None if there is no whole one."""
    begin = _begin(text, at)
    end = end_of(text, begin) if begin >= 0 else -1
    return (begin, end) if end > 0 else None


def _begin(text: bytes, at: int) -> int:
    """Where the next element begins, inside of what it is wrapped in; -1 if nowhere."""
    while (at := text.find(b"{", at)) >= 0:
        wrapper = _WRAPPER.match(text, at, at + _WRAPPER_BYTES)
        if wrapper is None:
            return at
        at = wrapper.end()
    return -1


def end_of(text: bytes, begin: int) -> int:
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

    def __init__(self, separator: Separator | None) -> None:
        """`separator`: None where there is one element only, or every one looks different."""
        self._separator = separator

    @property
    def border(self) -> Callable[[bytes], int] | None:
        """See `Reading.border`; None if elements do not begin in lines of their own."""
        sep = self._separator
        return sep.line if sep is not None and b"\n" in sep.text[sep.close : sep.open] else None

    def take(self, data: bytes, *, last: bool, finders: Sequence[Find] | None) -> Taken:
        """What of `data` is whole; it begins between elements. `last`: nothing follows. `finders`: elements in which
        none of them finds anything may be left out. Elements that are damaged are among the texts, as they are.
        """
        begin = _begin(data, 0)
        if begin < 0:
            return Taken([], [], _glue(data, last))
        quick = _stretch(data, begin, self._separator, finders) if self._separator else None
        return quick or self._slowly(data, last)

    def _slowly(self, data: bytes, last: bool) -> Taken:
        pieces: list[tuple[int, bytes]] = []
        used = damaged = 0
        while (begin := _begin(data, used)) >= 0:
            end = end_of(data, begin) if damaged < _MOST_DAMAGED else -1
            if end < 0 or not fields_of(data[begin:end]):
                following = self._next(data, begin)
                if following < 0 and end < 0 and not last and len(data) < LONGEST_BYTES:
                    break
                damaged += 1
                end = min((at for at in (end, following) if at >= 0), default=len(data))
            pieces.append((begin, data[begin:end]))
            used = end
        return _lined(data, pieces, 0, len(data) if last else used)

    def _next(self, data: bytes, begin: int) -> int:
        """Where the element after the one that begins there may begin; -1 if it is not to be seen."""
        found = data.find(self._separator.text, begin) if self._separator else -1
        return found + self._separator.close if self._separator and found >= 0 else -1


def _stretch(data: bytes, begin: int, sep: Separator, finders: Sequence[Find] | None) -> Taken | None:
    at = data.rfind(sep.text, begin)
    if at < 0:
        return None
    used = at + sep.close
    stretch = data[begin:used]
    if finders is not None and sep.indented:
        return _lined(data, [piece for piece in _pieces(stretch, sep) if _holds(piece[1], finders)], begin, used)
    if not sep.comma:
        between = sep.text[: sep.close], sep.text[sep.close :]
        stretch = stretch.replace(sep.text, b",".join(between))
    try:
        raws = list(map(bytes, ITEMS.decode(b"[" + stretch + b"]")))
    except REFUSED:
        return None
    return _lined(data, _placed(raws, stretch if sep.comma else data[begin:used]), begin, used)


def _glue(data: bytes, last: bool) -> int:
    """How much of what stands between elements is done: a wrapper may have begun."""
    return len(data) if last or b"{" not in data else 0


def _pieces(stretch: bytes, sep: Separator) -> Iterator[tuple[int, bytes]]:
    begin = 0
    while (at := stretch.find(sep.text, begin)) >= 0:
        yield begin, stretch[begin : at + sep.close]
        begin = at + sep.open
    yield begin, stretch[begin:]


def _holds(piece: bytes, finders: Sequence[Find]) -> bool:
    return any(find(memoryview(piece)) for find in finders)


def _placed(raws: Sequence[bytes], stretch: bytes) -> list[tuple[int, bytes]]:
    placed = []
    at = 0
    for raw in raws:
        at = stretch.find(raw, at)
        placed.append((at, raw))
        at += len(raw)
    return placed


def _lined(data: bytes, pieces: Sequence[tuple[int, bytes]], begin: int, used: int) -> Taken:
    """`pieces`: where each begins behind `begin`, and its text."""
    texts: list[bytes] = []
    origins: list[int] = []
    line = done = 0
    for at, text in pieces:
        line += data.count(b"\n", done, begin + at)
        done = begin + at
        texts.append(one_line(text))
        origins.append(line)
    return Taken(texts, origins, used)


def one_line(text: bytes) -> bytes:
    if b"\n" not in text:
        return text
    try:
        return compact(text)
    except REFUSED:
        return b" ".join(text.split(b"\n"))
