"""Strings that a stranger chose are made harmless before they meet a terminal, a table or a page."""

from __future__ import annotations

import unicodedata

# Cc: control characters (ESC, NUL, newlines). Cf: format characters (right-to-left overrides, zero-width).
# Cs: lone surrogates. Co/Cn: private and unassigned. Zl/Zp: line and paragraph separators.
_HOSTILE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: str) -> str:
    r"""`text` with every character that could move a cursor, hide or reorder others written as `\xNN` or `\uNNNN`.

    Printable ASCII but the backslash comes back unchanged, so the common case costs one scan; the backslash is
    doubled only where something else was escaped, so that the result can be told from an honest one.
    """
    if text.isascii() and text.isprintable():
        return text
    if not any(unicodedata.category(c) in _HOSTILE for c in text):
        return text
    return "".join(_escape(c) for c in text)


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) not in _HOSTILE:
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
