"""A file in an archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Contents(Protocol):
    """The bytes of a file in an archive."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one; none at the end. Raises BrokenArchiveError where it is broken."""
        ...


class Member(NamedTuple):
    """A file in an archive, to be read before the next one is asked for. `mtime`: seconds since the epoch.

    `open`: raises BrokenArchiveError. `why_not`: why it cannot be read; empty if it can.
    """

    name: str
    mtime: float
    open: Callable[[], Contents]
    why_not: str = ""


class BrokenArchiveError(Exception):
    """An archive, or a file in it, is damaged or cut short: the text says how."""
