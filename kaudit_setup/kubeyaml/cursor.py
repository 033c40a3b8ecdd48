"""A place in the text that moves forward: yaml_parser_t's buffer and mark, with skip, skip_line and read_line."""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.kubeyaml.reader import GoYamlError, Text

BLANK: Final = frozenset(" \t")
BREAK: Final = frozenset("\r\n\x85\u2028\u2029")
BREAKZ: Final = BREAK | {"\0"}
BLANKZ: Final = BREAKZ | BLANK
_NO_BREAKZ: Final = re.compile("[^\r\n\x85\u2028\u2029\0]*")


class Cursor:
    """`pos`: offset in characters; `line`, `column`: 0-based."""

    __slots__ = ("_error", "_extra_bom", "_limit", "column", "line", "pos", "text")

    def __init__(self, text: Text) -> None:
        self.text = text.chars
        self.pos = 0
        self.line = 0
        self.column = 0
        self._limit = text.limit
        self._error = text.error
        self._extra_bom = text.extra_bom

    def char(self, ahead: int = 0) -> str:
        """The character here or `ahead` of here; NUL at the end."""
        return self.text[self.pos + ahead]

    def need(self, count: int) -> None:
        """Raises the reader's error if it lies in the block that is read to see the next `count` characters."""
        if self._error and self.pos + count > self._limit:
            raise self._error

    def error(self, problem: str) -> GoYamlError:
        """A scanner error at this place."""
        return GoYamlError(problem, self.line + 1, self.column + 1)

    def skip(self, count: int = 1) -> None:
        """Over characters that are no line break."""
        self.pos += count
        self.column += count

    def skip_run(self, chars: str) -> None:
        """Over a run of these characters."""
        text, start = self.text, self.pos
        pos = start
        while text[pos] in chars:
            pos += 1
        self.skip(pos - start)
        self.need(1)

    def take(self, pattern: re.Pattern[str], ahead: int = 1) -> str:
        """The run that the pattern matches here; then at least `ahead` more characters are looked at."""
        found = pattern.match(self.text, self.pos)
        run = found.group() if found else ""
        self.skip(len(run))
        self.need(ahead)
        return run

    def skip_comment(self) -> None:
        """To the end of the line, or of the text."""
        self.take(_NO_BREAKZ)

    def rest_of_line(self, ahead: int) -> str:
        """Everything up to the line break."""
        return self.take(_NO_BREAKZ, ahead)

    def skip_line(self) -> str:
        """Over one line break, and what it reads as: LF, but LS and PS stay what they are."""
        self.need(2)
        char = self.char()
        self.pos += 2 if char == "\r" and self.char(1) == "\n" else 1
        self.line += 1
        self.column = 0
        return char if char in "\u2028\u2029" else "\n"

    def skip_misplaced_bom(self) -> None:
        """One character at the start of a line, if the text began with a second byte-order mark (is_bom)."""
        if self.pos < self._extra_bom and self.char() != "\0":
            self.skip()

    def document_indicator(self) -> bool:
        """Whether `---` or `...` stands here, followed by a blank or the end of the line."""
        return self.text.startswith(("---", "..."), self.pos) and self.char(3) in BLANKZ
