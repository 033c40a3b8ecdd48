"""A search in lines of CRI of which long ones are in parts, without joining what nobody wants.

One pattern goes over all lines that are in the usual form. Joined are the lines of events that may hold what is
sought, and lines that are otherwise.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.containers.cri import ERR, HEADER_BYTES, OUT, Cri, cri_part, cri_parts
from kaudit_setup.auditlog.shapes.containers.parts import Joined
from kaudit_setup.auditlog.shapes.forms import finder
from kaudit_setup.auditlog.shapes.frames import BEGIN
from kaudit_setup.auditlog.shapes.reading import Texts

_PART: Final = b" stdout P "
_SHORTEST_PART: Final = 256  # bytes; container runtimes take 16 KiB, and none of what is sought is longer
_SHORTEST: Final = 8  # bytes of what is sought; the halves of a shorter one are everywhere
_LINES_OF_ODD: Final = 8  # of so many lines one may be otherwise
_PLACE: Final = itemgetter(1)
_LOOKS: Final = 5  # events of a block whose time is looked at


class Sought(NamedTuple):
    """Literals as they stand in lines, and what finds them."""

    texts: Sequence[bytes]
    finders: Sequence[Find]


class Held(NamedTuple):
    """The texts that may be wanted, and `times`, which tell when all of the block were written."""

    texts: Texts
    times: bytes


def holding(layout: Cri, block: Block, sought: Sought) -> Held | None:
    """The texts that end in `block` and may be wanted; `others` says how many events the others are. None if that is
    not told without joining all of them; then `layout` is as it was.
    """
    sizes = list(map(len, sought.texts))
    if min(sizes) < _SHORTEST or max(sizes) > _SHORTEST_PART or block.data.find(b"\0", 0, block.size) >= 0:
        return None
    kept = _odd(block, layout)
    if kept is None:
        return None
    begins = sorted(chain(*[map(_PLACE, finder(tag + BEGIN)(block.view)) for tag in (OUT, _PART)]))
    for start in kept:
        del begins[_between(begins, block, start)]
    some = [begins[(len(begins) - 1) * at // (_LOOKS - 1)] for at in range(_LOOKS)] if begins else []
    looks = sorted({line for at in some for line in _lines_of(block, at, kept)})
    if not _in_order(Joined().join(((0, part) for part in cri_parts(block, looks)), 0).texts):
        return None
    hits = (at for find in sought.finders for _, at, _ in find(block.view))
    kept.update(looks, *[_lines_of(block, at, kept) for at in chain(hits, _cut_in_two(block, sought.texts))])
    found = layout.joined(block, sorted(kept))
    found.others = len(begins) - sum(len(begins[_between(begins, block, start)]) for start in kept)
    return Held(found, b"".join([text + b"\n" for text in found.texts]))


def _between(places: Sequence[int], block: Block, start: int) -> slice:
    """Those of `places` that are in the line that begins there."""
    return slice(bisect_left(places, start), bisect_left(places, block.data.find(b"\n", start, block.size)))


@cache
def _usual() -> re.Pattern[bytes]:
    begin, end = re.escape(BEGIN), rb".*+(?<=\})"
    time, message = rb"[0-9A-Za-z:.+-]++ ", rb"[IWEF]\d{4} [^{\n]*+"
    part = rb".{%d,}+" % _SHORTEST_PART
    # a client may have sent what looks like an event where a part begins
    goes_on = time + rb"std(?:out P (?!\{\"kind)" + part + rb"|err F " + message + rb")\n"
    in_parts = begin + part + rb"\n(?:" + goes_on + rb")*+" + time + rb"stdout F (?!\{\"kind)" + end
    out = rb"out (?:F (?:" + begin + end + rb"|" + message + rb")|P " + in_parts + rb")"
    return re.compile(rb"(?:" + time + rb"std(?:" + out + rb"|err F " + message + rb")\n)*+")


def _odd(block: Block, layout: Cri) -> set[int] | None:
    """Where the lines begin that are not in the usual form, and those of texts that go on from before or behind the
    block; None if they are many.
    """
    data, view, match = block.data, block.view, _usual().match
    opened, odd, at = set(layout.opened), set[int](), 0
    while len(odd) * _LINES_OF_ODD <= block.height:
        if not opened and (found := match(view, at)):
            at = found.end()
        if at >= block.size:
            return odd
        odd.add(at)
        end = data.find(b"\n", at, block.size)
        stream, _, last = cri_part(bytes(data[at:end]))
        (opened.discard if last else opened.add)(stream)
        at = end + 1
    return None


def _cut_in_two(block: Block, texts: Iterable[bytes]) -> Iterator[int]:
    """Places in lines at whose ends or beginnings halves of texts stand."""
    data, view = block.data, block.view
    for text in texts:
        size, half = len(text), len(text) // 2
        for _, at, end in finder(text[:half])(view):
            if data.find(b"\n", end, min(end + size, block.size)) >= 0:
                yield at
        for _, at, _ in finder(text[half:])(view):
            begin = max(at - size - HEADER_BYTES, 0)
            if not begin or data.rfind(b"\n", begin, at) >= 0:
                yield at


def _lines_of(block: Block, at: int, odd: set[int]) -> list[int]:
    """Where the lines of the usual form begin that hold the event at this place; none if there is none."""
    data = block.data
    first = before = data.rfind(b"\n", 0, at) + 1
    if first in odd or _tag(block, first).startswith(_ERR_STREAM):
        return []
    while before and (before := data.rfind(b"\n", 0, before - 1) + 1) not in odd:
        tag = _tag(block, before)
        if tag == OUT:
            break
        first = before if tag == _PART else first
    lines, behind = [first], first
    while _tag(block, lines[-1]) == _PART:
        behind = data.find(b"\n", behind, block.size) + 1
        if not _tag(block, behind).startswith(_ERR_STREAM):
            lines.append(behind)
    return lines


_ERR_STREAM: Final = ERR[: ERR.index(b"r ")]


def _tag(block: Block, start: int) -> bytes:
    """What stands between the time and the text of a line."""
    at = block.data.find(b" std", start, start + HEADER_BYTES)
    return bytes(block.data[at : at + len(OUT)])


def _in_order(events: Sequence[bytes]) -> bool:
    """Whether they were written in this order, without a gap."""
    lines = b"".join([event + b"\n" for event in events])
    tally = Tally()
    tally.watch(lines, len(lines))
    return not tally.gaps and not tally.back
