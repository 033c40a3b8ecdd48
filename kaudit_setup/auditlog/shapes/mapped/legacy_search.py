"""Which lines of the format `legacy` hold a word, without making events of the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Final

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import finders
from kaudit_setup.auditlog.shapes.mapped.legacy import LINE
from kaudit_setup.auditlog.shapes.mapped.legacy_heads import heads_of
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
    view = block.view
    lines = bytes(view).split(b"\n")[:-1]
    heads = heads_of(lines)
    backslashes, percents = (find(view) for find in finders([b"\\", b"%"]))
    spans = [(start, stop) for _, start, stop in backslashes]
    spans += [(start, stop) for _, start, stop in percents if _ESCAPE.match(view, start)]
    if controls and bytes(view).translate(None, _NO_CONTROLS):
        spans += [found.span() for found in _CONTROL.finditer(view)]
    if heads.odd:
        begins = accumulate(lines, lambda at, line: at + len(line) + 1, initial=0)
        spans += [(at, at) for number, at in enumerate(begins) if number in heads.odd]
    times = [time for line in lines for time in _time(line)] if heads.odd else heads.times
    return Told([(0, *span) for span in sorted(spans)], _stamped(times))


def _time(line: bytes) -> Iterator[bytes]:
    """When a line was written, if it is an event."""
    if found := LINE.match(line.strip()):
        with suppress(InputError):
            yield restamp(found[1].decode("ascii", "replace")).encode()


def _stamped(times: Iterable[bytes]) -> bytes:
    """As events say it."""
    return b'"stageTimestamp":"' + b'"\n"stageTimestamp":"'.join(times) + b'"\n'
