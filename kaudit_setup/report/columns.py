"""Rows → aligned text, sizes and durations as people read them."""

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


def size(count: float) -> str:
    """Bytes as `831 B`, `1.2 kB`, `35 MB`: three digits at most, powers of a thousand."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def hours(count: float) -> str:
    """Hours as `29 s`, `12 min`, `3.5 h` or `12 days`."""
    if count < 1 / 60:
        return f"{count * 3600:.0f} s"
    if count < 1:
        return f"{count * 60:.0f} min"
    return f"{count:.1f} h" if count < 72 else f"{count / 24:.1f} days"


def share(part: float, whole: float) -> str:
    """A percentage of `whole`, `-` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
