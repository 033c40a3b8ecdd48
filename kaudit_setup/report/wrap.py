"""Long sentences in lines of one width."""

from __future__ import annotations

import textwrap

from kaudit_setup.report.terminal import width

WIDTH = 110
"""The widest that is still easy to read."""


def wrap(text: str, first: str, rest: str) -> list[str]:
    """`text` in lines of at most WIDTH characters and no wider than the terminal, the first behind `first`, the
    others behind `rest`. A line is not broken at a hyphen, since options and names have some.
    """
    return textwrap.wrap(
        text,
        max(min(WIDTH, width() or WIDTH), len(rest) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
