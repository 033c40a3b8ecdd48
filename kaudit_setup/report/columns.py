"""Rows as aligned text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from kaudit_setup.report.escape import safe

_LOOK_AHEAD = 200
_WIDEST = 60


def columns(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()
) -> Iterator[str]:
    """`rows` below `header`, in columns; every cell is escaped. Columns in `right` are aligned to the right.

    The first rows decide the widths, so that any number of rows is printed as they come; a longer cell just
    pushes its own row out.
    """
    todo = (list(map(safe, row)) for row in rows)
    first = [list(header), *itertools.islice(todo, _LOOK_AHEAD)]
    layout = [
        (str.rjust if i in right else str.ljust, min(max(map(len, column)), _WIDEST))
        for i, column in enumerate(zip(*first, strict=True))
    ]
    for row in itertools.chain(first, todo):
        yield _line(row, layout)


def _line(row: Sequence[str], layout: Sequence[tuple[Callable[[str, int], str], int]]) -> str:
    return "  ".join(fit(cell, width) for cell, (fit, width) in zip(row, layout, strict=True)).rstrip()
