"""Strings that a stranger chose are made harmless before they meet a terminal, a table or a page."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

# Cc: control characters (ESC, NUL, newlines). Cf: format characters (right-to-left overrides, zero-width).
# Cs: lone surrogates. Co/Cn: private and unassigned. Zl/Zp/Zs: separators; only the ASCII space is what it seems.
_HOSTILE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

# Letters, marks and symbols that show nothing: `aliceX` must not look like `alice`. Unicode's property
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and what is blank by design (Braille, a null notehead).
_INVISIBLE: Final = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # Braille pattern blank
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
        (0xFFFC, 0xFFFC),  # object replacement character
        (0x16FE4, 0x16FE4),  # Khitan filler
        (0x1D159, 0x1D159),  # musical symbol null notehead
        (0x1D173, 0x1D17A),  # musical format controls
        (0xE0100, 0xE01EF),  # variation selectors supplement
    )
    for code in range(first, last + 1)
)


def safe(text: str) -> str:
    r"""`text` with every character that could move a cursor, hide or reorder others written as `\xNN` or `\uNNNN`.

    Printable ASCII but the backslash comes back unchanged, so the common case costs one scan; the backslash is
    doubled only where something else was escaped, so that the result can be told from an honest one.
    """
    if text.isascii() and text.isprintable():
        return text
    if not any(map(_hostile, text)):
        return text
    return "".join(_escape(c) for c in text)


@lru_cache(4096)
def _hostile(char: str) -> bool:
    from unicodedata import category

    return char != " " and (category(char) in _HOSTILE or char in _INVISIBLE)


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if not _hostile(char):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
