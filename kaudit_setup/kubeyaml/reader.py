"""Bytes → characters as go-yaml v2 reads them, and the places of its errors (readerc.go)."""

from __future__ import annotations

import codecs
import re
from typing import Final

# go-yaml reads in blocks of this size, and meets an invalid byte only when it opens the block
_BLOCK: Final = 512
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_UNREADABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class GoYamlError(ValueError):
    """go-yaml refuses the text. `line` and `column` are 1-based, 0 if unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def error_at(problem: str, text: str, offset: int) -> GoYamlError:
    """An error at this offset of the text."""
    before = _BREAK.split(text[:offset])
    return GoYamlError(problem, len(before), len(before[-1]) + 1)


def encoding(data: bytes) -> tuple[str, int]:
    """The encoding, and how many bytes its byte-order mark takes: UTF-16 only with a mark, else UTF-8."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return ("utf-16-le" if data[:2] == codecs.BOM_UTF16_LE else "utf-16-be"), 2
    return "utf-8", 3 if data[:3] == codecs.BOM_UTF8 else 0


def decode(data: bytes) -> str:
    """The text to which offsets and lines refer: without its byte-order mark, up to the first invalid byte."""
    name, start = encoding(data)
    try:
        text = data[start:].decode(name)
    except UnicodeDecodeError as error:
        text = data[start : start + error.start].decode(name)
    unreadable = _UNREADABLE.search(text)
    return text[: unreadable.start()] if unreadable else text


def lines(data: bytes) -> list[str]:
    """The text as lines, as marks count them; up to the first character that go-yaml refuses."""
    return _BREAK.split(decode(data))


def breaks(text: str, start: int, end: int) -> int:
    """How many line breaks are in this part of the text."""
    return len(_BREAK.findall(text, start, end))


class Blocks:
    """A stream that gives the bytes in the blocks in which go-yaml reads them.

    Its buffer holds 512 bytes: those of an incomplete character stay in it, and the next block is shorter by them.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._decoder = codecs.getincrementaldecoder(encoding(data)[0])("ignore")

    def read(self, _size: int) -> bytes:
        """The next block, whatever size is asked for (libyaml asks for more); empty at the end."""
        incomplete = self._decoder.getstate()[0]
        block = self._data[self._at : self._at + _BLOCK - len(incomplete)]
        self._at += len(block)
        self._decoder.decode(block)
        return block
