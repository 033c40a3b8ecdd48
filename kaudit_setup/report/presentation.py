"""How a whole run is shown: the options that may stand anywhere on the command line, and how wide a stream is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

When = Literal["auto", "always", "never"]


class Presentation(NamedTuple):
    """How a whole run is shown: the options that may stand anywhere on the command line.

    `verbosity`: -1 says nothing beside the answer, 0 is usual, 1 and 2 show more. `utc`: times are shown in UTC.
    `headers`: whether tables have a line of headings. `log_file`: where notes, errors and progress are kept, too.
    """

    color: When = "auto"
    verbosity: int = 0
    utc: bool = False
    headers: bool = True
    log_file: Path | None = None


_NOW: ContextVar[Presentation] = ContextVar("presentation")
_USUAL = Presentation()


def presentation() -> Presentation:
    """How this run is shown."""
    return _NOW.get(_USUAL)


@contextmanager
def presenting(how: Presentation) -> Iterator[None]:
    """Show what happens inside that way."""
    token = _NOW.set(how)
    try:
        yield
    finally:
        _NOW.reset(token)


def width(stream: TextIO | None = None) -> int | None:
    """Columns of a stream, standard output if none is named; None for a pipe or a file, where lines are never broken.
    COLUMNS overrides both, as everywhere.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    out = stream or sys.stdout
    try:
        return os.get_terminal_size(out.fileno()).columns or None if out.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None
