"""YAML and JSON as nodes that know the text they came from.

A file is changed by cutting and inserting at the spans of its nodes, so that comments, quoting, order, indentation
and line ends of everything else survive by construction.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from kaudit_setup.yamltext import Event, TextError, events

# kubelet reads up to 10 MB, but a Pod of more than 1.5 MiB could not even be mirrored to etcd (the default limit
# of a request): a file beyond this is a mistake or an attack, and reading it would take minutes.
MAX_CHARS = 1 << 20
MAX_DEPTH = 64
# dicts, lists, str, int, bool and None; Any, because it is taken apart by its own shape and nothing else
Plain: TypeAlias = Any
LINE_END = re.compile(r"\r\n|\n|\r")


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
    `style`: how a scalar is written: ``, `'`, `"`, `|` or `>`.
    """

    kind: Kind
    start: int
    end: int
    flow: bool = False
    value: str = ""
    style: str = ""
    anchor: str = ""
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[Node, Node], ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether it is YAML's null, written out or left empty."""
        return self.kind is Kind.SCALAR and not self.style and self.value in {"", "~", "null", "Null", "NULL"}

    @property
    def text(self) -> str:
        """A scalar's text; empty for null and for anything that is not a scalar."""
        return self.value if self.kind is Kind.SCALAR and not self.is_null else ""

    @property
    def truth(self) -> bool:
        """Whether it is a true boolean as YAML 1.1 (go-yaml) spells it."""
        return not self.style and self.value.lower() in {"true", "yes", "on", "y"}

    def get(self, key: str) -> Node | None:
        """The value of `key` in a map; None if it is absent or this is no map."""
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
        return f"*{self.value}" if self.kind is Kind.ALIAS else _plain_scalar(self)


@dataclass(frozen=True, slots=True)
class Document:
    """A root node and the text that all its spans refer to."""

    text: str
    root: Node
    json: bool = False

    def line(self, offset: int) -> int:
        """The number of the line that holds `offset`, from 1."""
        return line_of(self.text, offset)


@functools.lru_cache(maxsize=16)
def first_document(text: str) -> Document:
    """The first document of `text`, the only one that kubelet reads; the rest is not looked at.

    Raises TextError for anything that is not a YAML or JSON document with a value, for keys given twice (of which
    Kubernetes silently takes the last), for text above 1 MiB and nesting above 64.
    """
    document = next(_read(text), None)
    if document is None or (document.root.is_null and not document.root.value):
        raise TextError("it is empty" if document is None else "its first document is empty")
    return document


@functools.lru_cache(maxsize=16)
def documents(text: str) -> tuple[Document, ...]:
    """All documents of `text` in order. Raises TextError as first_document does."""
    return tuple(_read(text))


def line_of(text: str, offset: int) -> int:
    """The number of the line of `text` that holds `offset`, from 1."""
    return len(LINE_END.findall(text, 0, offset)) + 1


def refuse_doubles(text: str, entries: Iterable[tuple[Node, Node]]) -> None:
    """Raises TextError if a key is given twice: Kubernetes would silently take the last one."""
    seen: set[str] = set()
    for key, _ in entries:
        if key.kind is Kind.SCALAR and key.value in seen:
            raise TextError(f"the key {key.value!r} is given twice", line_of(text, key.start))
        seen.add(key.value)


def _read(text: str) -> Iterator[Document]:
    from kaudit_setup.manifest import jsontext

    if len(text) > MAX_CHARS:
        raise TextError("it is larger than 1 MiB")
    if text.lstrip(" \t\r\n").startswith("{"):
        # apimachinery pkg/util/yaml/decoder.go:ToJSON: such a text never meets the YAML parser
        yield Document(text, jsontext.read(text, MAX_DEPTH), json=True)
        return
    steps = events(text)
    for step in steps:
        if step.name == "document":
            yield Document(text, _build(text, steps))


class _Open:
    """A collection whose end has not been met yet."""

    __slots__ = ("children", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.children: list[Node] = []


def _build(text: str, steps: Iterator[Event]) -> Node:
    stack: list[_Open] = []
    anchors: set[str] = set()
    for step in steps:
        if step.name == "alias" and step.value not in anchors:
            raise TextError(f"the alias *{step.value} has no anchor", step.line)
        anchors.add(step.anchor)
        if step.name in {"map", "list"}:
            if len(stack) >= MAX_DEPTH:
                raise TextError(f"it is nested deeper than {MAX_DEPTH} levels", step.line)
            stack.append(_Open(step))
            continue
        node = _close(text, stack.pop(), step.end) if step.name.startswith("end-") else _leaf(text, step)
        if not stack:
            return node
        stack[-1].children.append(node)
    raise TextError("it ends in the middle of a document")


def _leaf(text: str, step: Event) -> Node:
    if step.name == "alias":
        return Node(Kind.ALIAS, step.start, step.end, value=step.value)
    end = _block_scalar_end(text, step.start, step.end) if step.style in {"|", ">"} else step.end
    return Node(Kind.SCALAR, step.start, end, value=step.value, style=step.style, anchor=step.anchor)


def _close(text: str, opened: _Open, end: int) -> Node:
    event, children = opened.event, opened.children
    if not event.flow:
        end = children[-1].end if children else event.start
    if event.name == "list":
        return Node(Kind.LIST, event.start, end, flow=event.flow, anchor=event.anchor, items=tuple(children))
    entries = tuple(zip(children[::2], children[1::2], strict=True))
    refuse_doubles(text, entries)
    return Node(Kind.MAP, event.start, end, flow=event.flow, anchor=event.anchor, entries=entries)


def _block_scalar_end(text: str, start: int, end: int) -> int:
    """Where the last line of a `|` or `>` scalar ends: the scanner's own end lies behind the comments after it."""
    begin = start_of_line(text, start)
    parent = len(text[begin:start]) - len(text[begin:start].lstrip(" "))
    best = end_of_line(text, start)
    for line in re.finditer(r"[^\r\n]+", text[best:end]):
        content = line.group()
        if content.strip() and len(content) - len(content.lstrip(" ")) <= parent:
            break
        best = best if not content.strip() else end_of_line(text, start) + line.end()
    return best


def start_of_line(text: str, offset: int) -> int:
    """The offset of the first character of the line that holds `offset`."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def end_of_line(text: str, offset: int) -> int:
    r"""The offset of the line end (`\n`, `\r\n`, `\r` or the end of the text) of the line that holds `offset`."""
    found = LINE_END.search(text, offset)
    return found.start() if found else len(text)


_INT = re.compile(r"[-+]?[0-9]{1,18}\Z")
_BOOLS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


def _plain_scalar(node: Node) -> str | int | bool | None:
    if node.style:
        return node.value
    if node.is_null:
        return None
    if node.value.lower() in _BOOLS:
        return _BOOLS[node.value.lower()]
    return int(node.value) if _INT.match(node.value) else node.value
