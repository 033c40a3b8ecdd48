"""Standard output and standard error: how wide they are, whether they show colours, and notes beside an answer."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

from kaudit_setup.errors import InputError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.presentation import presentation, width
from kaudit_setup.report.times import localized
from kaudit_setup.report.wrap import fit


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


def is_file(stream: TextIO) -> bool:
    """Whether a stream is sent to a file: what is written to it is not on the screen."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def say(line: str) -> None:
    """A line on standard error, if there is one, or several where it is too narrow; `line` is safe already."""
    keep(line)
    # print takes None for standard output
    if sys.stderr is not None:
        print("\n".join(fit(line, width(sys.stderr))), file=sys.stderr, flush=True)


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
    said = f"note: {safe(localized(sentence))}"
    if presentation().verbosity >= 0:
        say(said)
    else:
        keep(said)


def notes(sentences: Iterable[str]) -> None:
    """The same for several."""
    for sentence in sentences:
        note(sentence)
