"""What stands around the events of a file in each of its lines: by it a line with one event is known."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Final, NamedTuple

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.forms import finder
from kaudit_setup.auditlog.shapes.search_terms import escaped


class Others(NamedTuple):
    """Lines of a block that do not hold one event in the usual way, as a `Find` gives them: any byte of each.

    `messages`: where those begin and end that are the server's own messages, in which there are no events.
    """

    lines: list[tuple[int, int, int]]
    messages: list[tuple[int, int]]

    def outside(self, hits: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Those of `hits` that are not in messages."""
        return [hit for hit in hits if not self._in_message(hit[1])] if self.messages else hits

    def _in_message(self, byte: int) -> bool:
        at = bisect_right(self.messages, byte, key=itemgetter(1))
        return at < len(self.messages) and self.messages[at][0] <= byte


_NONE: Final = Others([], [])


class _Usual:
    """How lines end and begin if all are alike: told in a quarter of the time that it takes to look at each border,
    or in half of it if digits differ.
    """

    def __init__(self, heads: Sequence[bytes], tail: bytes) -> None:
        """`heads`: of some lines; the tail has the newline."""
        self._tail = tail
        self._head = _only(heads)
        self._but_digits = _only([head.translate(_SAME_DIGITS) for head in heads])

    def all_of(self, block: Block) -> bool:
        """Whether all lines of a block are so."""
        return self._all_same(block) or self._all_but_digits(block)

    def _all_same(self, block: Block) -> bool:
        if not self._head or not block.data.startswith(self._head):
            return False
        between = len(finder(self._tail + self._head)(block.view))
        return between == block.height - 1 and block.data.endswith(self._tail, 0, block.size)

    def _all_but_digits(self, block: Block) -> bool:
        ends = finder(self._tail)(block.view) if self._but_digits else []
        if len(ends) != block.height or ends[-1][2] != block.size:
            return False
        view, size = block.view, len(self._but_digits)
        starts = [0, *map(itemgetter(2), ends[:-1])]
        heads = b"".join([view[start : start + size] for start in starts])
        return heads.translate(_SAME_DIGITS) == self._but_digits * len(starts)


def _only(texts: Sequence[bytes]) -> bytes:
    """The one that all of them are; nothing if they differ."""
    return texts[0] if len(set(texts)) == 1 else b""


class Frame:
    """What stands around the events of a file in each of its lines: so a line that holds one whole event as
    kube-apiserver writes it is known by how it begins and ends, without being taken apart.
    """

    def __init__(self, depth: int, heads: Sequence[bytes], tails: Sequence[bytes]) -> None:
        """`heads`, `tails`: of some lines what stands before their events, and from an event's last brace on.

        `depth`: see `Reading`.
        """
        alike = b"|".join(dict.fromkeys(map(_alike, heads)))
        head = rb"(?:" + alike + rb")" + re.escape(escaped(BEGIN, depth)[0])
        self._tail = _common([tail[::-1] for tail in tails])[::-1] + b"\n"
        self._middle = b"" if self._tail[:-1] in tails else _common(tails)
        self._head = re.compile(head)
        self._usual = _Usual([one + escaped(BEGIN, depth)[0] for one in heads], self._tail)
        # of the server itself, between the events in what it wrote to its output
        message = rb"(?:" + alike + rb")[IWEF]\d{4} [^{\n]*+\n"
        self._message = re.compile(message)
        odd_end, odd_begin = rb"\n(?:(?<!" + re.escape(self._tail) + rb")", rb"|(?!" + head + rb"|\Z)"
        self._odd = re.compile(odd_end + odd_begin + rb")")
        # the usual: one message, between two events
        between = rb"(?:(" + message + rb")(?=" + head + rb"|\Z))?+"
        self._odd_or_message = re.compile(odd_end + odd_begin + between + rb")")

    def others(self, block: Block, *, messages: bool) -> Others | None:
        """The lines of `block` that are otherwise; None if they cannot be told. `messages`: whether the messages of
        the server itself are known to be whole.
        """
        found = _NONE if self._usual.all_of(block) else self._others(block, messages=messages and not self._middle)
        if self._middle:
            whole = block.height - len({block.data.rfind(b"\n", 0, start) for _, start, _ in found.lines})
            if len(finder(self._middle)(block.view)) < whole:
                return None
        return found

    def _others(self, block: Block, *, messages: bool) -> Others:
        data, view = block.data, block.view
        found: list[tuple[int, int, int]] = []
        skipped: list[tuple[int, int]] = []
        done = 0
        for border in chain([None], (self._odd_or_message if messages else self._odd).finditer(view)):
            if border and border.lastindex:
                skipped.append(border.span(1))
                done = skipped[-1][1]
                continue
            end, begin = border.span() if border else (-1, 0)
            if end >= done and not data.endswith(self._tail, 0, begin):
                found.append((0, end, end))
            if begin < block.size and not self._head.match(view, begin):
                message = self._message.match(view, begin) if messages else None
                if message is None:
                    found.append((0, begin, begin))
                else:
                    done = message.end()
                    skipped.append((begin, done))
        return Others(found, skipped)


def frame_of(samples: Iterable[tuple[bytes, bytes]], depth: int) -> Frame | None:
    """The frame of `samples`: lines with one event each, and the event. None if there is none.

    `depth`: see `Reading`.
    """
    begin = escaped(BEGIN, depth)[0]
    # behind a brace a quote that is inside of the event has more backslashes before it
    end = re.compile(rb"\}(?:\\+n)?" + re.escape(escaped(b'"', depth - 1)[0])) if depth else None
    cut = (_around(line, begin, end or event) for line, event in islice(samples, _MOST_SAMPLES))
    around = list(filter(None, cut))
    return Frame(depth, [head for head, _ in around], [tail for _, tail in around]) if around else None


def _around(line: bytes, begin: bytes, end: re.Pattern[bytes] | bytes) -> tuple[bytes, bytes] | None:
    """What stands before the event in a line, and from its last brace on. `end`: how it ends, or the event itself."""
    at = line.find(begin, 0, _LONGEST_HEAD)
    if at < 0:
        return None
    if isinstance(end, bytes):
        return (line[:at], line[at + len(end) - 1 :]) if line.startswith(end, at) else None
    found = end.search(line, at)
    return (line[:at], line[found.start() :]) if found else None


def _common(texts: Sequence[bytes]) -> bytes:
    """How all of them begin."""
    shortest, longest = min(texts), max(texts)
    size = next((at for at, (one, other) in enumerate(zip(shortest, longest, strict=False)) if one != other), None)
    return shortest[:size]


def _alike(head: bytes) -> bytes:
    """A pattern of what stands before other events of the same file: with other times, numbers and names."""
    made = []
    done = 0
    for found in re.finditer(_VARIES, head):
        made += [re.escape(head[done : found.start()]), _VARIETIES[str(found.lastgroup)]]
        done = found.end()
    return b"".join([*made, re.escape(head[done:])])


_VARIETIES: Final = {"space": rb" ++", "stream": rb"std(?:out|err)", "other": rb"[0-9A-Za-z:.+-]++"}
_VARIES: Final = rb"(?P<space> +)|(?P<stream>\bstd(?:out|err)\b)|(?P<other>[A-Za-z:.+-]*+[0-9][0-9A-Za-z:.+-]*+)"
_SAME_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
BEGIN: Final = OWN_ORDER + b'v1"'
"""How an event begins; of an older API it is said."""
_MOST_SAMPLES: Final = 8
_LONGEST_HEAD: Final = 1 << 12
