"""A text for each line, as kube-apiserver writes events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import OWN_ORDER, Find, lines_with
from kaudit_setup.auditlog.shapes.events import fields_of, is_event
from kaudit_setup.auditlog.shapes.mapped.flat import flat_prefix
from kaudit_setup.auditlog.shapes.origins import speaks
from kaudit_setup.auditlog.shapes.reading import Reading, Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind
from kaudit_setup.auditlog.shapes.recognition.names import PLAIN

_NOTHING: Final = Texts([], [])


class Lines:
    """A text for each line."""

    busy = False

    def separate(self, block: Block) -> bool:
        del block
        return True

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        if wanted is not None:
            return _holding(block, wanted)
        return Texts.of_lines(block.view, block.height)

    def rest(self) -> Texts:
        return _NOTHING


def _holding(block: Block, wanted: Sequence[Find]) -> Texts:
    spans = lines_with(block, wanted)
    starts = sorted(spans)
    texts = [bytes(block.data[start : spans[start]]) for start in starts]
    return Texts(texts, [number - 1 for number in block.numbers(starts, 1)])


def any_line(window: bytes) -> int:
    """The border of a shape in which each line stands for itself."""
    del window
    return 0


PLAIN_LINES: Final = Reading(PLAIN, Kind.plain, Lines, border=any_line)
"""What kube-apiserver writes."""
OUTPUT_LINES: Final = Reading("JSON lines between kube-apiserver's messages", Kind.plain, Lines, border=any_line)
"""What it writes to its standard output, as `kubectl logs` prints it."""
_MESSAGES: Final = (b"\nI", b"\nW", b"\nE", b"\nF")


SEVERAL: Final = re.compile(rb"\}\s*" + re.escape(OWN_ORDER))
"""Where an event follows another in one line: in JSON an object never follows another without a comma."""


def is_bare(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether these are the fields of an event, with none of a shipper beside them."""
    return is_event(fields) and not any(map(speaks, fields)) and flat_prefix(fields) is None


def all_plain(head: bytes) -> bool:
    """Whether a file that begins so holds events as kube-apiserver writes them, and none of its messages."""
    return plain(head) and not any(sign in head for sign in _MESSAGES)


def plain(head: bytes) -> bool:
    """Whether the first line of `head` is an event as kube-apiserver writes it."""
    line = head.partition(b"\n")[0].rstrip(b"\r")
    if not line.startswith(OWN_ORDER):
        return False
    if fields := fields_of(line):
        return is_bare(fields)
    return not line.endswith(b"},") and not SEVERAL.search(line)
