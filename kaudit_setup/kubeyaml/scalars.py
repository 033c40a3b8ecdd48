"""The tokens that hold text: scalars in their five styles, anchors, tags and directives (scannerc.go)."""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.kubeyaml.cursor import BLANKZ, BREAK, BREAKZ, Cursor
from kaudit_setup.kubeyaml.tokens import T, Token

_WORD: Final = re.compile("[0-9A-Za-z_-]*")
_AFTER_ANCHOR: Final = BLANKZ | frozenset("?:,]}%@`")
_URI: Final = re.compile(r"[0-9A-Za-z_\-;/?:@&=+$,.!~*'()\[\]]*")
_DIGITS: Final = re.compile("[0-9]*")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_ENDS: Final = r" \t\r\n\x85\u2028\u2029\0"
_PLAIN_BLOCK: Final = re.compile(f"(?:[^{_ENDS}:]|:(?![{_ENDS}]))*")
_PLAIN_FLOW: Final = re.compile(rf"(?:[^{_ENDS}:,?\[\]{{}}]|:(?![{_ENDS}]))*")
_SINGLE: Final = re.compile(f"(?:[^{_ENDS}']|'')*")
_DOUBLE: Final = re.compile(rf'[^{_ENDS}"\\]*')
_ESCAPES: Final = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "'": "'",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_ESCAPE_LENGTHS: Final = {"x": 2, "u": 4, "U": 8}


def plain(at: Cursor, indent: int, flow: bool) -> tuple[Token, bool]:
    """A plain scalar, and whether it ended with a line break, after which a key may follow."""
    line, column, end_line = at.line, at.column, at.line
    run = _PLAIN_FLOW if flow else _PLAIN_BLOCK
    out: list[str] = []
    space = ""
    leading = False
    while True:
        at.need(4)
        if at.column == 0 and at.document_indicator():
            break
        if at.char() == "#":
            break
        words = at.take(run, 2)
        if words:
            out += (space, words)
            space = ""
            leading = False
            end_line = at.line
        if at.char() not in BREAK and at.char() not in " \t":
            break
        space, leading = _blanks(at, indent + 1)
        if not flow and at.column < indent + 1:
            break
    return Token(T.SCALAR, line, column, "".join(out), plain=True, end_line=end_line), leading


def _blanks(at: Cursor, indent: int = 0) -> tuple[str, bool]:
    """What the blanks and line breaks between two words fold to, and whether there was a break."""
    space = ""
    breaks: list[str] = []
    while (char := at.char()) in BREAK or char in " \t":
        if char in BREAK:
            breaks.append(at.skip_line())
        else:
            if breaks and at.column < indent and char == "\t":
                raise at.error("found a tab character that violates indentation")
            if not breaks:
                space += char
            at.skip()
        at.need(1)
    return (_fold(breaks), True) if breaks else (space, False)


def _fold(breaks: list[str]) -> str:
    """The first break becomes a space if it is a line feed and stands alone; if others follow, it vanishes."""
    if breaks[0] != "\n":
        return "".join(breaks)
    return "".join(breaks[1:]) or " "


def quoted(at: Cursor) -> Token:
    """A scalar in single or double quotes."""
    line, column, quote = at.line, at.column, at.char()
    at.skip()
    out: list[str] = []
    while True:
        at.need(4)
        if at.column == 0 and at.document_indicator():
            raise at.error("found unexpected document indicator")
        if at.char() == "\0":
            raise at.error("found unexpected end of stream")
        escaped_break = quote == '"' and _double(at, out)
        if quote == "'":
            out.append(at.take(_SINGLE, 2).replace("''", "'"))
        at.need(1)
        if at.char() == quote:
            break
        out.append(_kept_breaks(at) if escaped_break else _blanks(at)[0])
    end_line = at.line
    at.skip()
    return Token(T.SCALAR, line, column, "".join(out), end_line=end_line)


def _double(at: Cursor, out: list[str]) -> bool:
    """Words of a double-quoted scalar; whether they ended with an escaped line break."""
    while True:
        out.append(at.take(_DOUBLE, 2))
        if at.char() != "\\":
            return False
        code = at.char(1)
        if code in BREAK:
            at.need(3)
            at.skip()
            at.skip_line()
            return True
        if code in _ESCAPES:
            out.append(_ESCAPES[code])
            at.skip(2)
        elif code in _ESCAPE_LENGTHS:
            at.skip(2)
            out.append(_escaped(at, _ESCAPE_LENGTHS[code]))
        else:
            raise at.error("found unknown escape character")
        at.need(2)


def _escaped(at: Cursor, length: int) -> str:
    at.need(length)
    digits = at.text[at.pos : at.pos + length]
    if not _HEX.issuperset(digits):
        raise at.error("did not find expected hexdecimal number")
    value = int(digits, 16)
    if 0xD800 <= value <= 0xDFFF or value > 0x10FFFF:
        raise at.error("found invalid Unicode character escape code")
    at.skip(length)
    return chr(value)


def _kept_breaks(at: Cursor) -> str:
    """After an escaped line break blanks vanish and further breaks are kept."""
    breaks: list[str] = []
    while (char := at.char()) in BREAK or char in " \t":
        if char in BREAK:
            breaks.append(at.skip_line())
        else:
            at.skip()
        at.need(1)
    return "".join(breaks)


def block(at: Cursor, parent: int) -> Token:
    """A literal (`|`) or folded (`>`) scalar below the indentation `parent`."""
    line, column, literal = at.line, at.column, at.char() == "|"
    at.skip()
    at.need(1)
    chomping, increment = _block_header(at)
    at.skip_run(" \t")
    if at.char() == "#":
        at.skip_comment()
    if at.char() not in BREAKZ:
        raise at.error("did not find expected comment or line break")
    if at.char() in BREAK:
        at.skip_line()
    indent = max(parent, 0) + increment if increment else 0
    trailing: list[str] = []
    indent, end_line = _block_breaks(at, indent, parent, trailing, line)
    out: list[str] = []
    leading_break = ""
    leading_blank = False
    at.need(1)
    while at.column == indent and at.char() != "\0":
        trailing_blank = at.char() in " \t"
        if not literal and not leading_blank and not trailing_blank and leading_break == "\n":
            if not trailing:
                out.append(" ")
        else:
            out.append(leading_break)
        out += trailing
        trailing = []
        leading_blank = trailing_blank
        end_line = at.line
        out.append(at.rest_of_line(1))
        at.need(2)
        leading_break = at.skip_line() if at.char() in BREAK else ""
        _block_breaks(at, indent, parent, trailing, end_line)
    if chomping != "-":
        out.append(leading_break)
    if chomping == "+":
        out += trailing
    return Token(T.SCALAR, line, column, "".join(out), end_line=end_line)


def _block_header(at: Cursor) -> tuple[str, int]:
    """Chomping (`+`, `-` or nothing) and indentation indicator (0 if none), in either order."""
    chomping, increment = "", 0
    for _ in range(2):
        char = at.char()
        if char in "+-" and not chomping:
            chomping = char
        elif char in "0123456789" and not increment:
            if char == "0":
                raise at.error("found an indentation indicator equal to 0")
            increment = int(char)
        else:
            break
        at.skip()
        at.need(1)
    return chomping, increment


def _block_breaks(at: Cursor, indent: int, parent: int, breaks: list[str], end_line: int) -> tuple[int, int]:
    """Over indentation and empty lines; the indentation, determined if it was 0, and the line of the last text."""
    widest = 0
    while True:
        at.need(1)
        while (indent == 0 or at.column < indent) and at.char() == " ":
            at.skip()
            at.need(1)
        widest = max(widest, at.column)
        if (indent == 0 or at.column < indent) and at.char() == "\t":
            raise at.error("found a tab character where an indentation space is expected")
        if at.char() not in BREAK:
            break
        breaks.append(at.skip_line())
    return indent or max(widest, parent + 1, 1), end_line


def anchor(at: Cursor) -> Token:
    """`&name` or `*name`."""
    line, column = at.line, at.column
    kind = T.ANCHOR if at.char() == "&" else T.ALIAS
    at.skip()
    at.need(1)
    name = at.take(_WORD)
    if not name or at.char() not in _AFTER_ANCHOR:
        raise at.error("did not find expected alphabetic or numeric character")
    return Token(kind, line, column, name)


def tag(at: Cursor) -> Token:
    """`!suffix`, `!handle!suffix`, `!<uri>` or `!`."""
    line, column = at.line, at.column
    at.need(2)
    if at.char(1) == "<":
        at.skip(2)
        handle, suffix = "", _uri(at, "")
        if at.char() != ">":
            raise at.error("did not find the expected '>'")
        at.skip()
    else:
        handle = _handle(at)
        if len(handle) > 1 and handle.endswith("!"):
            suffix = _uri(at, "")
        else:
            suffix = _uri(at, handle)
            handle = "!"
            if not suffix:
                handle, suffix = "", "!"
    at.need(1)
    if at.char() not in BLANKZ:
        raise at.error("did not find expected whitespace or line break")
    return Token(T.TAG, line, column, handle, suffix)


def _handle(at: Cursor) -> str:
    at.need(1)
    if at.char() != "!":
        raise at.error("did not find expected '!'")
    at.skip()
    at.need(1)
    handle = "!" + at.take(_WORD)
    if at.char() == "!":
        at.skip()
        handle += "!"
    return handle


def _uri(at: Cursor, head: str) -> str:
    """The rest of a tag after its head (`!foo` gives `foo`); %XX escapes are decoded."""
    out = [head[1:]]
    found = bool(head)
    at.need(1)
    while run := (at.take(_URI) or (_uri_escape(at) if at.char() == "%" else "")):
        out.append(run)
        found = True
    if not found:
        raise at.error("did not find expected tag URI")
    return "".join(out)


def _uri_escape(at: Cursor) -> str:
    octets = bytearray()
    width = 1
    while len(octets) < width:
        at.need(3)
        digits = at.text[at.pos + 1 : at.pos + 3]
        if at.char() != "%" or not _HEX.issuperset(digits):
            raise at.error("did not find URI escaped octet")
        octet = int(digits, 16)
        if not octets:
            width = next((n for n, (mask, lead) in enumerate(_LEADS, 1) if octet & mask == lead), 0)
            if not width:
                raise at.error("found an incorrect leading UTF-8 octet")
        elif octet & 0xC0 != 0x80:
            raise at.error("found an incorrect trailing UTF-8 octet")
        octets.append(octet)
        at.skip(3)
    return octets.decode("utf-8", "replace")


_LEADS: Final = ((0x80, 0x00), (0xE0, 0xC0), (0xF0, 0xE0), (0xF8, 0xF0))


def directive(at: Cursor) -> Token:
    """A `%YAML` or `%TAG` line."""
    line, column = at.line, at.column
    at.skip()
    at.need(1)
    name = at.take(_WORD)
    if not name:
        raise at.error("could not find expected directive name")
    if at.char() not in BLANKZ:
        raise at.error("found unexpected non-alphabetical character")
    if name == "YAML":
        at.skip_run(" \t")
        major = _version_number(at)
        if at.char() != ".":
            raise at.error("did not find expected digit or '.' character")
        at.skip()
        token = Token(T.VERSION_DIRECTIVE, line, column, major, _version_number(at))
    elif name == "TAG":
        token = Token(T.TAG_DIRECTIVE, line, column, *_tag_directive(at))
    else:
        raise at.error("found unknown directive name")
    at.need(1)
    at.skip_run(" \t")
    if at.char() == "#":
        at.skip_comment()
    if at.char() not in BREAKZ:
        raise at.error("did not find expected comment or line break")
    if at.char() in BREAK:
        at.skip_line()
    return token


def _version_number(at: Cursor) -> str:
    at.need(1)
    digits = at.take(_DIGITS)
    if len(digits) > 2:
        raise at.error("found extremely long version number")
    if not digits:
        raise at.error("did not find expected version number")
    return str(int(digits))


def _tag_directive(at: Cursor) -> tuple[str, str]:
    at.skip_run(" \t")
    handle = _handle(at)
    if handle != "!" and not handle.endswith("!"):
        raise at.error("did not find expected '!'")
    at.need(1)
    if at.char() not in " \t":
        raise at.error("did not find expected whitespace")
    at.skip_run(" \t")
    prefix = _uri(at, "")
    at.need(1)
    if at.char() not in BLANKZ:
        raise at.error("did not find expected whitespace or line break")
    return handle, prefix
