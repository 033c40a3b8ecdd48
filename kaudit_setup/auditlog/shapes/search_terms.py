"""What is searched for in a file before it is taken apart: a text that holds none of it is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import msgspec

from kaudit_setup.auditlog.literals import Find, few, finders, plainly, spellings

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


class SearchTerms:
    """Literals as kube-apiserver writes them, and how they are found in other shapes."""

    def __init__(self, literals: Sequence[bytes], samples: Sequence[bytes] = (), *, checked: bool = False) -> None:
        """`literals`: at least one. `samples`: those of which a few lines are enough. `checked`: whether every other
        line is looked at, too, and counted.
        """
        self._literals = tuple(literals)
        self._samples = tuple(samples)
        self.checked = checked
        self._exact: dict[int, tuple[Find, ...] | None] = {}

    def exact(self, depth: int) -> tuple[Find, ...] | None:
        """For events as kube-apiserver writes them, inside `depth` JSON strings; None if they may be escaped in more
        ways than one.
        """
        if depth not in self._exact:
            plain = all(one.isascii() and b"\\" not in one for one in (*self._literals, *self._samples))
            found, some = (map(_finder, _at([depth], texts)) for texts in (self._literals, self._samples))
            self._exact[depth] = (*found, *map(few, some)) if plain else None
        return self._exact[depth]

    @property
    def texts(self) -> tuple[bytes, ...]:
        """As kube-apiserver writes them."""
        return (*self._literals, *self._samples)

    @cached_property
    def words(self) -> tuple[Find, ...] | None:
        """For events in any order and spelling: a word of each literal; None if one has none that is sure."""
        return self._found_by(_each_word(self._literals), _each_word(self._samples))

    @cached_property
    def mapped(self) -> tuple[Find, ...] | None:
        """For records that become events, whose fields have other names, and which are not JSON: a word of each
        literal that is sure to be a value's; none of one that is all escapes. None if a literal has none.
        """
        words, some = (_bare_words(texts) for texts in (self._literals, self._samples))
        return None if any(word in _NAMES for word in (*words, *some)) else self._found_by(words, some)

    def _found_by(self, words: Sequence[bytes], samples: Sequence[bytes]) -> tuple[Find, ...] | None:
        """By one word of each literal; None if one has none."""
        if not all(words) or not all(samples):
            return None
        return (*finders(words), *map(few, finders(samples)))

    @property
    def escapes(self) -> bool:
        """Whether some literal has escapes."""
        return any(b"\\" in one for one in self._literals)


def _bare_words(literals: Sequence[bytes]) -> tuple[bytes, ...]:
    return _each_word(re.sub(_ESCAPED, b" ", one) for one in literals if not re.fullmatch(_LETTER, one))


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
    words = _each_word(literals)
    return words if all(words) else ()


def _each_word(literals: Iterable[bytes]) -> tuple[bytes, ...]:
    """One of each literal; empty for one that has none that is sure."""
    return tuple(dict.fromkeys(map(_word, literals)))


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
