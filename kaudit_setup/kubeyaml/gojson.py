"""JSON as Go's encoding/json reads it, with the place of every value.

Source: encoding/json scanner.go (syntax and messages) and decode.go (`unquote`: invalid UTF-8 and lone surrogates
become U+FFFD).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from kaudit_setup.kubeyaml.nodes import NOWHERE, Entry, Float, Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.kubeyaml.resolve import go_utf8

_MAX_DEPTH: Final = 10_000
_SPACE: Final = re.compile("[ \t\r\n]*")
_STRING: Final = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD: Final = re.compile("true|false|null")
_WORDS: Final = {"true": True, "false": False, "null": None}
_LONGEST_INT: Final = 20  # the sign and the digits of an int64; Python refuses to convert very long ones


class GoJsonError(ValueError):
    """The text is no JSON for Go. `line` and `column` are 1-based."""

    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.message = message
        self.line = mark.line
        self.column = mark.column


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    mark: Mark
    entries: list[Entry] | None
    items: list[Node]
    key: str = ""
    key_mark: Mark = NOWHERE


def parse(data: bytes) -> Node:
    """The one JSON value that `data` holds. Raises GoJsonError."""
    return _Parser(go_utf8(data)).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._lines = [found.end() for found in re.finditer("\n", text)]
        self._open: list[_Open] = []

    def run(self) -> Node:
        while True:
            value = self._value()
            while value is not None and self._open:
                value = self._attach(value)
            if value is not None:
                if self._next():
                    raise self._error("after top-level value")
                return value

    def _mark(self, pos: int) -> Mark:
        row = bisect_right(self._lines, pos)
        return Mark(row + 1, pos - (self._lines[row - 1] if row else 0) + 1)

    def _error(self, where: str) -> GoJsonError:
        mark = self._mark(self._pos)
        if self._pos >= len(self._text):
            return GoJsonError("unexpected end of JSON input", mark)
        return GoJsonError(f"invalid character {self._text[self._pos]!r} {where}", mark)

    def _next(self) -> str:
        """The next character that is no space, empty at the end."""
        found = _SPACE.match(self._text, self._pos)
        self._pos = found.end() if found else self._pos
        return self._text[self._pos : self._pos + 1]

    def _value(self) -> Node | None:
        """A scalar or an empty collection; None where a collection was opened."""
        char = self._next()
        mark = self._mark(self._pos)
        if char == '"':
            return Scalar(self._string(), mark, mark.line)
        if char == "{" or char == "[":
            self._pos += 1
            self._open.append(_Open(mark, [] if char == "{" else None, []))
            if len(self._open) > _MAX_DEPTH:
                raise GoJsonError("exceeded max depth", mark)
            if self._next() == ("}" if char == "{" else "]"):
                return self._close()
            if char == "{":
                self._key()
            return None
        return Scalar(self._literal(), mark, mark.line)

    def _literal(self) -> int | Float | bool | None:
        word = _WORD.match(self._text, self._pos)
        if word:
            self._pos = word.end()
            return _WORDS[word.group()]
        number = _NUMBER.match(self._text, self._pos)
        if not number:
            raise self._error("looking for beginning of value")
        self._pos = number.end()
        text = number.group()
        integral = not number.group(1) and not number.group(2) and len(text) <= _LONGEST_INT
        return int(text) if integral else Float(text)

    def _string(self) -> str:
        found = _STRING.match(self._text, self._pos)
        if not found:
            self._pos = next(
                (i for i in range(self._pos + 1, len(self._text)) if self._text[i] < " "), len(self._text)
            )
            raise self._error("in string literal")
        self._pos = found.end()
        if "\\" not in found.group(1):
            return found.group(1)
        text: str = json.loads(found.group())
        return re.sub("[\ud800-\udfff]", "\ufffd", text)

    def _key(self) -> None:
        top = self._open[-1]
        if self._next() != '"':
            raise self._error("looking for beginning of object key string")
        top.key_mark = self._mark(self._pos)
        top.key = self._string()
        if self._next() != ":":
            raise self._error("after object key")
        self._pos += 1

    def _attach(self, value: Node) -> Node | None:
        """Puts the value into the open collection; gives that collection if it is complete now."""
        top = self._open[-1]
        if top.entries is not None:
            top.entries.append(Entry(top.key, top.key_mark, value))
        else:
            top.items.append(value)
        char = self._next()
        if char == ",":
            self._pos += 1
            if top.entries is not None:
                self._key()
            return None
        if char == ("]" if top.entries is None else "}"):
            return self._close()
        raise self._error("after array element" if top.entries is None else "after object key:value pair")

    def _close(self) -> Node:
        top = self._open.pop()
        end_line = self._mark(self._pos).line
        self._pos += 1
        if top.entries is not None:
            return Mapping(top.entries, top.mark, end_line)
        return Sequence(top.items, top.mark, end_line)
