"""What an archive's index holds of lines, and what a literal tells of the lines that hold it.

Two kinds of keys: a word is a run of ASCII letters, digits, `_` and `-`, of a long one its begin and its end; a value
is what stands between two quotation marks that follow each other, kept with one in front of it. For each key an
archive knows in which blocks of lines it stands. So a literal that holds a whole word or value, or begins or ends
one, is looked for in those blocks only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_

from kaudit_setup.auditlog.literals import Plain

_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_SPACED = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))
_RUN = re.compile(rb"[A-Za-z0-9_-]+")
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(UUID.encode())
_HEX = re.compile(rb"[0-9a-f]{8}-")
_END_OF_UUID = re.compile(rb"[0-9a-f]{1,12}|[0-9a-f-]*-[0-9a-f]{12}")
UUID_BYTES = 36
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
"""A moment as kube-apiserver writes it; all that is kept of one is its hour, which is a word."""
STAMP_BYTES = len("2026-11-23T16:06:07.695005Z")
HOUR_BYTES = len("2026-11-23T16")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NO_VALUE = re.compile(rb"[\s:,{}\[\]]*|-?\d+|[:,{}\[\]\s]+(?:-?\d+|true|false|null)[:,{}\[\]\s]*")
LONGEST = 48
"""Bytes that are kept of a word or a value."""
UUID_KEPT = 8
"""Bytes of a UID that are kept: every request has one, and its rest tells nothing more."""
_SHORTEST = 2
_SHORTEST_PART = 3
_MAY_NOT_BE_VALUE = re.compile(rb'"(?:[0-9a-f:.TZ-]*\Z|[\s:,{}\[\]])')
_QUOTE = b'"'
_LONG = b"\0"  # in front of more of a word that is too long
LONG_CUT = _LONG + b"\1"
"""In front of the end of one of which the middle is not kept."""
_LONGEST_NAME = 253  # bytes of a name (apimachinery, validation.go:DNS1123SubdomainMaxLength)
_TOLD_BY_NONE = re.compile(rb"[0-9a-fTZ-]*")  # a part of a sum, a UID, a number or a moment, which are not all kept

Blocks = int
"""Some blocks of one part: the bit `1 << n` says that the n-th one is among them."""


def numbers_of(blocks: Blocks) -> Iterator[int]:
    """The blocks, counted from the first one of the part."""
    return (number for number in range(blocks.bit_length()) if blocks >> number & 1)


def word_key(word: bytes) -> bytes:
    """How the index keeps a word; empty for one that it does not keep, like a number or a part of a timestamp."""
    if len(word) < _SHORTEST or _is_number(word):
        return b""
    return word[:UUID_KEPT] if len(word) == 36 and _UUID.fullmatch(word) else word[:LONGEST]


def value_key(value: bytes) -> bytes:
    """How the index keeps a value; empty for one that it does not keep: what stands between values, and timestamps,
    UIDs and numbers, of which every line has its own.
    """
    if _NO_VALUE.fullmatch(value) or _STAMP.fullmatch(value) or (len(value) == 36 and _UUID.fullmatch(value)):
        return b""
    return _QUOTE + value[:LONGEST]


_known_word_key, _known_value_key = (lru_cache(maxsize=1 << 15)(find) for find in (word_key, value_key))
"""Most words and values stand in many blocks."""


def keys_of(pieces: Iterable[bytes]) -> set[bytes]:
    """The keys of all words and values in pieces of lines, each cut at quotation marks: they are part of no word."""
    text = _QUOTE.join(pieces)
    words = set(text.translate(_SPACED).split())
    long = map(_long_key, filter(_is_long, words))
    return {*map(_known_value_key, set(text.split(_QUOTE))), *map(_known_word_key, words), *long} - {b""}


def _is_long(word: bytes) -> bool:
    return len(word) > LONGEST


def _long_key(word: bytes) -> bytes:
    """What else the index keeps of a word of which it has only the begin: all of it, if it may be a name; else its
    end, and, unless it is a sum or a number, that its middle is not kept.
    """
    if _TOLD_BY_NONE.fullmatch(word):
        return _LONG + word[-LONGEST:]
    return _LONG + word if len(word) <= _LONGEST_NAME else LONG_CUT + word[-LONGEST:]


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of a line that holds some text: keys that it has (`whole`), and, for each of `begun`, `ended` and
    `inside`, that one of its keys begins or ends so, or has it somewhere. Nothing known: all are empty.
    """

    whole: frozenset[bytes] = frozenset()
    begun: frozenset[bytes] = frozenset()
    ended: frozenset[bytes] = frozenset()
    inside: frozenset[bytes] = frozenset()

    @classmethod
    def in_line_with(cls, text: bytes) -> Words:
        """A run at an edge of `text` may go on in the line, so it is not a word, but the end or the begin of one."""
        runs: defaultdict[tuple[bool, bool], set[bytes]] = defaultdict(set)
        for run in _RUN.finditer(text):
            runs[run.start() > 0, run.end() < len(text)].add(run[0])
        _, *values = text.split(_QUOTE)
        whole = {*map(word_key, runs[True, True]), *map(value_key, values[:-1])}
        begun = {word[:LONGEST] for word in runs[True, False] if not _is_number(word)}
        begun |= {_QUOTE + value[: LONGEST - 1] for value in values[-1:] if not _NO_VALUE.fullmatch(value)}
        ended = {word[-LONGEST:] for word in runs[False, True]}
        return cls(
            frozenset(whole - {b""}),
            _select(begun, _keeps),
            _select(ended, lambda end: not _may_not_be_kept(end)),
            _select(runs[False, False], lambda part: not _TOLD_BY_NONE.fullmatch(part)),
        )

    @property
    def slow(self) -> bool:
        """Whether only a look at all words tells more."""
        return not (self.whole or self.begun)

    @property
    def unknown(self) -> bool:
        """Whether nothing is known."""
        return not (self.whole or self.begun or self.ended or self.inside)


def _select(parts: Iterable[bytes], tells: Callable[[bytes], bool]) -> frozenset[bytes]:
    return frozenset(one for one in parts if len(one) >= _SHORTEST_PART and tells(one))


def _is_number(word: bytes) -> bool:
    return word.isdigit() or (word.endswith(b"Z") and word[:-1].isdigit())


def _keeps(begin: bytes) -> bool:
    """Whether every value that begins so is kept: it cannot become a timestamp, a UID, a number, or what stands
    between two values.
    """
    return not (begin.startswith(_QUOTE) and _MAY_NOT_BE_VALUE.match(begin))


def _may_not_be_kept(end: bytes) -> bool:
    """Whether a word that ends so may be one that is not kept, or not with its end."""
    return _is_number(end) or _END_OF_UUID.fullmatch(end) is not None


def tells(plains: Sequence[Plain]) -> bool:
    """Whether `plains` tell enough to be looked up; if not, every line is looked at."""
    return blocks_of(plains, lambda asked: None if asked.unknown else 0) is not None


def begins(kept: bytes, begin: bytes) -> bool:
    """Whether a word or value kept as `kept` may be one that begins with `begin`."""
    return kept.startswith(begin) or (bool(_HEX.match(begin)) and kept == begin[:UUID_KEPT])


def is_short_uid(key: bytes) -> bool:
    """Whether `key` looks like what is kept of a UID."""
    return len(key) == UUID_KEPT and not key.strip(b"0123456789abcdef")


def ends(kept: bytes, end: bytes) -> bool:
    """Whether a word kept as `kept` may be one that ends with `end`."""
    return not kept.startswith(_QUOTE) and kept.endswith(end)


def has_inside(kept: bytes, part: bytes) -> bool:
    """Whether a word kept as `kept` may be one that has `part` in it."""
    return not kept.startswith(_QUOTE) and (part in kept or kept.startswith(LONG_CUT))


def blocks_of(plains: Sequence[Plain], look_up: Callable[[Words], Blocks | None]) -> Blocks | None:
    """The blocks in which a line may hold every value of one of `plains`; None for all of them. `look_up` gives the
    blocks in which all of some words may be, None where it does not know.
    """
    return _any(_of_all(plain, look_up) for plain in plains)


def _of_all(plain: Plain, look_up: Callable[[Words], Blocks | None]) -> Blocks | None:
    """The blocks in which a line may hold every value of `plain`: what is quickly looked up comes first, and nothing
    more is if that is in no block.
    """
    found: Blocks | None = None
    values = [dict.fromkeys(map(Words.in_line_with, spelt)) for spelt in plain]
    for asked in sorted(values, key=lambda spelt: any(words.slow for words in spelt)):
        here = _any(map(look_up, asked))
        if here is not None:
            found = here if found is None else found & here
        if found == 0:
            break
    return found


def _any(found: Iterable[Blocks | None]) -> Blocks | None:
    sets = list(found)
    known = [one for one in sets if one is not None]
    return None if len(known) < len(sets) or not sets else reduce(or_, known)
