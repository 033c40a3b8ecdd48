"""Rows as aligned text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

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
    todo = iter(rows)
    first = [[safe(cell) for cell in row] for row in itertools.islice(todo, _LOOK_AHEAD)]
    widths = [min(max([len(title), *(len(row[i]) for row in first)]), _WIDEST) for i, title in enumerate(header)]
    rest = ([safe(cell) for cell in row] for row in todo)
    for row in itertools.chain([list(header)], first, rest):
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
