"""Blocks of a journald export as they usually are, seen in a few looks at all of their bytes.

Every event is the message of an entry of its own, as text or with its length, and kube-apiserver wrote all of them.
What is left when the events are taken out is small. It proves the rest: it holds no byte zero, so no other field has
a length and bytes that may be anything; nothing in it looks like an event; and no entry in it has two messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product, repeat
from operator import gt, methodcaller, sub
from typing import Final, NamedTuple

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.forms import finder
from kaudit_setup.auditlog.shapes.journal.entries import FIELD, LENGTH_BYTES, SENDERS

_TEXT: Final = b"\nMESSAGE="
_BYTES: Final = b"\nMESSAGE\n"
_PLACE: Final = b"MESSAGE="
"""What stands in the rest where an event was."""
_LAST: Final = re.compile(rb"(?:[A-Z_][A-Z0-9_]*=[^\n]*(?:\n|\Z))+")

Whose = Callable[[tuple[bytes, ...]], str]
"""Who wrote an entry with these SENDERS; empty for kube-apiserver."""


class Usual(NamedTuple):
    """Where the events begin and end, and where the last entry does that is whole."""

    begins: list[int]
    ends: list[int]
    end: int


class _Events(NamedTuple):
    """`fields`: where the field of each begins."""

    fields: list[int]
    begins: list[int]
    ends: list[int]


def usual(data: bytes, whose: Whose) -> Usual | None:
    """What is in `data`, which begins with an entry; None if it is not as usual."""
    events = _events(data)
    end = _end(data, events) if events is not None else 0
    if events is None or not end:
        return None
    between = [data[begin:stop] for begin, stop in zip([0, *events.ends], [*events.fields, end], strict=True)]
    rest = _PLACE.join(between)
    whole = end == len(data) or FIELD.match(data, end) is not None
    return Usual(events.begins, events.ends, end) if whole and _is_plain(rest) and _are_own(rest, whose) else None


def _end(data: bytes, events: _Events) -> int:
    """Where the last entry ends that is whole; 0 if none is. An event of the one that goes on is taken out."""
    done = events.ends[-1] if events.ends else 0
    found = data.rfind(b"\n\n", done)
    if found < 0 and events.ends:
        stop = events.fields.pop()
        del events.begins[-1], events.ends[-1]
        found = data.rfind(b"\n\n", events.ends[-1] if events.ends else 0, stop)
    return found + 2 if found >= 0 else 0


def _events(data: bytes) -> _Events | None:
    """The events in `data`; None if one is not a message, or not whole."""
    begins = [begin for _, begin, _ in finder(OWN_ORDER)(memoryview(data))]
    ends = list(map(data.find, repeat(b"\n"), begins))
    if any(map(gt, ends, begins[1:])):
        begins, ends = _outermost(begins, ends)
    fields = list(map(sub, begins, repeat(len(_PLACE))))
    size = len(_TEXT)
    for at, begin in enumerate(begins):
        if data[begin - size : begin] != _TEXT:
            length = begin - LENGTH_BYTES
            whole = ends[at] - begin == int.from_bytes(data[length:begin], "little")
            if not whole or not data.startswith(_BYTES, length - len(_BYTES)):
                return None
            fields[at] -= LENGTH_BYTES
    return _Events(fields, begins, ends)


def _outermost(begins: Sequence[int], ends: Sequence[int]) -> tuple[list[int], list[int]]:
    """Without those that are in the body of another."""
    kept = [(0, 0)]
    for begin, end in zip(begins, ends, strict=True):
        if begin >= kept[-1][1]:
            kept.append((begin, end))
    return [begin for begin, _ in kept[1:]], [end for _, end in kept[1:]]


def _is_plain(rest: bytes) -> bool:
    """Whether what is left has text alone, no other event, and one message at most in each entry."""
    if b"\0" in rest or _times(rest, b"auditID") or _times(rest, b"\n{"):
        return False
    if b"{" in rest and b"audit.k8s.io/" in rest:
        return False
    entries = rest.split(b"\n\n")
    entries.pop()
    named = {entry[:1] for entry in entries} <= _NAMES
    return named and max(map(_MESSAGES, entries)) <= 1 and _LAST.fullmatch(entries[-1]) is not None


_NAMES: Final = {bytes([one]) for one in b"_ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_MESSAGES: Final = methodcaller("count", _PLACE)


def _are_own(rest: bytes, whose: Whose) -> bool:
    """Whether all entries are kube-apiserver's: in each place in which one says who wrote it all say the same."""
    lines = b"\n" + rest
    said = [_only(lines, b"\n" + name + b"=") for name in SENDERS]
    return all(one is not None for one in said) and not any(
        map(whose, product(*[{b"", value or b""} for value in said]))
    )


def _only(lines: bytes, begin: bytes) -> bytes | None:
    """What follows `begin` in its line; empty if it is nowhere, None if different things do."""
    count = _times(lines, begin)
    if not count:
        return b""
    at = lines.find(begin)
    value = lines[at + len(begin) : lines.find(b"\n", at + len(begin))]
    return value if count == lines.count(begin + value + b"\n") else None


def _times(lines: bytes, text: bytes) -> int:
    return len(finder(text)(memoryview(lines)))
