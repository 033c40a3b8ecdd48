"""What is searched for in a file before it is taken apart: a text that holds none of it is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import msgspec

from kaudit_setup.auditlog.literals import Find, finders, plainly, spellings

# what no writer of JSON and no URL escapes
_WORD: Final = rb"[A-Za-z0-9_.-]{3,}"
# words that a shape may write otherwise: levels, stages, decisions, verbs, codes
_OTHERWISE: Final = rb"[0-9.]+|allow|forbid|None|Metadata|Request|RequestResponse|Response\w*|Panic|true|false"


class Sought:
    """Literals as kube-apiserver writes them, and how they are found in other shapes."""

    def __init__(self, literals: Sequence[bytes]) -> None:
        """`literals`: at least one."""
        self._literals = tuple(literals)
        self._exact: dict[int, tuple[Find, ...] | None] = {}

    def exact(self, depth: int) -> tuple[Find, ...] | None:
        """For events as kube-apiserver writes them, inside `depth` JSON strings; None if they may be escaped in more
        ways than one.
        """
        if depth not in self._exact:
            plain = all(one.isascii() and b"\\" not in one for one in self._literals)
            self._exact[depth] = (
                finders([s for one in self._literals for s in escaped(one, depth)]) if plain else None
            )
        return self._exact[depth]

    @cached_property
    def words(self) -> tuple[Find, ...] | None:
        """For events in any order and spelling: a word of each literal; None if one has none that is sure."""
        words = _words(self._literals)
        return finders(words) if words else None


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
