"""How text is encoded in the lines of a log: by kube-apiserver, and by log shippers that rewrite its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_GO_ESCAPE = re.compile(rb"\\u(003[ce]|0026|202[89])")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_VALUE = re.compile(rb':"((?:[^"\\]|\\.)*)("?)')

# for each value that a line must hold its spellings, the most telling value first
Plain = tuple[tuple[bytes, ...], ...]


def spelled(text: str) -> bytes:
    """`text` as kube-apiserver writes it inside a JSON string (Go escapes <, >, & and U+2028/9), without quotes.

    Source: encoding/json:appendString with escapeHTML.
    """
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    for char in "<>&\u2028\u2029":
        plain = plain.replace(char, f"\\u{ord(char):04x}")
    return plain.encode("utf-8", "surrogatepass")


def plainly(literal: bytes) -> Plain:
    """What a line holds if it says the same as `literal` in another order, with other spaces or escapes.

    Only the values that `literal` names; a part of one string stays as it is.
    """
    values = [found.groups() for found in _VALUE.finditer(literal) if found[1]]
    if not values:
        return (_with_slashes(literal),)
    longest_first = sorted(values, key=lambda v: -len(v[0]))
    return tuple(tuple(b'"' + one + quote for one in _with_slashes(value)) for value, quote in longest_first)


def _with_slashes(text: bytes) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one.replace(b"/", slash) for one in spellings(text) for slash in (b"/", rb"\/")))


def spellings(text: bytes) -> tuple[bytes, ...]:
    """`text`, a piece of JSON as kube-apiserver writes it, and as others do: without Go's escapes, or in ASCII.

    Its slashes stay: who escapes them, does so in every line (see `raw_lines.in_own_order`).
    """
    plain = _GO_ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode(), text)
    if plain == text and text.isascii():
        return (text,)
    try:
        in_ascii = "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in plain.decode())
    except UnicodeDecodeError:  # halves of characters
        return (text, plain)
    upper = _ESCAPED.sub(lambda found: "\\u" + found[1].upper(), in_ascii)
    return tuple(dict.fromkeys([text, plain, in_ascii.encode(), upper.encode()]))


def says(text: bytes, plains: Sequence[Plain]) -> bool:
    """Whether a line holds every value of one of `plains`."""
    return any(all(any(one in text for one in spelt) for spelt in plain) for plain in plains)
