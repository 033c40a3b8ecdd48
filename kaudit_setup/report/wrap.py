"""Long sentences in lines of one width."""

from __future__ import annotations

import textwrap

WIDTH = 110


def wrap(text: str, first: str, rest: str) -> list[str]:
    """`text` in lines of at most WIDTH characters, the first behind `first`, the others behind `rest`.

    A line is not broken at a hyphen, since options and names have some.
    """
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
