"""Text that Windows wrote, as UTF-8: PowerShell's `>` writes UTF-16, others begin with a byte order mark."""

from __future__ import annotations

import codecs
from typing import Final, Protocol

BOM: Final = codecs.BOM_UTF8
"""How UTF-8 begins where somebody says so; it is not a part of the text."""
LOOK_BYTES: Final = 8
"""So much of a text tells its encoding."""
_WIDE_BOMS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Source(Protocol):
    """Bytes to read; an empty answer is the end. A pipe may answer less than was asked for."""

    def read(self, size: int, /) -> bytes | None: ...


def wide_encoding(head: bytes) -> str:
    """The encoding of a text that begins so, if it is UTF-16; empty for any other.

    Without a mark it is known by its first characters: each is of ASCII and has its NUL byte on the same side.
    """
    marked = _WIDE_BOMS.get(head[:2])
    if marked or len(head) < LOOK_BYTES:
        return marked or ""
    even, odd = head[0:LOOK_BYTES:2], head[1:LOOK_BYTES:2]
    for text, zeros, name in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        if not zeros.strip(b"\0") and text.isascii() and 0 not in text:
            return name
    return ""


class InUtf8:
    """A stream of UTF-16 as UTF-8, line ends as on Unix. What is not UTF-16 in it becomes U+FFFD."""

    def __init__(self, source: Source, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._held = "\n"  # what cannot be judged without what follows; at first, the beginning of a line
        self._ready = b""
        self._begun = self._over = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one; none at the end."""
        while not self._ready and not self._over:
            self._ready = self._step(size)
        out, self._ready = self._ready[:size], self._ready[size:]
        return out

    def _step(self, size: int) -> bytes:
        data = self._source.read(max(size, 2)) or b""
        self._over = not data
        text = self._held + self._decoder.decode(data, self._over)
        # files that were put together have a mark in their midst
        text = text.replace("\r\n", "\n").replace("\n\ufeff", "\n")
        kept = 0 if self._over else len(text) - len(text.rstrip("\r\n"))
        kept = min(kept, 1)
        self._held = text[len(text) - kept :]
        text = text[: len(text) - kept]
        if not self._begun and text:
            self._begun, text = True, text[1:]
        return text.encode("utf-8", "replace")
