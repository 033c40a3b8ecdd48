"""Characters → tokens, as scannerc.go does it: which token comes next, indentation, simple keys."""

from __future__ import annotations

from collections import deque
from typing import Final

from kaudit_setup.kubeyaml import scalars
from kaudit_setup.kubeyaml.cursor import BLANKZ, BREAK, Cursor
from kaudit_setup.kubeyaml.reader import Text
from kaudit_setup.kubeyaml.tokens import FLOW, T, Token

_MAX_DEPTH: Final = 10_000  # max_flow_level, max_indents
_MAX_SIMPLE_KEY: Final = 1024
_NO_PLAIN_START: Final = frozenset(" \t\r\n\x85\u2028\u2029\0-?:,[]{}#&*!|>'\"%@`")


class _SimpleKey:
    """A place where a `key:` without `?` may have begun (yaml_simple_key_t)."""

    __slots__ = ("column", "index", "line", "number", "possible", "required")

    def __init__(self, possible: bool, required: bool, number: int, cursor: Cursor) -> None:
        self.possible = possible
        self.required = required
        self.number = number
        self.index = cursor.pos
        self.line = cursor.line
        self.column = cursor.column


class Scanner:
    """Gives one token after the other. Raises GoYamlError."""

    def __init__(self, text: Text) -> None:
        self._at = Cursor(text)
        self._tokens: deque[Token] = deque()
        self._parsed = 0  # tokens handed out so far
        self._indent = -1
        self._indents: list[int] = []
        self._flow = 0
        self._key_allowed = True
        self._keys = [_SimpleKey(False, False, 0, self._at)]
        self._key_of_token: dict[int, int] = {}
        self._at.need(1)
        self._tokens.append(Token(T.STREAM_START, 0, 0))

    @property
    def line(self) -> int:
        """The 0-based line up to which the text has been read."""
        return self._at.line

    def peek(self) -> Token:
        """The next token, left in the queue (peek_token)."""
        while True:
            if self._tokens:
                # a token is final once no simple key can be put before it
                index = self._key_of_token.get(self._parsed)
                if index is None or not self._valid(self._keys[index]):
                    return self._tokens[0]
            self._fetch()

    def skip(self) -> None:
        """Drops the token that `peek` gave."""
        self._tokens.popleft()
        self._parsed += 1

    # ── which token comes next ──────────────────────────────────────────────────────────────────────────────────

    def _fetch(self) -> None:
        at = self._at
        at.need(1)
        self._to_next_token()
        self._unroll(at.column)
        at.need(4)
        char = at.char()
        if char == "\0":
            self._stream_end()
        elif at.column == 0 and char == "%":
            self._reset()
            self._tokens.append(scalars.directive(at))
        elif at.column == 0 and at.document_indicator():
            self._reset()
            self._add(T.DOCUMENT_START if char == "-" else T.DOCUMENT_END)
            at.skip(3)
        elif char in "[{":
            self._flow_start(FLOW[char])
        elif char in "]}":
            self._flow_end(FLOW[char])
        elif char == ",":
            self._forget_key()
            self._key_allowed = True
            self._add(T.FLOW_ENTRY)
            at.skip()
        elif char == "-" and at.char(1) in BLANKZ:
            self._block_entry()
        elif char == "?" and (self._flow or at.char(1) in BLANKZ):
            self._key()
        elif char == ":" and (self._flow or at.char(1) in BLANKZ):
            self._value()
        elif char in "*&":
            self._save_key()
            self._tokens.append(scalars.anchor(at))
        elif char == "!":
            self._save_key()
            self._tokens.append(scalars.tag(at))
        elif char in "|>" and not self._flow:
            self._forget_key()
            self._key_allowed = True
            self._tokens.append(scalars.block(at, self._indent))
        elif char in "'\"":
            self._save_key()
            self._tokens.append(scalars.quoted(at))
        elif (
            char not in _NO_PLAIN_START
            or (char == "-" and at.char(1) not in " \t")
            or (not self._flow and char in "?:" and at.char(1) not in BLANKZ)
        ):
            self._save_key()
            token, key_may_follow = scalars.plain(at, self._indent, self._flow > 0)
            self._key_allowed = self._key_allowed or key_may_follow
            self._tokens.append(token)
        else:
            raise at.error("found character that cannot start any token")

    def _to_next_token(self) -> None:
        at = self._at
        while True:
            at.need(1)
            if at.column == 0:
                at.skip_misplaced_bom()
            # tabs are not allowed where they would be indentation: at the start of a line, after '-', '?' and ':'
            at.skip_run(" \t" if self._flow or not self._key_allowed else " ")
            if at.char() == "#":
                at.skip_comment()
            if at.char() not in BREAK:
                return
            at.skip_line()
            if not self._flow:
                self._key_allowed = True

    def _add(self, kind: T) -> None:
        self._tokens.append(Token(kind, self._at.line, self._at.column))

    def _reset(self) -> None:
        self._unroll(-1)
        self._forget_key()
        self._key_allowed = False

    def _stream_end(self) -> None:
        if self._at.column:
            self._at.column = 0
            self._at.line += 1
        self._reset()
        self._add(T.STREAM_END)

    def _flow_start(self, kind: T) -> None:
        self._save_key()
        self._keys.append(_SimpleKey(False, False, self._parsed + len(self._tokens), self._at))
        self._flow += 1
        if self._flow > _MAX_DEPTH:
            raise self._at.error(f"exceeded max depth of {_MAX_DEPTH}")
        self._key_allowed = True
        self._add(kind)
        self._at.skip()

    def _flow_end(self, kind: T) -> None:
        self._forget_key()
        if self._flow:
            self._flow -= 1
            self._key_of_token.pop(self._keys.pop().number, None)
        self._key_allowed = False
        self._add(kind)
        self._at.skip()

    def _block_entry(self) -> None:
        if not self._flow:
            if not self._key_allowed:
                raise self._at.error("block sequence entries are not allowed in this context")
            self._roll(self._at.column, -1, T.BLOCK_SEQUENCE_START, self._at.line)
        self._forget_key()
        self._key_allowed = True
        self._add(T.BLOCK_ENTRY)
        self._at.skip()

    def _key(self) -> None:
        if not self._flow:
            if not self._key_allowed:
                raise self._at.error("mapping keys are not allowed in this context")
            self._roll(self._at.column, -1, T.BLOCK_MAPPING_START, self._at.line)
        self._forget_key()
        self._key_allowed = not self._flow
        self._add(T.KEY)
        self._at.skip()

    def _value(self) -> None:
        key = self._keys[-1]
        if self._valid(key):
            self._tokens.insert(key.number - self._parsed, Token(T.KEY, key.line, key.column))
            self._roll(key.column, key.number, T.BLOCK_MAPPING_START, key.line)
            key.possible = False
            self._key_of_token.pop(key.number, None)
            self._key_allowed = False
        else:
            if not self._flow:
                if not self._key_allowed:
                    raise self._at.error("mapping values are not allowed in this context")
                self._roll(self._at.column, -1, T.BLOCK_MAPPING_START, self._at.line)
            self._key_allowed = not self._flow
        self._add(T.VALUE)
        self._at.skip()

    # ── simple keys and indentation ─────────────────────────────────────────────────────────────────────────────

    def _valid(self, key: _SimpleKey) -> bool:
        if not key.possible:
            return False
        if key.line < self._at.line or key.index + _MAX_SIMPLE_KEY < self._at.pos:
            if key.required:
                raise self._at.error("could not find expected ':'")
            key.possible = False
            return False
        return True

    def _save_key(self) -> None:
        if self._key_allowed:
            required = not self._flow and self._indent == self._at.column
            self._forget_key()
            number = self._parsed + len(self._tokens)
            self._keys[-1] = _SimpleKey(True, required, number, self._at)
            self._key_of_token[number] = len(self._keys) - 1
        self._key_allowed = False

    def _forget_key(self) -> None:
        key = self._keys[-1]
        if not key.possible:
            return
        if key.required:
            raise self._at.error("could not find expected ':'")
        key.possible = False
        self._key_of_token.pop(key.number, None)

    def _roll(self, column: int, number: int, kind: T, line: int) -> None:
        if self._flow or self._indent >= column:
            return
        self._indents.append(self._indent)
        self._indent = column
        if len(self._indents) > _MAX_DEPTH:
            raise self._at.error(f"exceeded max depth of {_MAX_DEPTH}")
        token = Token(kind, line, column)
        if number < 0:
            self._tokens.append(token)
        else:
            self._tokens.insert(number - self._parsed, token)

    def _unroll(self, column: int) -> None:
        if self._flow:
            return
        while self._indent > column:
            self._add(T.BLOCK_END)
            self._indent = self._indents.pop()
