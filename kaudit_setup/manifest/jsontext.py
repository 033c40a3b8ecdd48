"""JSON into nodes with spans: ruamel refuses tabs that JSON allows, and the json module forgets where things were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from kaudit_setup.manifest.nodes import Kind, Node, line_of, refuse_doubles
from kaudit_setup.yamltext import TextError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null")


def read(text: str, max_depth: int) -> Node:
    """The one JSON value that `text` is; raises TextError with the line of the fault."""
    reader = _Reader(text, max_depth)
    reader.skip()
    node = reader.value(0)
    reader.skip()
    if reader.at < len(text):
        raise reader.error("something follows the closing brace")
    return node


class _Reader:
    def __init__(self, text: str, max_depth: int) -> None:
        self.text = text
        self.at = 0
        self.max_depth = max_depth

    def value(self, depth: int) -> Node:
        if depth > self.max_depth:
            raise self.error(f"it is nested deeper than {self.max_depth} levels")
        char = self.text[self.at : self.at + 1]
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        if char == '"':
            return self._string()
        found = _LITERAL.match(self.text, self.at)
        if not found:
            raise self.error(f"a value was expected, not {self.text[self.at : self.at + 10]!r}")
        start, self.at = self.at, found.end()
        return Node(Kind.SCALAR, start, self.at, value=found.group())

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def error(self, problem: str) -> TextError:
        return TextError(f"it starts with '{{' and is not valid JSON: {problem}", line_of(self.text, self.at))

    def _string(self) -> Node:
        start = self.at
        if not self.text.startswith('"', start):
            raise self.error("a string in double quotes was expected")
        try:
            value, self.at = _DECODER.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise self.error(error.msg) from None
        return Node(Kind.SCALAR, start, self.at, value=value, style='"')

    def _array(self, depth: int) -> Node:
        start = self.at
        items = tuple(self.value(depth + 1) for _ in self._members("]"))
        return Node(Kind.LIST, start, self.at, flow=True, items=items)

    def _object(self, depth: int) -> Node:
        start = self.at
        entries = tuple(self._entry(depth) for _ in self._members("}"))
        refuse_doubles(self.text, entries)
        return Node(Kind.MAP, start, self.at, flow=True, entries=entries)

    def _entry(self, depth: int) -> tuple[Node, Node]:
        key = self._string()
        self.skip()
        self._take(":")
        self.skip()
        return key, self.value(depth + 1)

    def _members(self, closing: str) -> Iterator[None]:
        """Stands at each member in turn; the caller reads it before asking for the next."""
        self.at += 1
        self.skip()
        if self.text.startswith(closing, self.at):
            self.at += 1
            return
        while True:
            yield
            self.skip()
            if self.text.startswith(closing, self.at):
                self.at += 1
                return
            self._take(",")
            self.skip()

    def _take(self, char: str) -> None:
        if not self.text.startswith(char, self.at):
            raise self.error(f"{char!r} was expected, not {self.text[self.at : self.at + 10]!r}")
        self.at += 1
