"""Rows as aligned text that fits the width there is.

Where a table does not fit, cells are wrapped between words and behind the punctuation of names (`system:node:cp1`);
where not even that is enough, each row becomes some lines of its own, as in psql. No word is ever broken.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import msgspec

from kaudit_setup.report.escape import safe
from kaudit_setup.report.presentation import presentation, width
from kaudit_setup.report.wrap import cells

_LOOK_AHEAD = 200
_WIDEST = 60
_GAP = "  "
# not in a time of day, nor before a port
_BREAK = re.compile(r"(?<!\d:)(?<=[ :/,@=])(?=[^ :/,@=])")


def columns(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset(), *, room: int = 0
) -> Iterator[str]:
    """`rows` below `header`, in columns; every cell is escaped. Columns in `right` are aligned to the right.

    The first rows decide the widths, so that any number of rows is printed as they come; a longer cell just
    pushes its own row out. `room`: columns of the terminal that are needed for something else.
    """
    return itertools.chain.from_iterable(blocks(header, rows, right, room=room))


def blocks(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset(), *, room: int = 0
) -> Iterator[list[str]]:
    """The same as the lines of the header, none where it has none, and then the lines of each row."""
    todo = (list(map(safe, row)) for row in rows)
    first = list(itertools.islice(todo, _LOOK_AHEAD))
    limit = width()
    layout = _layout(header, first, right, None if limit is None else limit - room)
    yield layout.line(header) if presentation().headers and layout.has_header else []
    for row in itertools.chain(first, todo):
        yield layout.line(row)


def _layout(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int], limit: int | None
) -> _Table | _Records:
    natural = [min(max(map(cells, column)), _WIDEST) for column in zip(header, *rows, strict=True)]
    if limit is None or sum(natural) + len(_GAP) * (len(natural) - 1) <= limit:
        return _Table(tuple(natural), right, wraps=False)
    least = [max(map(_longest_part, column)) for column in zip(header, *rows, strict=True)]
    free = limit - sum(least) - len(_GAP) * (len(least) - 1)
    return _Table(_widened(least, natural, free), right, wraps=True) if free >= 0 else _Records(tuple(header), limit)


def _widened(least: Sequence[int], natural: Sequence[int], free: int) -> tuple[int, ...]:
    """Share out the columns that are left."""
    # the narrow columns first: what they do not need is left to the wide ones
    widths = list(least)
    order = sorted(range(len(natural)), key=lambda i: natural[i] - least[i])
    for done, i in enumerate(order):
        more = min(max(natural[i] - least[i], 0), free // (len(order) - done))
        widths[i] += more
        free -= more
    return tuple(widths)


class _Table(msgspec.Struct, frozen=True):
    """Columns of these widths; `wraps`: a longer cell goes on in the next line."""

    widths: tuple[int, ...]
    right: frozenset[int]
    wraps: bool
    has_header: ClassVar[bool] = True

    def line(self, row: Sequence[str]) -> list[str]:
        parts = [[cell] for cell in row]
        if self.wraps:
            parts = [_wrapped(cell, wide) for cell, wide in zip(row, self.widths, strict=True)]
        return [
            _GAP.join(self._fit(cell, i) for i, cell in enumerate(line)).rstrip()
            for line in itertools.zip_longest(*parts, fillvalue="")
        ]

    def _fit(self, cell: str, column: int) -> str:
        space = " " * (self.widths[column] - cells(cell))
        return space + cell if column in self.right else cell + space


class _Records(msgspec.Struct, frozen=True):
    """A line for each cell, with its heading in front, and an empty line after each row."""

    header: tuple[str, ...]
    limit: int
    has_header: ClassVar[bool] = False

    def line(self, row: Sequence[str]) -> list[str]:
        longest = max(map(cells, self.header))
        lines = []
        for name, cell in zip(self.header, row, strict=True):
            if cell:
                first, *more = _wrapped(cell, max(self.limit - longest - len(_GAP), 1))
                lines.append(f"{name}{' ' * (longest - cells(name))}{_GAP}{first}")
                lines += [" " * (longest + len(_GAP)) + part for part in more]
        return [*lines, ""]


def _wrapped(cell: str, wide: int) -> list[str]:
    lines = [""]
    for part in _BREAK.split(cell):
        if not lines[-1] or cells((lines[-1] + part).rstrip()) <= wide:
            lines[-1] += part
        else:
            lines.append(part)
    return [line.rstrip() for line in lines]


def _longest_part(cell: str) -> int:
    return max(cells(part.rstrip()) for part in _BREAK.split(cell))
