"""JSON as Go's encoding/json reads it, with the place of every value.

Source: encoding/json scanner.go (syntax and messages) and decode.go (`unquote`: invalid UTF-8 and lone surrogates
become U+FFFD).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from kaudit_setup.kubeyaml.events import E, Event
from kaudit_setup.kubeyaml.nodes import Entry, Float, Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.kubeyaml.resolve import go_utf8

_MAX_DEPTH: Final = 10_000
_SPACE: Final = re.compile("[ \t\r\n]*")
_STRING: Final = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_LITERAL: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_INTEGER: Final = re.compile("-?[0-9]+")
_LONGEST_INT: Final = 20  # the sign and the digits of an int64; Python refuses to convert very long ones


# what unicode.IsSpace takes for space, and a brace
_START: Final = re.compile("[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*{")


class GoJsonError(ValueError):
    """The text is not JSON for Go. `line` and `column` are 1-based."""

    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.message = message
        self.line = mark.line
        self.column = mark.column


def is_json(text: str) -> bool:
    """Whether Kubernetes reads the text as JSON and not as YAML (apimachinery/pkg/util/yaml/decoder.go)."""
    return _START.match(text) is not None


def parse(data: bytes) -> Node:
    """The one JSON value that `data` holds. Raises GoJsonError."""
    starts: list[Event] = []
    children: list[list[Node]] = [[]]
    for event in events(data):
        if event.kind is E.SCALAR:
            children[-1].append(Scalar(literal(event), event.mark, event.end_line))
        elif event.kind in {E.MAPPING_START, E.SEQUENCE_START}:
            starts.append(event)
            children.append([])
        else:
            mark, inner = starts.pop().mark, children.pop()
            made: Node = Sequence(inner, mark, event.end_line)
            if event.kind is E.MAPPING_END:
                pairs = zip(inner[::2], inner[1::2], strict=True)
                entries = [Entry(str(key.value), key.mark, value) for key, value in pairs if isinstance(key, Scalar)]
                made = Mapping(entries, mark, event.end_line)
            children[-1].append(made)
    return children[0][0]


def literal(event: Event) -> str | int | bool | Float | None:
    """The value of a scalar event."""
    if event.style:
        return event.value
    if event.value in _WORDS:
        return _WORDS[event.value]
    integral = _INTEGER.fullmatch(event.value) and len(event.value) <= _LONGEST_INT
    return int(event.value) if integral else Float(event.value)


def events(data: bytes) -> Iterator[Event]:
    """The events of the one JSON value that `data` holds, strings in double quotes. Raises GoJsonError."""
    return _Reader(go_utf8(data)).events()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._lines = [found.end() for found in re.finditer("\n", text)]

    def events(self) -> Iterator[Event]:
        closers: list[str] = []
        while True:
            char = self._next()
            if char in ("{", "["):
                yield self._taken(E.MAPPING_START if char == "{" else E.SEQUENCE_START, self._pos + 1)
                closers.append("}" if char == "{" else "]")
                if len(closers) > _MAX_DEPTH:
                    raise GoJsonError("exceeded max depth", self._mark(self._pos - 1))
                if self._next() != closers[-1]:
                    if char == "{":
                        yield self._key()
                    continue
                yield self._end(closers)
            else:
                yield self._string() if char == '"' else self._literal()
            while closers:
                char = self._next()
                if char == ",":
                    self._pos += 1
                    if closers[-1] == "}":
                        yield self._key()
                    break
                if char != closers[-1]:
                    raise self._error("after array element" if closers[-1] == "]" else "after object key:value pair")
                yield self._end(closers)
            else:
                if self._next():
                    raise self._error("after top-level value")
                return

    def _end(self, closers: list[str]) -> Event:
        return self._taken(E.MAPPING_END if closers.pop() == "}" else E.SEQUENCE_END, self._pos + 1)

    def _key(self) -> Event:
        if self._next() != '"':
            raise self._error("looking for beginning of object key string")
        key = self._string()
        if self._next() != ":":
            raise self._error("after object key")
        self._pos += 1
        return key

    def _literal(self) -> Event:
        found = _LITERAL.match(self._text, self._pos)
        if not found:
            raise self._error("looking for beginning of value")
        return self._taken(E.SCALAR, found.end(), found.group())

    def _string(self) -> Event:
        found = _STRING.match(self._text, self._pos)
        if not found:
            self._pos = next(
                (i for i in range(self._pos + 1, len(self._text)) if self._text[i] < " "), len(self._text)
            )
            raise self._error("in string literal")
        value = found.group(1)
        if "\\" in value:
            value = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(found.group()))
        return self._taken(E.SCALAR, found.end(), value, '"')

    def _taken(self, kind: E, end: int, value: str = "", style: str = "") -> Event:
        mark = self._mark(self._pos)
        event = Event(kind, self._pos, end, mark, mark.line, value=value, plain=not style, style=style, flow=True)
        self._pos = end
        return event

    def _next(self) -> str:
        """The next character that is not a space, empty at the end."""
        found = _SPACE.match(self._text, self._pos)
        self._pos = found.end() if found else self._pos
        return self._text[self._pos : self._pos + 1]

    def _mark(self, pos: int) -> Mark:
        row = bisect_right(self._lines, pos)
        return Mark(row + 1, pos - (self._lines[row - 1] if row else 0) + 1)

    def _error(self, where: str) -> GoJsonError:
        mark = self._mark(self._pos)
        if self._pos >= len(self._text):
            return GoJsonError("unexpected end of JSON input", mark)
        return GoJsonError(f"invalid character {self._text[self._pos]!r} {where}", mark)
