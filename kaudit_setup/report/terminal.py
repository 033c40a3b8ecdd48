"""Standard output and standard error: whether there are colours, and notes beside an answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from kaudit_setup.report.escape import safe


def colour() -> bool:
    """Whether standard output shows colours: on a terminal, unless NO_COLOR says no (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(line: str) -> None:
    """A line on standard error, if there is one; `line` is safe already."""
    # print takes None for standard output
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def note(sentence: str) -> None:
    """Say on standard error what a person should know beside the answer."""
    say(f"note: {safe(sentence)}")


def notes(sentences: Iterable[str]) -> None:
    """The same for several."""
    for sentence in sentences:
        note(sentence)
