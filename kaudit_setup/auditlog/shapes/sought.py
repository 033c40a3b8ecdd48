"""What is searched for in a file before it is taken apart: a text that holds none of it is left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from kaudit_setup.auditlog.literals import Find, finders, plainly

# what no writer of JSON and no URL escapes
_WORD: Final = re.compile(rb"[A-Za-z0-9_.-]{3,}")
# words that a shape may write otherwise: levels, stages, decisions, verbs, codes
_OTHERWISE: Final = re.compile(
    rb"[0-9.]+|allow|forbid|None|Metadata|Request|RequestResponse|Response\w*|Panic|true|false"
)


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
        words = [_word(one) for one in self._literals]
        return finders([word for word in words if word]) if all(words) else None


def escaped(literal: bytes, depth: int) -> tuple[bytes, ...]:
    """`literal` in strings in strings; some writers put a backslash before each slash, in one of them or in all."""
    either = [literal]
    for _ in range(depth):
        either = [one.replace(b"\\", b"\\\\").replace(b'"', b'\\"') for one in either]
        either += [one.replace(b"/", b"\\/") for one in either if b"/" in one]
    return tuple(either)


def _word(literal: bytes) -> bytes:
    values = plainly(literal)
    found = [word for value in values for word in _WORD.findall(value[0])]
    sure = [word for word in found if not _OTHERWISE.fullmatch(word)]
    return max(sure, key=len, default=b"")
