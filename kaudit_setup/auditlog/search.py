"""Which lines contain a literal: as fast as grep, on the raw bytes, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.literals import Needles
from kaudit_setup.auditlog.raw_lines import PADDING, REWRITTEN, in_own_order, inside, inspect, inspect_first
from kaudit_setup.auditlog.reader import Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.shapes.search_terms import SearchTerms
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.values import replace

CHECK_BELOW_BYTES = 128 << 20
"""Bytes. Up to this size every line is looked at for damage and counted while it is searched; beyond it only the
matching lines are (checking a gigabyte of lines takes longer than the search), and the tally has a note about it."""

# line in its unit (0 if not counted), offset in its file, text
Found = tuple[int, int, bytes]


class Hit(msgspec.Struct, frozen=True):
    """A line that may match: `line` is 1-based, 0 if the lines before it were not counted (see `numbered`).

    `offset`: its first byte in the (decompressed) file. `text`: the line without its newline.
    """

    file: LogFile
    line: int
    offset: int
    text: bytes


def candidates(
    files: Sequence[LogFile],
    literals: Sequence[bytes],
    window: Window = ALWAYS,
    tallies: dict[str, Tally] | None = None,
    samples: Sequence[bytes] = (),
) -> Iterator[Hit]:
    """The lines that hold any of `literals` (none: every line), file by file in the order of `files`.

    `samples`: other literals, of which some lines in each part of a file are enough.

    Lines that by their own timestamps lie outside `window` are left out, as are whole files by their names.
    `tallies` is filled, by path, with what was met in each file that was read.
    """
    wanted = within(files, window)
    needles = tuple(dict.fromkeys(filter(None, literals)))
    check = sum(file.size for file in wanted) <= CHECK_BELOW_BYTES

    def work(unit: Unit, tally: Tally) -> Iterator[list[Found]]:
        return matches(unit, tally, needles, window, check, samples)

    for file, before, part in scan(wanted, work, tallies):
        for line, offset, text in part:
            yield Hit(file, line + before if line else 0, offset, text)


def numbered(hits: Iterable[Hit]) -> list[Hit]:
    """`hits` with their line numbers, in the same order; reads the files once more, only as far as needed."""
    wanted = list(hits)
    offsets: dict[LogFile, set[int]] = {}
    for hit in wanted:
        if not hit.line:
            offsets.setdefault(hit.file, set()).add(hit.offset)
    found = {(file, offset): line for file, at in offsets.items() for offset, line in _count(file, sorted(at))}
    return [hit if hit.line else replace(hit, line=found.get((hit.file, hit.offset), 0)) for hit in wanted]


def _count(file: LogFile, offsets: list[int]) -> Iterator[tuple[int, int]]:
    line, index = 1, 0
    for block in blocks(Unit(0, file), Tally()):
        done = 0
        while index < len(offsets) and offsets[index] < block.at + block.size:
            here = offsets[index] - block.at
            line += block.lines(done, here)
            done = here
            yield offsets[index], line
            index += 1
        if index == len(offsets):
            return
        line += block.lines(done, block.size)


def matches(
    unit: Unit, tally: Tally, literals: Sequence[bytes], window: Window, check: bool, samples: Sequence[bytes] = ()
) -> Iterator[list[Found]]:
    """The lines of one unit that hold any of `literals`, block by block, and some that hold one of `samples`.
    `check`: count and look at every line.

    A literal may span several fields in kube-apiserver's own order; where lines are in another one they must hold
    what the literal says.
    """
    needles = Needles.of(literals, samples)
    check = check or unit.file.gzipped or unit.file.once
    found_first = SearchTerms(literals, samples, checked=check) if literals else None
    for block in blocks(unit, tally, sought=found_first):
        own = _in_own_order(block, tally)
        first = _look_at(block, tally, check)
        kept = [one for one in needles.lines(block, own=own) if window.open or inside(one[1], window)]
        if kept:
            yield list(_found(block, kept, first))
    if not check:
        tally.note("only the matching lines were checked for damage; `stats` checks every line")


def _in_own_order(block: Block, tally: Tally) -> bool:
    own = in_own_order(block)
    if not own:
        tally.note(REWRITTEN)
    return own


def _found(block: Block, kept: Sequence[tuple[int, bytes]], first: int) -> Iterator[Found]:
    numbers = block.numbers([start for start, _ in kept], first)
    for number, (start, text) in zip(numbers, kept, strict=True):
        yield number, block.at + start, text.strip(PADDING)


def _look_at(block: Block, tally: Tally, check: bool) -> int:
    """Count the lines of a block and the damage in it; the number of its first line, 0 if they are not counted."""
    if check or block.origins is not None:
        first = tally.lines + 1
        inspect(block, tally)
        return first
    if block.data.find(b"\0", 0, block.size) >= 0:
        tally.damage(0, "NUL bytes")
    else:
        inspect_first(block, tally)
    return 0
