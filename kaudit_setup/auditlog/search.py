"""Which lines contain a literal: as fast as grep, on the raw bytes, before anything is decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.literals import Needles
from kaudit_setup.auditlog.raw_lines import PADDING, REWRITTEN, in_own_order, inside, inspect, inspect_first
from kaudit_setup.auditlog.reader import Unit, blocks, lines_before
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.shapes.search_terms import SearchTerms
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.values import replace

CHECK_BELOW_BYTES = 128 << 20
"""Bytes. Up to this size every line is looked at for damage and counted while it is searched; beyond it only the
matching lines are (checking a gigabyte of lines takes longer than the search), and the tally has a note about it."""

Place = tuple[int, int]
"""A byte of a file at which a line begins, and how many lines further on another one does."""
# line in its unit (0 if not counted), offset in its file, text, and where it is if that is not its offset
Found = tuple[int, int, bytes, Place | None]


class Hit(msgspec.Struct, frozen=True):
    """A line that may match: `line` is 1-based, 0 if the lines before it were not counted (see `numbered`).

    `offset`: its first byte in the (decompressed) file. `text`: the line without its newline. `place`: of what was
    made of several lines, which were not counted, where it begins.
    """

    file: LogFile
    line: int
    offset: int
    text: bytes
    place: Place | None = None

    @property
    def begin(self) -> Place:
        """Where to count from, and what to add."""
        return self.place or (self.offset, 0)


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
        for line, offset, text, place in part:
            yield Hit(file, line + before if line else 0, offset, text, place)


def numbered(hits: Iterable[Hit]) -> list[Hit]:
    """`hits` with their line numbers, in the same order; reads the files once more, only as far as needed."""
    wanted = list(hits)
    bytes_of: defaultdict[LogFile, set[int]] = defaultdict(set)
    for hit in wanted:
        if not hit.line:
            bytes_of[hit.file].add(hit.begin[0])
    found = {file: lines_before(file, at) for file, at in bytes_of.items()}
    return [hit if hit.line else replace(hit, line=_number(hit, found[hit.file])) for hit in wanted]


def _number(hit: Hit, before: Mapping[int, int]) -> int:
    """0 if its place is not there any more."""
    byte, behind = hit.begin
    return before[byte] + behind + 1 if byte in before else 0


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
    starts = [start for start, _ in kept]
    numbers = block.numbers(starts, first)
    places = repeat(None) if block.counted or block.begins is not None else block.places(starts)
    for number, offset, place, (_, text) in zip(numbers, block.offsets(starts), places, kept, strict=False):
        yield number, offset, text.strip(PADDING), place


def _look_at(block: Block, tally: Tally, check: bool) -> int:
    """Count the lines of a block and the damage in it; the number of its first line, 0 if they are not counted."""
    if check or block.origins is not None:
        first = tally.lines + 1 if block.counted else 0
        inspect(block, tally)
        return first
    if block.data.find(b"\0", 0, block.size) >= 0:
        tally.damage(0, "NUL bytes")
    else:
        inspect_first(block, tally)
    return 0
