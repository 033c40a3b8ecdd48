"""Which lines of the format `legacy` hold a word, without making events of the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Final

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.shapes.forms import finder
from kaudit_setup.auditlog.shapes.mapped.legacy import LINE
from kaudit_setup.auditlog.shapes.mapped.legacy_heads import heads_of
from kaudit_setup.auditlog.shapes.mapped.projected import said_times
from kaudit_setup.auditlog.shapes.reading import Told
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError

# what a client need not have escaped in a URL: letters, digits, and - . _
_ESCAPE: Final = re.compile(rb"%(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])")
_CONTROL: Final = re.compile(rb"[\0-\x09\x0b-\x1f]")

_NO_CONTROLS: Final = bytes([10, *range(32, 256)])


def tell(block: Block, *, controls: bool) -> Told:
    """What the bytes of a block tell. `controls`: whether lines with control characters are odd, which an event has
    as escapes.
    """
    lines = bytes(block.view).split(b"\n")[:-1]
    heads = heads_of(lines)
    spans = [*_escapes(block.view, controls=controls), *_begins(lines, heads.odd)]
    times = [time for line in lines for time in _time(line)] if heads.odd else heads.times
    return Told([(0, *span) for span in sorted(spans)], said_times(times))


def _escapes(view: memoryview, *, controls: bool) -> Iterator[tuple[int, int]]:
    """Where a letter may be written in another way than in the event."""
    yield from ((start, stop) for _, start, stop in finder(b"\\")(view))
    yield from ((start, stop) for _, start, stop in finder(b"%")(view) if _ESCAPE.match(view, start))
    if controls and bytes(view).translate(None, _NO_CONTROLS):
        yield from (found.span() for found in _CONTROL.finditer(view))


def _begins(lines: Sequence[bytes], wanted: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where these lines begin."""
    begins = accumulate(lines, lambda at, line: at + len(line) + 1, initial=0) if wanted else ()
    return ((at, at) for number, at in enumerate(begins) if number in wanted)


def _time(line: bytes) -> Iterator[bytes]:
    """When a line was written, if it is an event."""
    if found := LINE.match(line.strip()):
        with suppress(InputError):
            yield restamp(found[1].decode("ascii", "replace")).encode()
