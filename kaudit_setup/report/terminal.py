"""Standard output and standard error: how wide they are, whether they show colours, and notes beside an answer."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from kaudit_setup.errors import InputError
from kaudit_setup.report.escape import safe

When = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class Presentation:
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


def colour() -> bool:
    """Whether standard output shows colours: as --color says; by default on a terminal, unless NO_COLOR says no
    (https://no-color.org).
    """
    wanted = presentation().color
    if wanted != "auto":
        return wanted == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(line: str, code: int, wanted: bool) -> str:
    """`line` in a colour of ANSI X3.64, if that is wanted."""
    return f"\x1b[{code}m{line}\x1b[0m" if wanted and line else line


def width() -> int | None:
    """Columns of standard output; None for a pipe or a file, where lines are never broken. COLUMNS overrides both, as
    everywhere.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None


def is_file(stream: TextIO) -> bool:
    """Whether a stream is sent to a file: what is written to it is not on the screen."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def say(line: str) -> None:
    """A line on standard error, if there is one; `line` is safe already."""
    keep(line)
    # print takes None for standard output
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def keep(line: str) -> None:
    """A line with its time in the file of --log-file, if there is one, which only its owner can read.

    Raises InputError if it cannot be written.
    """
    path = presentation().log_file
    if path is None:
        return
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")
    except OSError as error:
        raise InputError(f"--log-file {path} cannot be written: {error.strerror}") from error


def note(sentence: str) -> None:
    """Say on standard error what a person should know beside the answer, unless -q was given."""
    if presentation().verbosity >= 0:
        say(f"note: {safe(sentence)}")
    else:
        keep(f"note: {safe(sentence)}")


def notes(sentences: Iterable[str]) -> None:
    """The same for several."""
    for sentence in sentences:
        note(sentence)
