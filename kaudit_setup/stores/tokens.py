"""The words of lines: what an archive's index holds, and what a literal tells of the words of the lines that hold it.

A word is a run of ASCII letters, digits, `_` and `-`: names, users' parts, UIDs. An archive knows for each word in
which blocks of lines it stands; a literal that holds whole words, or begins one, is looked for in those blocks only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from kaudit_setup.auditlog.literals import Plain

_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_SPACED = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))
_RUN = re.compile(rb"[A-Za-z0-9_-]+")
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(rb"[0-9a-f]{8}-")
_LONGEST = 48  # bytes that are kept of a word
_UUID_KEPT = 8  # bytes of a UID: every request has one, and its rest tells nothing more
_SHORTEST = 2
_SHORTEST_BEGIN = 3

Blocks = frozenset[int]


def key(word: bytes) -> bytes:
    """How the index keeps a word; empty for one that it does not keep, like a number or a part of a timestamp."""
    if len(word) < _SHORTEST or word.isdigit() or (word.endswith(b"Z") and word[:-1].isdigit()):
        return b""
    return word[:_UUID_KEPT] if len(word) == 36 and _UUID.fullmatch(word) else word[:_LONGEST]


def keys_of(text: bytes) -> set[bytes]:
    """The keys of all the words in `text`."""
    found = set(map(key, set(text.translate(_SPACED).split())))
    found.discard(b"")
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of the words of a line that holds some text: keys that it has (`whole`), and, for each of
    `begun`, that one of its words begins so. Nothing known: both are empty.
    """

    whole: frozenset[bytes]
    begun: frozenset[bytes]

    @classmethod
    def in_line_with(cls, text: bytes) -> Words:
        """A run at an edge of `text` may go on in the line, so it is not a word, or only the beginning of one."""
        runs = [(run[0], run.end() == len(text)) for run in _RUN.finditer(text) if run.start()]
        begun = [word[:_LONGEST] for word, cut in runs if cut]
        return cls(
            frozenset(key(word) for word, cut in runs if not cut) - {b""},
            # a number may go on as one, and numbers are not kept
            frozenset(word for word in begun if len(word) >= _SHORTEST_BEGIN and not word.isdigit()),
        )

    def __or__(self, other: Words) -> Words:
        """What is known of either."""
        return Words(self.whole | other.whole, self.begun | other.begun)

    @property
    def unknown(self) -> bool:
        """Whether nothing is known."""
        return not self.whole and not self.begun


def wanted(plains: Sequence[Plain]) -> Words | None:
    """The words that are looked up for `plains`; None if they do not tell enough: then every line is looked at."""
    if blocks_of(plains, _nowhere) is None:
        return None
    found = [Words.in_line_with(text) for plain in plains for spelt in plain for text in spelt]
    return reduce(Words.__or__, found)


def _nowhere(words: Words) -> Blocks | None:
    return None if words.unknown else frozenset()


def begins(kept: bytes, begin: bytes) -> bool:
    """Whether a word kept as `kept` may be one that begins with `begin`."""
    return kept.startswith(begin) or (bool(_HEX.match(begin)) and kept == begin[:_UUID_KEPT])


def blocks_of(plains: Sequence[Plain], look_up: Callable[[Words], Blocks | None]) -> Blocks | None:
    """The blocks in which a line may hold every value of one of `plains`; None for all of them. `look_up` gives the
    blocks with all of some words, None where it does not know.
    """
    return _any(
        _all(_any(look_up(Words.in_line_with(text)) for text in spelt) for spelt in plain) for plain in plains
    )


def _any(found: Iterable[Blocks | None]) -> Blocks | None:
    sets = list(found)
    known = [one for one in sets if one is not None]
    return None if len(known) < len(sets) or not sets else frozenset[int]().union(*known)


def _all(found: Iterable[Blocks | None]) -> Blocks | None:
    known = [one for one in found if one is not None]
    return reduce(frozenset.intersection, known) if known else None
