"""Which lines hold a literal: at the speed of grep, on the raw bytes, before anything is decoded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ahocorasick_rs import BytesAhoCorasick

from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.reader import Block, Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.auditlog.workers import scan

CHECK_BELOW = 128 << 20
"""Up to this size every line is looked at for damage and counted while it is searched; beyond it only the matching
lines are (the shape of a gigabyte of lines costs more than the search), and the tally says so."""

OWN_ORDER = b'{"kind":"Event","apiVersion":"audit.k8s.io/'
"""How kube-apiserver begins every line (audit/v1 types.go: the order of fields). What a log shipper wrote anew, with
sorted keys, spaces or fields of its own, begins otherwise."""
_SLASHED = b'"requestURI":"\\/'
"""In a line of some shippers; Go escapes no slash."""
REWRITTEN = "its lines are not as kube-apiserver writes them (a log shipper's, maybe): searched by names alone"

_STAMP = b'"stageTimestamp"'
_RECEIVED = b'"requestReceivedTimestamp"'
_GO_ESCAPE = re.compile(rb"\\u(003[ce]|0026|202[89])")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_VALUE = re.compile(rb':"((?:[^"\\]|\\.)*)("?)')

# for each value that a line must hold its spellings, the most telling value first
Plain = tuple[tuple[bytes, ...], ...]

# line in its unit (0 if not counted), offset in its file, text
Found = tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that may be meant: `line` is 1-based, 0 if the lines before it were not counted (see `numbered`).

    `offset`: its first byte in the (decompressed) file. `text`: the line without its newline.
    """

    file: LogFile
    line: int
    offset: int
    text: bytes


def spelled(text: str) -> bytes:
    """`text` as kube-apiserver writes it inside a JSON string (Go escapes <, >, & and U+2028/9), without quotes.

    Source: encoding/json:appendString with escapeHTML.
    """
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    for char in "<>&\u2028\u2029":
        plain = plain.replace(char, f"\\u{ord(char):04x}")
    return plain.encode("utf-8", "surrogatepass")


def plainly(literal: bytes) -> Plain:
    """What a line holds if it says the same as `literal` in another order, with other spaces or escapes.

    Only the values that `literal` names; a part of one string stays as it is.
    """
    values = [found.groups() for found in _VALUE.finditer(literal) if found[1]]
    if not values:
        return (_with_slashes(literal),)
    longest_first = sorted(values, key=lambda v: -len(v[0]))
    return tuple(tuple(b'"' + one + quote for one in _with_slashes(value)) for value, quote in longest_first)


def _with_slashes(text: bytes) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one.replace(b"/", slash) for one in spellings(text) for slash in (b"/", rb"\/")))


def spellings(text: bytes) -> tuple[bytes, ...]:
    """`text`, a piece of JSON as kube-apiserver writes it, and as others do: without Go's escapes, or in ASCII.

    Its slashes stay: who escapes them, does so in every line (see `_in_own_order`).
    """
    plain = _GO_ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode(), text)
    if plain == text and text.isascii():
        return (text,)
    try:
        in_ascii = "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in plain.decode())
    except UnicodeDecodeError:  # halves of characters
        return (text, plain)
    upper = _ESCAPED.sub(lambda found: "\\u" + found[1].upper(), in_ascii)
    return tuple(dict.fromkeys([text, plain, in_ascii.encode(), upper.encode()]))


def says(text: bytes, plains: Sequence[Plain]) -> bool:
    """Whether a line holds every value of one of `plains`."""
    return any(all(any(one in text for one in spelt) for spelt in plain) for plain in plains)


def candidates(
    files: Sequence[LogFile],
    literals: Sequence[bytes],
    window: Window = ALWAYS,
    tallies: dict[str, Tally] | None = None,
) -> Iterator[Hit]:
    """The lines that hold any of `literals` (none: every line), file by file in the order of `files`.

    Lines that by their own timestamps lie outside `window` are left out, as are whole files by their names.
    `tallies` is filled, by path, with what was met in each file that was read.
    """
    wanted = within(files, window)
    needles = tuple(dict.fromkeys(literal for literal in literals if literal))
    check = sum(file.size for file in wanted) <= CHECK_BELOW

    def work(unit: Unit, tally: Tally) -> Iterator[list[Found]]:
        return matches(unit, tally, needles, window, check)

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


def matches(unit: Unit, tally: Tally, needles: Sequence[bytes], window: Window, check: bool) -> Iterator[list[Found]]:
    """The lines of one unit that hold a needle, block by block; with `check` every line is counted and looked at.

    A needle may span several fields in kube-apiserver's own order; where lines are in another one they must hold what
    the needle says.
    """
    finders = _finders(one for needle in needles for one in spellings(needle))
    plains = [plainly(needle) for needle in needles]
    anew = _finders(spelt for plain in plains for spelt in plain[0])
    check = check or unit.file.gzipped or unit.file.once
    for block in blocks(unit, tally):
        lines: dict[int, int] = {} if needles else _every(block)
        own = _in_own_order(block)
        if not own:
            tally.note(REWRITTEN)
        for find in finders if own else anew:
            end = 0
            for _, start, stop in find(block.view):
                if start >= end:
                    end = block.data.find(b"\n", stop, block.size)
                    lines[block.data.rfind(b"\n", 0, start) + 1] = end
        before = tally.lines
        if check:
            inspect(block, tally)
        elif block.data.find(b"\0", 0, block.size) >= 0:
            tally.damage(0, "NUL bytes")
        found = []
        counted, number = 0, before + 1
        for start in sorted(lines):
            text = bytes(block.data[start : lines[start]])
            if check:
                number += block.lines(counted, start)
                counted = start
            if (own or not needles or says(text, plains)) and (window.open or inside(text, window)):
                found.append((number if check else 0, block.at + start, text.strip(b"\0\r\xef\xbb\xbf")))
        if found:
            yield found
    if not check:
        tally.note("only the matching lines were checked for damage; `stats` checks every line")


def _finders(needles: Iterable[bytes]) -> list[Callable[[memoryview], list[tuple[int, int, int]]]]:
    """One automaton for each needle: a single one is found with vector instructions, several are not."""
    return [BytesAhoCorasick([needle]).find_matches_as_indexes for needle in dict.fromkeys(needles)]


def _in_own_order(block: Block) -> bool:
    """Whether the first and the last line of a block are as kube-apiserver writes them; what is no object is passed
    over: damage says nothing about who wrote the rest.
    """
    data, size = block.data, block.size
    first = 0 if data.startswith(b"{") else data.find(b"\n{", 0, size) + 1
    last = data.rfind(b"\n{", 0, size) + 1
    return all(
        data.startswith(OWN_ORDER, at) and data.find(_SLASHED, at, data.find(b"\n", at, size)) < 0
        for at in (first, last)
        if data.startswith(b"{", at)
    )


def _every(block: Block) -> dict[int, int]:
    lines: dict[int, int] = {}
    start = 0
    while start < block.size:
        end = block.data.find(b"\n", start, block.size)
        lines[start] = end
        start = end + 1
    return lines


def inspect(block: Block, tally: Tally) -> None:
    """Count the lines of `block` and those that cannot be events by their first and last byte, or for a NUL."""
    data, size = block.data, block.size
    find = data.find
    holes = find(b"\0", 0, size) >= 0
    start, count = 0, tally.lines
    while start < size:
        end = find(b"\n", start, size)
        count += 1
        if data[start] != 0x7B or data[end - 1] != 0x7D or holes:
            what = misshapen(bytes(data[start:end]))
            if what:
                tally.damage(count, what)
        start = end + 1
    tally.lines = count


def misshapen(line: bytes) -> str:
    """Why `line` (without its newline) cannot be a whole event; empty if it may be one, or is blank."""
    bare = line.strip(b" \t\r\xef\xbb\xbf")
    if b"\0" in bare:
        return "NUL bytes"
    if not bare or (bare.startswith(b"{") and bare.endswith(b"}")):
        return ""
    return "not a JSON object" if not bare.startswith(b"{") else "a line cut short"


def inside(text: bytes, window: Window) -> bool:
    """Whether a request was received or answered in `window`; a line without a timestamp is kept."""
    stamps = [_text_after(text, key) for key in (_STAMP, _RECEIVED)]
    return not any(stamps) or any(window.holds(stamp) for stamp in stamps if stamp)


def _text_after(text: bytes, key: bytes) -> str:
    at = text.rfind(key)
    begin = text.find(b'"', at + len(key)) + 1
    return text[begin : text.find(b'"', begin)].decode("ascii", "replace") if at >= 0 and begin else ""
