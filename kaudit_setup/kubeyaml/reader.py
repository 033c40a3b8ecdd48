"""Bytes → characters, with the errors of readerc.go and at the moment at which they are met."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RAW_BUFFER: Final = 512
_BEYOND_ALL: Final = 1 << 62
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The scanner looks at most 8 characters ahead (`\UXXXXXXXX`); NUL is the end of the text and cannot occur in it.
_END: Final = "\0" * 16


class GoYamlError(ValueError):
    """go-yaml refuses the text. `line` and `column` are 1-based, 0 if unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Text:
    """The characters, padded with NUL. Reading past `limit` raises `error`; it is met only by who reads that far.

    `extra_bom`: up to this offset go-yaml takes the first character of a line for a byte-order mark (it looks at
    the start of its buffer and not at the line), which only a second mark at the start of the file brings out.
    """

    chars: str
    limit: int
    error: GoYamlError | None
    extra_bom: int


def read(data: bytes) -> Text:
    """The characters of `data`: UTF-8, or UTF-16 where a byte-order mark says so."""
    encoding, start = "utf-8", 0
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding, start = ("utf-16-le" if data[:2] == b"\xff\xfe" else "utf-16-be"), 2
    elif data[:3] == b"\xef\xbb\xbf":
        start = 3
    message, bad = "", len(data)
    try:
        chars = data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        bad = start + error.start
        chars = data[start:bad].decode(encoding)
        message = _reason(data, bad, encoding)
    forbidden = _FORBIDDEN.search(chars)
    if forbidden:
        chars = chars[: forbidden.start()]
        bad = start + len(chars.encode(encoding))
        message = "control characters are not allowed"
    extra_bom = 0
    if chars.startswith("\ufeff"):
        extra_bom = len(data[start:_RAW_BUFFER].decode(encoding, "ignore"))
    if not message:
        return Text(chars + _END, _BEYOND_ALL, None, extra_bom)
    before = _BREAK.split(chars)
    line, column = len(before), len(before[-1]) + 1
    fill = max(start, _start_of_fill(data, bad, start, encoding))
    limit = len(data[start:fill].decode(encoding))
    return Text(chars[:limit] + _END, limit, GoYamlError(message, line, column), extra_bom)


def lines(data: bytes) -> list[str]:
    """The text as lines, as marks count them; up to the first character that go-yaml refuses."""
    return _BREAK.split(read(data).chars.rstrip("\0"))


def _reason(data: bytes, at: int, encoding: str) -> str:
    if encoding != "utf-8":
        return "incomplete or unpaired UTF-16 character"
    if not _width(data[at]):
        return "invalid leading UTF-8 octet"
    if at + _width(data[at]) > len(data):
        return "incomplete UTF-8 octet sequence"
    trailing = data[at + 1 : at + _width(data[at])]
    return "invalid trailing UTF-8 octet" if any(b & 0xC0 != 0x80 for b in trailing) else "invalid Unicode character"


def _width(octet: int) -> int:
    """Of the character that starts with this octet, 0 if none does (yamlprivateh.go:width)."""
    if octet < 0x80:
        return 1
    if octet & 0xE0 == 0xC0:
        return 2
    if octet & 0xF0 == 0xE0:
        return 3
    return 4 if octet & 0xF8 == 0xF0 else 0


def _start_of_fill(data: bytes, bad: int, start: int, encoding: str) -> int:
    """Where the block of raw bytes begins in which the reader meets the character at `bad`.

    The raw buffer holds 512 bytes; an incomplete character at its end is moved to its start before it is refilled.
    """
    width = (_width(data[bad]) or 1) if encoding == "utf-8" else 2
    fill, end = 0, _RAW_BUFFER
    while end < min(bad + width, len(data)):
        fill = min(end, bad)
        if encoding == "utf-8":
            lead = next((end - back for back in (1, 2, 3) if data[end - back] & 0xC0 != 0x80), end)
            if lead < end and lead + _width(data[lead]) > end:
                fill = min(lead, bad)
        else:
            high = data[end - 1 if encoding == "utf-16-le" else end - 2]
            fill = min(end - 2 if 0xD8 <= high < 0xDC else end, bad)
        end = fill + _RAW_BUFFER
    return fill
