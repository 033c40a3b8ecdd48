"""Sentences in lines that fit. Words, paths and commands in backticks are never broken: they can be pasted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kaudit_setup.report.presentation import width

WIDTH = 110
"""The widest that is still easy to read."""
_LEAST = 20  # columns for words, however narrow the terminal
_WORD = r"( *)((?:\d[\d.]* (?:[KMGT]iB|B|s|min|h|days|%)(?![^\s,;:.)/])|`[^`\n]*`|[^ ])+)"
"""A word, a command in backticks, a number with its unit; and the spaces before it."""
_COLOUR = r"\x1b\[[0-9;]*m"
_HEADS = re.compile(r" *(?:- |\[\d+\] |# )?"), re.compile(r"[^ ]+(?: [^ ]+){0,2} {2,}")
"""What may stand before the words of a line: an indent with a bullet or a mark, then titles."""
_SAID = r"[^ ]+(?: [^ ]+)?: "


def wrap(text: str, first: str, rest: str) -> list[str]:
    """`text` in lines of at most WIDTH characters and no wider than the terminal, the first behind `first`, the
    others behind `rest`; none for no text.
    """
    return list(_lines(text, first, rest, min(WIDTH, width() or WIDTH))) if text.strip() else []


def fit(line: str, limit: int | None) -> list[str]:
    """A line as several where it is wider than `limit`; the others begin below its words, behind its title.

    Not for differences, YAML and lines of logs, whose characters all count.
    """
    if limit is None or cells(line) <= limit:
        return [line]
    title = _title(line, limit * 2 // 5)
    words = line[len(title) :]
    more = 2 if not title.strip() and re.match(_SAID, words) else 0
    return list(_lines(words, title, " " * (cells(title) + more), limit))


def _title(line: str, most: int) -> str:
    """What stands before the words: the indent, and as many titles as leave room."""
    indent, title = _HEADS
    found = indent.match(line)
    end = found.end() if found else 0
    while (more := title.match(line, end)) and cells(line[: more.end()]) <= most:
        end = more.end()
    return line[:end]


def fitted(text: str, *, most: int | None = None) -> str:
    """Every line of a text, as it fits standard output; `most`: no wider than that, however wide it is."""
    limit = width()
    if limit is not None and most is not None:
        limit = min(limit, most)
    return "\n".join(part for line in text.split("\n") for part in fit(line, limit))


def cells(text: str) -> int:
    """Columns of a terminal that a text takes: wide characters take two, combining ones and colours none."""
    plain = re.sub(_COLOUR, "", text)
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len

    return cell_len(plain)


def _lines(text: str, first: str, rest: str, limit: int) -> Iterator[str]:
    limit = max(limit, cells(rest) + _LEAST)
    line, empty = first, True
    for gap, word in re.findall(_WORD, text):
        if not empty and cells(line) + len(gap) + cells(word) > limit:
            yield line
            line, empty = rest, True
        line += word if empty else gap + word
        empty = False
    yield line
