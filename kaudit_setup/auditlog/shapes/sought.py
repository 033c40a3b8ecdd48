"""What is searched for in a file before it is taken apart: a text that holds none of it is left alone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, islice
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import OWN_ORDER, Find, finders, plainly, spellings

# what no writer of JSON and no URL escapes
_WORD: Final = rb"[A-Za-z0-9_.-]{3,}"
# words that a shape may write otherwise: levels, stages, decisions, verbs, codes
_OTHERWISE: Final = rb"[0-9.]+|allow|forbid|None|Metadata|Request|RequestResponse|Response\w*|Panic|true|false"


_ESCAPED: Final = rb"\\(?:u[0-9a-fA-F]{4}|.)"
# of a letter, a digit or a sign that no writer of events escapes; or the beginning of one
_LETTER: Final = rb"\\u00(?:[57][0-9a-fA-F]?|[46][0-9a-fA-F]?|2[0-57-9a-fA-F]|3[0-9abdfABDF])"
# names of the fields of events, which are not in records that become events
_NAMES: Final = (
    b"kind Event apiVersion audit.k8s.io/v1 level Metadata auditID stage requestURI verb user username groups extra "
    b"impersonatedUser sourceIPs userAgent objectRef resource namespace name apiGroup subresource responseStatus "
    b"metadata status message reason code requestObject responseObject requestReceivedTimestamp stageTimestamp "
    b"annotations authorization.k8s.io/decision"
)


class Sought:
    """Literals as kube-apiserver writes them, and how they are found in other shapes."""

    def __init__(self, literals: Sequence[bytes], *, checked: bool = False) -> None:
        """`literals`: at least one. `checked`: whether every other line is looked at, too, and counted."""
        self._literals = tuple(literals)
        self.checked = checked
        self._exact: dict[int, tuple[Find, ...] | None] = {}

    def exact(self, depth: int) -> tuple[Find, ...] | None:
        """For events as kube-apiserver writes them, inside `depth` JSON strings; None if they may be escaped in more
        ways than one.
        """
        if depth not in self._exact:
            plain = all(one.isascii() and b"\\" not in one for one in self._literals)
            spelled = dict.fromkeys(s for one in self._literals for s in escaped(one, depth))
            self._exact[depth] = tuple(map(_finder, spelled)) if plain else None
        return self._exact[depth]

    @cached_property
    def words(self) -> tuple[Find, ...] | None:
        """For events in any order and spelling: a word of each literal; None if one has none that is sure."""
        words = _words(self._literals)
        return finders(words) if words else None

    @cached_property
    def mapped(self) -> tuple[Find, ...] | None:
        """For records that become events, whose fields have other names, and which are not JSON: a word of each
        literal that is sure to be a value's; none of one that is all escapes. None if a literal has none.
        """
        bare = [re.sub(_ESCAPED, b" ", one) for one in self._literals if not re.fullmatch(_LETTER, one)]
        words = dict.fromkeys(map(_word, bare))
        return finders([*words]) if all(word and word not in _NAMES for word in words) else None

    @property
    def escapes(self) -> bool:
        """Whether some literal has escapes."""
        return any(b"\\" in one for one in self._literals)


def _finder(literal: bytes) -> Find:
    """One for a text in which many bytes are backslashes and quotes, as many are in a block: a word of it is sought,
    and what stands around it is looked at where that is found.
    """
    words = list(re.finditer(_LONG_WORD, literal)) if literal.startswith(b"\\") else []
    if not words:
        return finders([literal])[0]
    word, size = words[-1], len(literal)
    (find,) = finders([word[0]])

    def found(view: memoryview) -> list[tuple[int, int, int]]:
        begins = (start - word.start() for _, start, _ in find(view))
        return [(0, at, at + size) for at in begins if at >= 0 and view[at : at + size] == literal]

    return found


# a quote stands before it, so that one never begins inside of another
_LONG_WORD: Final = rb"(?<=[\\\"])[A-Za-z0-9_.-]{6,}"


class Inside(msgspec.Struct, frozen=True):
    """What to look for on a machine where events may be inside JSON strings: `own`, where they are as kube-apiserver
    wrote them; `names`, where fields stand in another order. Without any, every line is asked for.
    """

    own: tuple[bytes, ...] = ()
    names: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, literals: Sequence[bytes], depth: int | None) -> Inside:
        """`depth`: see `Reading`; those that are less deep are found as well, as a file may hold several shapes."""
        if depth is None or not all(one.isascii() and b"\\" not in one for one in literals):
            words = _words(literals)
            return cls(words, words)
        depths = range(max(depth, 1) + 1)
        values = [value for one in literals for value in plainly(one)[0]]
        return cls(_at(depths, [said for one in literals for said in spellings(one)]), _at(depths, values))


def _at(depths: Iterable[int], texts: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one for depth in depths for text in texts for one in escaped(text, depth)))


def _words(literals: Sequence[bytes]) -> tuple[bytes, ...]:
    """One of each literal; none if one has none that is sure."""
    words = tuple(dict.fromkeys(map(_word, literals)))
    return words if all(words) else ()


def escaped(literal: bytes, depth: int) -> tuple[bytes, ...]:
    """`literal` in strings in strings; some writers put a backslash before each slash, in one of them or in all."""
    either = [literal]
    for _ in range(depth):
        either = [one.replace(b"\\", b"\\\\").replace(b'"', b'\\"') for one in either]
        either += [one.replace(b"/", b"\\/") for one in either if b"/" in one]
    return tuple(either)


def _word(literal: bytes) -> bytes:
    values = plainly(literal)
    found = [word for value in values for word in re.findall(_WORD, value[0])]
    sure = [word for word in found if not re.fullmatch(_OTHERWISE, word)]
    return max(sure, key=len, default=b"")


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


class Frame:
    """What stands around the events of a file in each of its lines: so a line that holds one whole event as
    kube-apiserver writes it is known by how it begins and ends, without being taken apart.
    """

    def __init__(self, depth: int, heads: Sequence[bytes], tails: Sequence[bytes]) -> None:
        """`heads`, `tails`: of some lines what stands before their events, and from an event's last brace on.

        `depth`: see `Reading`.
        """
        alike = b"|".join(dict.fromkeys(map(_alike, heads)))
        head = rb"(?:" + alike + rb")" + re.escape(escaped(_BEGIN, depth)[0])
        self._tail = _common([tail[::-1] for tail in tails])[::-1] + b"\n"
        self._middle = b"" if self._tail[:-1] in tails else _common(tails)
        self._head = re.compile(head)
        # of the server itself, between the events in what it wrote to its output
        message = rb"(?:" + alike + rb")[IWEF]\d{4} [^{\n]*+\n"
        self._message = re.compile(message)
        odd_end, odd_begin = rb"(?<!" + re.escape(self._tail) + rb")", rb"(?!" + head + rb"|\Z)"
        self._odd = re.compile(rb"\n(?:" + odd_end + rb"|" + odd_begin + rb")")
        # the usual: one message, between two events
        between = rb"(" + message + rb")(?=" + head + rb"|\Z)"
        self._odd_or_message = re.compile(rb"\n(?:" + odd_end + rb"|" + between + rb"|" + odd_begin + rb")")

    def others(self, block: Block, *, messages: bool) -> Others | None:
        """The lines of `block` that are otherwise; None if they cannot be told. `messages`: whether the messages of
        the server itself are known to be whole.
        """
        found = self._others(block, messages=messages and not self._middle)
        if self._middle:
            whole = block.height - len({block.data.rfind(b"\n", 0, start) for _, start, _ in found.lines})
            if block.data.count(self._middle, 0, block.size) < whole:
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
    begin = escaped(_BEGIN, depth)[0]
    # behind a brace a quote that is inside of the event has more backslashes before it
    end = re.compile(rb"\}(?:\\+n)?" + re.escape(escaped(b'"', depth - 1)[0])) if depth else None
    cut = [_around(line, begin, end or event) for line, event in islice(samples, _MOST_SAMPLES)]
    around = [one for one in cut if one is not None]
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


_VARIETIES: Final = {"space": rb" +", "stream": rb"std(?:out|err)", "other": rb"[0-9A-Za-z:.+-]+"}
_VARIES: Final = rb"(?P<space> +)|(?P<stream>\bstd(?:out|err)\b)|(?P<other>[A-Za-z:.+-]*+[0-9][0-9A-Za-z:.+-]*+)"
_BEGIN: Final = OWN_ORDER + b'v1"'  # of an older API it is said
_MOST_SAMPLES: Final = 8
_LONGEST_HEAD: Final = 1 << 12
