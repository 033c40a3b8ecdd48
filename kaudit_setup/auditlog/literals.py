"""How text is encoded in lines, by kube-apiserver and by log shippers that rewrite them; and how it is found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from kaudit_setup.auditlog.block import Block

_GO_ESCAPE = re.compile(rb"\\u(003[ce]|0026|202[89])")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_WORD = re.compile("[A-Za-z0-9_-]+")
MOST_SAMPLED = 1000
"""Lines from which it is told what a word is that may be everywhere."""
_MANY, _TELLING_BEGIN = 8, 3
"""Of more literals than so many, and the bytes that they begin with, if all begin so: see `finders`."""
_VALUE = re.compile(rb':"((?:[^"\\]|\\.)*)("?)')

OWN_ORDER = b'{"kind":"Event","apiVersion":"audit.k8s.io/'
"""How kube-apiserver begins every line (audit/v1 types.go: the order of fields). What a log shipper rewrote, with
sorted keys, spaces or fields of its own, begins differently."""

Find = Callable[[memoryview], list[tuple[int, int, int]]]
"""Where a literal stands in a block: which (there is one), from, to."""
# for each value that a line must hold its spellings, the most telling value first
Plain = tuple[tuple[bytes, ...], ...]


def spelled(text: str) -> bytes:
    """`text` as kube-apiserver writes it inside a JSON string (Go escapes <, >, & and U+2028/9), without quotes.

    Source: encoding/json:appendString with escapeHTML.
    """
    plain = _quoted(text)[1:-1]
    for char in "<>&\u2028\u2029":
        plain = plain.replace(char.encode(), b"\\u%04x" % ord(char))
    return plain


def _quoted(text: str) -> bytes:
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:  # bytes of the command line that are no text: Go would write U+FFFD for them
        return msgspec.json.encode(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def plainly(literal: bytes) -> Plain:
    """What a line holds if it says the same as `literal` in another order, with other spaces or escapes.

    Only the values that `literal` names; a part of one string stays as it is.
    """
    values = [found.groups() for found in _VALUE.finditer(literal) if found[1]]
    if not values:
        return (_with_slashes(literal),)
    longest_first = sorted(values, key=lambda v: -len(v[0]))
    return tuple(tuple(b'"' + one + quote for one in _with_slashes(value)) for value, quote in longest_first)


def _with_slashes(text: bytes) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one.replace(b"/", slash) for one in spellings(text) for slash in (b"/", rb"\/")))


def spellings(text: bytes) -> tuple[bytes, ...]:
    """`text`, a piece of JSON as kube-apiserver writes it, and as others do: without Go's escapes, in ASCII, with
    escapes in capitals.

    Its slashes stay: who escapes them, does so in every line (see `raw_lines.in_own_order`).
    """
    plain = _GO_ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode(), text)
    if plain == text and text.isascii():
        return (text,)
    from json import dumps

    def in_ascii(encoded: bytes) -> str:
        return "".join(one if one.isascii() else dumps(one)[1:-1] for one in encoded.decode())

    try:
        each = [text.decode(), in_ascii(text), in_ascii(plain)]
    except UnicodeDecodeError:  # halves of characters
        return (text, plain)
    upper = [_ESCAPED.sub(lambda found: "\\u" + found[1].upper(), one) for one in each]
    return tuple(dict.fromkeys([text, plain, *(one.encode() for one in (*each, *upper))]))


def says(text: bytes, plains: Sequence[Plain]) -> bool:
    """Whether a line holds every value of one of `plains`."""
    return any(all(any(one in text for one in spelt) for spelt in plain) for plain in plains)


class Sought(msgspec.Struct, frozen=True):
    """One literal as lines may hold it. `own`: its spellings in a line as kube-apiserver writes it; `plain`: what
    such a line holds in any case, and what is enough in every other one. `words`: what a line that was not cut holds
    besides, each in one spelling or another.
    """

    own: tuple[bytes, ...]
    plain: Plain
    words: Plain = ()

    @classmethod
    def of(cls, literal: bytes, words: Plain = ()) -> Sought:
        """As kube-apiserver writes it."""
        return cls(spellings(literal), plainly(literal), words)

    @property
    def uncut(self) -> Plain:
        """What a line holds that was not cut."""
        return (*self.plain, *self.words)

    def said_in(self, line: bytes) -> bool:
        """Whether a line holds it."""
        held = any(one in line for one in self.own) if line.startswith(OWN_ORDER) else says(line, (self.plain,))
        return held and (not self.words or says(line, (self.words,)) or is_cut(line))


def finders(needles: Iterable[bytes]) -> tuple[Find, ...]:
    """One automaton for each: a single literal is found with vector instructions, several are not. Many that begin
    alike are looked for by that begin, all at once.
    """
    different = dict.fromkeys(needles)
    groups: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for needle in different:
        groups[needle[:_TELLING_BEGIN]].append(needle)
    found: list[Find] = []
    for group in groups.values():
        begin = _common_begin(group)
        together = len(group) > _MANY and len(begin) >= _TELLING_BEGIN and begin not in different
        found += [_find_any(begin, group)] if together else map(_find_one, group)
    return tuple(found)


def _find_one(needle: bytes) -> Find:
    from ahocorasick_rs import BytesAhoCorasick

    return BytesAhoCorasick([needle]).find_matches_as_indexes


def _common_begin(texts: Sequence[bytes]) -> bytes:
    least, most = min(texts), max(texts)
    return next(least[:size] for size in range(len(least), -1, -1) if most.startswith(least[:size]))


def _find_any(begin: bytes, alike: Sequence[bytes]) -> Find:
    """For different literals that all begin with `begin`."""
    lasts: defaultdict[bytes, bytes] = defaultdict(bytes)
    for one in alike:
        lasts[one[len(begin) : -1]] += re.escape(one[-1:])
    ends = b"|".join(re.escape(end) + b"[" + last + b"]" for end, last in lasts.items())
    matches = re.compile(re.escape(begin) + b"(?:" + ends + b")").finditer
    return lambda text: [(0, *found.span()) for found in matches(text)]


def few(find: Find) -> Find:
    """As `find`, until it has found a thousand: enough to know a word by that may be everywhere."""
    left = MOST_SAMPLED

    def found(text: memoryview) -> list[tuple[int, int, int]]:
        nonlocal left
        hits = find(text)[:left] if left else []
        left -= len(hits)
        return hits

    return found


def holder(literals: Sequence[bytes]) -> Callable[[bytes], bool]:
    """Whether a line holds any of `literals`, in whatever spelling."""
    from ahocorasick_rs import BytesAhoCorasick

    find = BytesAhoCorasick(list(_own(literals))).find_matches_as_indexes
    plains = [plain for literal in literals if (plain := plainly(literal)) != (spellings(literal),)]
    return lambda text: bool(find(text)) or (not text.startswith(OWN_ORDER) and says(text, plains))


def delimits(word: str) -> str:
    """A pattern for `candidates`: lines that hold `word` as a string, a part of a path or a word of a message, and
    lines that were cut, which may have held it. Empty for a text that is more than a word.
    """
    return rf'["/ ]{word}["/\\ ]|[^}}]$' if _WORD.fullmatch(word) else ""


def delimited(pattern: str) -> tuple[bytes, ...]:
    """The spellings of one of which a whole line has one, if `delimits` made the pattern; else none."""
    word = pattern[len('["/ ]') :].partition("[")[0]
    if not word or pattern != delimits(word):
        return ()
    return tuple(f"{before}{word}{behind}".encode() for before in '"/ ' for behind in '"/\\ ')


def is_cut(line: bytes) -> bool:
    """Whether a line does not end as an event does."""
    return not line.endswith(b"}")


class Needles(msgspec.Struct, frozen=True):
    """Literals made ready for the search, one automaton each: a single one is found with vector instructions, several
    are not. `own`: as kube-apiserver writes them; `telling`: the most telling value of each, however it is spelled,
    for lines in another order, which must say the rest (`plains`) too.
    """

    own: tuple[Find, ...]
    telling: tuple[Find, ...]
    plains: tuple[Plain, ...]

    @classmethod
    def of(cls, literals: Sequence[bytes], samples: Sequence[bytes] = ()) -> Needles:
        """No literal means every line. `samples`: those of which a few lines are enough."""
        plains, others = (tuple(map(plainly, texts)) for texts in (literals, samples))
        return cls(
            (*finders(_own(literals)), *map(few, finders(_own(samples)))),
            (*finders(_telling(plains)), *map(few, finders(_telling(others)))),
            (*plains, *others),
        )

    def lines(self, block: Block, *, own: bool) -> Iterator[tuple[int, bytes]]:
        """The lines of a block that hold a literal: where each begins, and its text. `own`: whether they are as
        kube-apiserver writes them.
        """
        spans = lines_with(block, self.own if own else self.telling) if self.plains else _every(block)
        for start in sorted(spans):
            text = bytes(block.data[start : spans[start]])
            if own or not self.plains or says(text, self.plains):
                yield start, text


def _own(literals: Iterable[bytes]) -> Iterator[bytes]:
    return (spelt for literal in literals for spelt in spellings(literal))


def _telling(plains: Iterable[Plain]) -> Iterator[bytes]:
    return (spelt for plain in plains for spelt in plain[0])


def lines_with(block: Block, wanted: Iterable[Find]) -> dict[int, int]:
    """Where the lines of a block begin and end in which one of `wanted` finds something; in no order."""
    spans: dict[int, int] = {}
    for find in wanted:
        end = 0
        for _, start, stop in find(block.view):
            if start >= end:
                end = block.data.find(b"\n", stop, block.size)
                spans[block.data.rfind(b"\n", 0, start) + 1] = end
    return spans


def _every(block: Block) -> dict[int, int]:
    lines: dict[int, int] = {}
    start = 0
    while start < block.size:
        end = block.data.find(b"\n", start, block.size)
        lines[start] = end
        start = end + 1
    return lines
