"""The words of the command line, before typer reads them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_FILES: Final = {"--html": "status.html"}
"""Options whose value may be left out, and what it is then."""


def complete(argv: Sequence[str]) -> list[str]:
    """The words as typer takes them: one value behind each `--log`, and one behind `--html`."""
    return _named(spread_logs(argv))


def _named(argv: Sequence[str]) -> list[str]:
    words: list[str] = []
    for word, following in zip(argv, [*argv[1:], "-"], strict=True):
        words.append(word)
        if word in _FILES and following.startswith("-"):
            words.append(_FILES[word])
    return words


def spread_logs(argv: Sequence[str]) -> list[str]:
    """`--log a b c`, as a shell makes it of `--log *.log`, as `--log a --log b --log c`.

    What follows `--log PATH` belongs to it as long as it is the path of a file or folder that is not YAML.
    """
    return list(_spread(iter(argv)))


def _spread(words: Iterator[str]) -> Iterator[str]:
    more = False
    for word in words:
        more = more and _is_log(word)
        if more:
            yield "--log"
        yield word
        if word == "--log":
            # the next word is its value, whatever it is
            yield from itertools.islice(words, 1)
            more = True


def _is_log(word: str) -> bool:
    return not word.startswith("-") and not word.endswith((".yaml", ".yml")) and Path(word).exists()
