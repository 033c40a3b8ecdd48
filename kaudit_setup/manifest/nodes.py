"""YAML and JSON as nodes that know the text they came from.

A file is changed by cutting and inserting at the spans of its nodes, so that comments, quoting, order, indentation
and line ends of everything else survive by construction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from kaudit_setup.errors import InputError, ManifestError

# dicts, lists, str, int, float, bool and None; Any, because it is taken apart by its own shape and nothing else
Plain: TypeAlias = Any
LINE_END = re.compile(r"\r\n|\n|\r")


class TextError(InputError):
    """A text is not YAML (or JSON) that can be worked on; `line` counts from 1, 0 means the text as a whole."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem, hint="fix the YAML at that line")
        self._problem = problem
        self._line = line

    def of(self, what: str, hint: str) -> ManifestError:
        """As an error about what was read, say `the manifest`, with a fix for that."""
        where = f"line {self._line} of {what}" if self._line else what
        return ManifestError(f"{where} cannot be read: {self._problem}", hint=hint)


class Kind(Enum):
    """What a node is. An alias is kept apart: changing its target would change two places."""

    SCALAR = "a scalar"
    LIST = "a list"
    MAP = "a map"
    ALIAS = "an alias"


@dataclass(frozen=True, slots=True)
class Node:
    """One value and the text it came from.

    `start`, `end`: the span of the value's own text, anchor and tag included; a block list starts at its first
    dash and ends where its last item ends, without the line end and whatever follows.
    `flow`: `[…]` or `{…}`, always true in JSON. `value`: a scalar's text after unquoting, an alias' name.
    `style`: how a scalar is written: ``, `'`, `"`, `|` or `>`. `meaning`: what kubelet makes of a scalar.
    """

    kind: Kind
    start: int
    end: int
    flow: bool = False
    value: str = ""
    style: str = ""
    anchor: str = ""
    meaning: Plain = None
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[Node, Node], ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether it is null, written out or left empty."""
        return self.kind is Kind.SCALAR and self.meaning is None

    @property
    def text(self) -> str:
        """A scalar's text; empty for null and for anything that is not a scalar."""
        return self.value if self.kind is Kind.SCALAR and not self.is_null else ""

    @property
    def truth(self) -> bool:
        """Whether it is true."""
        return self.meaning is True

    def get(self, key: str) -> Node | None:
        """The value of `key` in a map; None if it is absent or this is not a map."""
        return next((v for k, v in self.entries if k.text == key), None)

    def at(self, *path: str) -> Node | None:
        """The value at the end of a path of keys; None if any step is absent."""
        here: Node | None = self
        for key in path:
            here = here.get(key) if here else None
        return here

    def plain(self) -> Plain:
        """The value as dicts, lists and scalars, for comparing and showing (aliases stay what they are)."""
        if self.kind is Kind.MAP:
            return {k.value: v.plain() for k, v in self.entries}
        if self.kind is Kind.LIST:
            return [i.plain() for i in self.items]
        return f"*{self.value}" if self.kind is Kind.ALIAS else self.meaning


@dataclass(frozen=True, slots=True)
class Document:
    """A root node and the text that all its spans refer to."""

    text: str
    root: Node
    json: bool = False

    def line(self, offset: int) -> int:
        """The number of the line that holds `offset`, from 1."""
        return line_of(self.text, offset)


def line_of(text: str, offset: int) -> int:
    """The number of the line of `text` that holds `offset`, from 1."""
    return len(LINE_END.findall(text, 0, offset)) + 1


def start_of_line(text: str, offset: int) -> int:
    """The offset of the first character of the line that holds `offset`."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def end_of_line(text: str, offset: int) -> int:
    r"""The offset of the line end (`\n`, `\r\n`, `\r` or the end of the text) of the line that holds `offset`."""
    found = LINE_END.search(text, offset)
    return found.start() if found else len(text)
