"""Tokens → events, as parserc.go does it: a stack of states, one event at a time, only as far as it is asked."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, auto
from typing import Final, NamedTuple, TypeAlias

from kaudit_setup.kubeyaml.reader import GoYamlError, Text
from kaudit_setup.kubeyaml.scanner import Scanner
from kaudit_setup.kubeyaml.tokens import T, Token


class E(IntEnum):
    """Kinds of event."""

    DOCUMENT_START = auto()
    DOCUMENT_END = auto()
    STREAM_END = auto()
    ALIAS = auto()
    SCALAR = auto()
    SEQUENCE_START = auto()
    SEQUENCE_END = auto()
    MAPPING_START = auto()
    MAPPING_END = auto()


class Event(NamedTuple):
    """One event. `line`, `column`: 0-based start.

    `implicit`: of a scalar, that it is plain and its text says what it is; of a start, that the style is flow.
    """

    kind: E
    line: int
    column: int
    end_line: int
    anchor: str = ""
    tag: str = ""
    value: str = ""
    implicit: bool = False


_State: TypeAlias = Callable[[], Event]
_DEFAULT_TAGS: Final = {"!": "!", "!!": "tag:yaml.org,2002:"}
_DIRECTIVES: Final = (T.VERSION_DIRECTIVE, T.TAG_DIRECTIVE)
_NO_CONTENT: Final = frozenset((*_DIRECTIVES, T.DOCUMENT_START, T.DOCUMENT_END, T.STREAM_END))
_NO_BLOCK_VALUE: Final = frozenset((T.KEY, T.VALUE, T.BLOCK_END))
_NO_ENTRY: Final = frozenset((T.BLOCK_ENTRY, T.BLOCK_END))
_FLOW: Final = (T.FLOW_SEQUENCE_START, T.FLOW_MAPPING_START)
_COLLECTIONS: Final = {
    T.FLOW_SEQUENCE_START: E.SEQUENCE_START,
    T.FLOW_MAPPING_START: E.MAPPING_START,
    T.BLOCK_SEQUENCE_START: E.SEQUENCE_START,
    T.BLOCK_MAPPING_START: E.MAPPING_START,
}


def _error(token: Token, problem: str) -> GoYamlError:
    return GoYamlError(problem, token.line + 1, token.column + 1)


class Parser:
    """Call `next` until it gives STREAM_END, or stop earlier. Raises GoYamlError."""

    def __init__(self, text: Text) -> None:
        self._scanner = Scanner(text)
        self._scanner.peek()
        self._scanner.skip()
        self._tags: dict[str, str] = {}
        self._states: list[_State] = []
        self._state: _State = self._implicit_document_start

    def next(self) -> Event:
        """The next event."""
        return self._state()

    def _peek(self) -> Token:
        return self._scanner.peek()

    def _after_skip(self) -> Token:
        self._scanner.skip()
        return self._scanner.peek()

    def _node_then(self, state: _State, block: bool, indentless: bool = False) -> Event:
        self._states.append(state)
        return self._node(block, indentless)

    def _empty(self, token: Token, state: _State) -> Event:
        self._state = state
        return Event(E.SCALAR, token.line, token.column, token.line, implicit=True)

    def _close(self, kind: E, token: Token, skip: bool = True) -> Event:
        self._state = self._states.pop()
        if skip:
            self._scanner.skip()
        return Event(kind, token.line, token.column, token.line)

    # ── documents ───────────────────────────────────────────────────────────────────────────────────────────────

    def _implicit_document_start(self) -> Event:
        token = self._peek()
        if token.kind in _NO_CONTENT and token.kind != T.DOCUMENT_END:
            return self._document_start()
        self._directives()
        self._states.append(self._document_end)
        self._state = self._block_node
        return Event(E.DOCUMENT_START, token.line, token.column, token.line)

    def _document_start(self) -> Event:
        token = self._peek()
        while token.kind == T.DOCUMENT_END:
            token = self._after_skip()
        if token.kind == T.STREAM_END:
            return Event(E.STREAM_END, token.line, token.column, token.line)
        start = token
        token = self._directives()
        if token.kind != T.DOCUMENT_START:
            raise _error(token, "did not find expected <document start>")
        self._states.append(self._document_end)
        self._state = self._document_content
        self._scanner.skip()
        return Event(E.DOCUMENT_START, start.line, start.column, token.line)

    def _directives(self) -> Token:
        token = self._peek()
        version_seen = False
        while token.kind in _DIRECTIVES:
            if token.kind == T.VERSION_DIRECTIVE:
                if version_seen:
                    raise _error(token, "found duplicate %YAML directive")
                if (token.value, token.suffix) != ("1", "1"):
                    raise _error(token, "found incompatible YAML document")
                version_seen = True
            elif token.value in self._tags:
                raise _error(token, "found duplicate %TAG directive")
            else:
                self._tags[token.value] = token.suffix
            token = self._after_skip()
        self._tags = _DEFAULT_TAGS | self._tags
        return token

    def _document_content(self) -> Event:
        token = self._peek()
        if token.kind in _NO_CONTENT:
            return self._empty(token, self._states.pop())
        return self._node(True)

    def _document_end(self) -> Event:
        token = self._peek()
        if token.kind == T.DOCUMENT_END:
            self._scanner.skip()
        self._state = self._document_start
        return Event(E.DOCUMENT_END, token.line, token.column, token.line)

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _block_node(self) -> Event:
        return self._node(True)

    def _node(self, block: bool, indentless: bool = False) -> Event:
        token = start = self._peek()
        if token.kind == T.ALIAS:
            self._state = self._states.pop()
            self._scanner.skip()
            return Event(E.ALIAS, token.line, token.column, token.line, anchor=token.value)
        anchor, tag_token = "", None
        for _ in range(2):
            if token.kind == T.ANCHOR and not anchor:
                anchor = token.value
            elif token.kind == T.TAG and not tag_token:
                tag_token = token
            else:
                break
            token = self._after_skip()
        tag = self._resolve_tag(tag_token) if tag_token else ""
        if indentless and token.kind == T.BLOCK_ENTRY:
            self._state = self._indentless_entry
            return Event(E.SEQUENCE_START, start.line, start.column, token.line, anchor, tag)
        if token.kind == T.SCALAR:
            self._state = self._states.pop()
            self._scanner.skip()
            implicit = (not tag and token.plain) or tag == "!"
            return Event(E.SCALAR, start.line, start.column, token.end_line, anchor, tag, token.value, implicit)
        if token.kind in _COLLECTIONS and (block or token.kind in _FLOW):
            self._state = self._first(token.kind)
            self._scanner.skip()
            flow = token.kind in _FLOW
            return Event(_COLLECTIONS[token.kind], start.line, start.column, token.line, anchor, tag, implicit=flow)
        if anchor or tag:
            self._state = self._states.pop()
            return Event(E.SCALAR, start.line, start.column, start.line, anchor, tag, implicit=not tag)
        raise _error(token, "did not find expected node content")

    def _resolve_tag(self, token: Token) -> str:
        if not token.value:
            return token.suffix
        resolved = self._tags.get(token.value, "") + token.suffix if token.value in self._tags else ""
        if not resolved:
            raise _error(token, "found undefined tag handle")
        return resolved

    # ── block collections ───────────────────────────────────────────────────────────────────────────────────────

    def _block_entry(self) -> Event:
        token = self._peek()
        if token.kind == T.BLOCK_ENTRY:
            entry, token = token, self._after_skip()
            if token.kind in _NO_ENTRY:
                return self._empty(entry, self._block_entry)
            return self._node_then(self._block_entry, True)
        if token.kind == T.BLOCK_END:
            return self._close(E.SEQUENCE_END, token)
        raise _error(token, "did not find expected '-' indicator")

    def _indentless_entry(self) -> Event:
        token = self._peek()
        if token.kind != T.BLOCK_ENTRY:
            return self._close(E.SEQUENCE_END, token, skip=False)
        entry, token = token, self._after_skip()
        if token.kind in _NO_BLOCK_VALUE or token.kind == T.BLOCK_ENTRY:
            return self._empty(entry, self._indentless_entry)
        return self._node_then(self._indentless_entry, True)

    def _block_key(self) -> Event:
        token = self._peek()
        if token.kind == T.KEY:
            key, token = token, self._after_skip()
            if token.kind in _NO_BLOCK_VALUE:
                return self._empty(key, self._block_value)
            return self._node_then(self._block_value, True, True)
        if token.kind == T.BLOCK_END:
            return self._close(E.MAPPING_END, token)
        raise _error(token, "did not find expected key")

    def _block_value(self) -> Event:
        token = self._peek()
        if token.kind != T.VALUE:
            return self._empty(token, self._block_key)
        value, token = token, self._after_skip()
        if token.kind in _NO_BLOCK_VALUE:
            return self._empty(value, self._block_key)
        return self._node_then(self._block_key, True, True)

    # ── flow collections ────────────────────────────────────────────────────────────────────────────────────────

    def _flow_first_entry(self) -> Event:
        return self._flow_entry(first=True)

    def _flow_entry(self, first: bool = False) -> Event:
        token = self._peek()
        if token.kind != T.FLOW_SEQUENCE_END:
            if not first:
                if token.kind != T.FLOW_ENTRY:
                    raise _error(token, "did not find expected ',' or ']'")
                token = self._after_skip()
            if token.kind == T.KEY:
                self._state = self._pair_key
                self._scanner.skip()
                return Event(E.MAPPING_START, token.line, token.column, token.line)
            if token.kind != T.FLOW_SEQUENCE_END:
                return self._node_then(self._flow_entry, False)
        return self._close(E.SEQUENCE_END, token)

    def _pair_key(self) -> Event:
        token = self._peek()
        if token.kind not in (T.VALUE, T.FLOW_ENTRY, T.FLOW_SEQUENCE_END):
            return self._node_then(self._pair_value, False)
        self._scanner.skip()
        return self._empty(token, self._pair_value)

    def _pair_value(self) -> Event:
        token = self._peek()
        if token.kind == T.VALUE:
            token = self._after_skip()
            if token.kind not in (T.FLOW_ENTRY, T.FLOW_SEQUENCE_END):
                return self._node_then(self._pair_end, False)
        return self._empty(token, self._pair_end)

    def _pair_end(self) -> Event:
        token = self._peek()
        self._state = self._flow_entry
        return Event(E.MAPPING_END, token.line, token.column, token.line)

    def _flow_first_key(self) -> Event:
        return self._flow_key(first=True)

    def _flow_key(self, first: bool = False) -> Event:
        token = self._peek()
        if token.kind != T.FLOW_MAPPING_END:
            if not first:
                if token.kind != T.FLOW_ENTRY:
                    raise _error(token, "did not find expected ',' or '}'")
                token = self._after_skip()
            if token.kind == T.KEY:
                token = self._after_skip()
                if token.kind in (T.VALUE, T.FLOW_ENTRY, T.FLOW_MAPPING_END):
                    return self._empty(token, self._flow_value)
                return self._node_then(self._flow_value, False)
            if token.kind != T.FLOW_MAPPING_END:
                return self._node_then(self._flow_empty_value, False)
        return self._close(E.MAPPING_END, token)

    def _flow_value(self) -> Event:
        token = self._peek()
        if token.kind == T.VALUE:
            token = self._after_skip()
            if token.kind not in (T.FLOW_ENTRY, T.FLOW_MAPPING_END):
                return self._node_then(self._flow_key, False)
        return self._empty(token, self._flow_key)

    def _flow_empty_value(self) -> Event:
        return self._empty(self._peek(), self._flow_key)

    def _first(self, kind: T) -> _State:
        return {
            T.FLOW_SEQUENCE_START: self._flow_first_entry,
            T.FLOW_MAPPING_START: self._flow_first_key,
            T.BLOCK_SEQUENCE_START: self._block_entry,
            T.BLOCK_MAPPING_START: self._block_key,
        }[kind]
