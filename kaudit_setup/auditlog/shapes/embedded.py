"""Events in text that is no JSON as a whole: one behind another in a line, or with something before and behind them,
or in a record that is damaged elsewhere.

Only what stands at the outer level counts. What a client has put into a request may look like an event as well: in a
string, it is escaped once more than the event that it is in; in an object, it is inside of a larger one. So what is
escaped most lightly in the text is looked for, and nothing behind a damaged event but what cannot be inside of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.documents import end_of
from kaudit_setup.auditlog.shapes.events import REFUSED, STRING, damaged, events_in, fields_of
from kaudit_setup.auditlog.shapes.reading import Texts

# from the first backslash on: a run of millions is not tried from each of them
_KEY: Final = re.compile(rb'(?<!\\)(\\*+)"(?:auditID|requestURI|stageTimestamp|requestReceivedTimestamp)\\*+"')
# a quote without a backslash before it is not inside of a string; JSON begins behind it, or after some plain text
_STRING: Final = re.compile(rb'(?<!\\)"[^"\\{]*+\{\\"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_INNER_KEY: Final = b'\\"auditID\\"'
_BEHIND: Final = b"}" + OWN_ORDER
"""In JSON an object never follows another without a comma, so this is not inside of one."""
_INSIDE: Final = frozenset({b" ", b"\t", b'"', b"}", b"]", b",", b":"})
# no quote stands before the first bracket but one that opens a string, and those around short values (logfmt)
_BEGIN: Final = re.compile(rb'(?:[^"{\[\0]|(?<==)"[^"\\{\[\0]*+")*+(?:(?<=[=\s])"[^"{\[\0]*)?[{\[]')
_MEMBER: Final = re.compile(rb'"\s*:')
_MOST_DAMAGED: Final = 20


class Embedded:
    """A text becomes the events in it, and what says that some are damaged; one without any stays as it is."""

    def __call__(self, found: Texts, /) -> Texts:
        made = Texts([], [])
        for text, origin in zip(found.texts, found.origins, strict=True):
            for event in embedded(text) or [text]:
                made.add(event, origin)
        return made


def embedded(text: bytes) -> list[bytes]:
    """The events in a text, each as JSON in one line, and what says that others are damaged. None if nothing in it
    can be read.
    """
    depths = [found[1].count(b"\\") for found in _KEY.finditer(text)]
    if not depths or _begins_inside(text):
        return []
    found = list(_objects(text) if min(depths) == 0 else _strings(text) if min(depths) == 1 else ())
    return found if any(event.startswith(b"{") for event in found) else []


def _begins_inside(text: bytes) -> bool:
    """Whether a text is the rest of a larger one, or a line of JSON over several lines."""
    return text[:1] in _INSIDE or _BEGIN.match(text) is None


def _objects(text: bytes) -> list[bytes]:
    """Nothing if the text goes on, as JSON, where one of its objects ends: then it began inside of a larger one."""
    found: list[bytes] = []
    done = 0
    for begin, end, whole in _pieces(text):
        if _MEMBER.search(text, done, begin):
            return []
        if whole:
            found += events_in(text[begin:end])
        elif _KEY.search(text, begin, end):
            found.append(damaged(text[begin:end]))
        done = end
    return [] if _MEMBER.search(text, done) else found


def _pieces(text: bytes) -> Iterator[tuple[int, int, bool]]:
    """The outer objects of a text: where each begins and ends, and whether it is one; what is none goes as far as
    what follows may be inside of it.
    """
    at, wrong = text.find(b"{"), 0
    while at >= 0 and wrong < _MOST_DAMAGED:
        end = end_of(text, at)
        whole = end > 0 and bool(fields_of(text[at:end]))
        if not whole:
            wrong += 1
            end = text.find(_BEHIND, at) + 1 or len(text)
        yield at, end, whole
        at = text.find(b"{", end)


def _strings(text: bytes) -> Iterator[bytes]:
    done = 0
    for found in _STRING.finditer(text):
        if _INNER_KEY not in found[0]:
            continue
        yield from _lost(text[done : found.start()])
        done = found.end()
        events: list[bytes] = []
        with suppress(*REFUSED):
            inner = STRING.decode(found[0]).encode()
            events = list(events_in(inner[inner.find(b"{") :]))
        yield from events or [damaged(found[0])]
    yield from _lost(text[done:])


def _lost(text: bytes) -> list[bytes]:
    return [damaged(text)] if _INNER_KEY in text else []
