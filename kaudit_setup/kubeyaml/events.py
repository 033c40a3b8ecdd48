"""YAML text → events as go-yaml v2 gives them, from libyaml. The only importer of PyYAML.

Sources: vendor/gopkg.in/yaml.v2 of Kubernetes 1.20 (2.2.8; later versions read the same files), libyaml's `src/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple, Protocol

from kaudit_setup.kubeyaml.differences import BOM, Disguise, HiddenError, refuse_newer_scalar, refuse_version
from kaudit_setup.kubeyaml.nodes import Mark
from kaudit_setup.kubeyaml.reader import Blocks, GoYamlError, breaks, error_at


class E(Enum):
    """Kinds of event."""

    STREAM_START = "StreamStartEvent"
    STREAM_END = "StreamEndEvent"
    DOCUMENT_START = "DocumentStartEvent"
    DOCUMENT_END = "DocumentEndEvent"
    ALIAS = "AliasEvent"
    SCALAR = "ScalarEvent"
    SEQUENCE_START = "SequenceStartEvent"
    SEQUENCE_END = "SequenceEndEvent"
    MAPPING_START = "MappingStartEvent"
    MAPPING_END = "MappingEndEvent"


class Event(NamedTuple):
    """One event; `start` and `end` are offsets into the text, anchor and tag included.

    `plain`: of a scalar, that its text says what it is. `style`: how a scalar is written: ``, `'`, `"`, `|` or `>`.
    `flow`: of a collection, `[…]` or `{…}`.
    """

    kind: E
    start: int
    end: int
    mark: Mark
    end_line: int
    anchor: str = ""
    tag: str = ""
    value: str = ""
    plain: bool = False
    style: str = ""
    flow: bool = False


# an empty value behind its indicator; in a flow collection, a bracket or a comma would follow
_NO_VALUE: Final = re.compile(r"[-:?](?![,\]}])")
# the tag `!`, which libyaml drops; an anchor may stand before it
_NON_SPECIFIC: Final = re.compile(r"(?:&[\w-]+(?:\s|#.*)*)?!")
_STARTS: Final = frozenset((E.SEQUENCE_START, E.MAPPING_START))
_ENDS: Final = frozenset((E.SEQUENCE_END, E.MAPPING_END))


def events(data: bytes) -> Iterator[Event]:
    """The events of `data`, read only as far as they are asked for. Raises GoYamlError where go-yaml does."""
    disguise = Disguise(data)
    if disguise.text.startswith(BOM):
        raise GoYamlError("found a second byte-order mark", 1, 1)
    given = 0
    while True:
        try:
            for event in islice(_parse(disguise), given, None):
                given += 1
                yield event
            return
        except HiddenError as found:
            disguise.hide(found.offset)


def _parse(disguise: Disguise) -> Iterator[Event]:
    from yaml._yaml import CParser
    from yaml.error import MarkedYAMLError
    from yaml.reader import ReaderError

    text = disguise.text
    flow: list[bool] = []
    try:
        parser = CParser(Blocks(disguise.data))
        while (raw := parser.get_event()) is not None:
            event = _event(raw, disguise, in_flow=bool(flow and flow[-1]))
            if event.kind in _STARTS:
                flow.append(event.flow)
            elif event.kind in _ENDS:
                flow.pop()
            yield event
    except MarkedYAMLError as error:
        mark: _Place = error.problem_mark or error.context_mark
        problem = error.problem or error.context
        disguise.find_hidden(problem, mark.index)
        raise GoYamlError(problem, mark.line + 1, mark.column + 1) from None
    except ReaderError as error:
        raise error_at(error.reason, text, len(text)) from None


class _Place(Protocol):
    """A mark of PyYAML's; `index` counts characters, all three from 0."""

    index: int
    line: int
    column: int


class _Raw(Protocol):
    """An event of PyYAML's; only a scalar has the fields below the first two."""

    start_mark: _Place
    end_mark: _Place
    implicit: tuple[bool, bool]
    value: str
    style: str | None


def _event(raw: _Raw, disguise: Disguise, in_flow: bool) -> Event:
    kind, start, end = E(type(raw).__name__), raw.start_mark.index, raw.end_mark.index
    mark, end_line = Mark(raw.start_mark.line + 1, raw.start_mark.column + 1), raw.end_mark.line + 1
    anchor, tag = getattr(raw, "anchor", None) or "", getattr(raw, "tag", None) or ""
    if kind is E.DOCUMENT_START:
        refuse_version(".".join(map(str, getattr(raw, "version", None) or ())), disguise.text, start)
    if tag:
        disguise.find_comma(start)
    if kind is not E.SCALAR:
        return Event(kind, start, end, mark, end_line, anchor, tag, flow=bool(getattr(raw, "flow_style", False)))
    plain, style, text = raw.implicit[0], raw.style or "", disguise.text
    refuse_newer_scalar(text, start, end, style, in_flow)
    if plain and not tag and _NON_SPECIFIC.match(text, start):
        tag = "!"
    if start == end and _NO_VALUE.match(text, start - 1):
        # where a value is missing in block style, the place of its `:`, `-` or `?` is told
        mark = Mark(mark.line, mark.column - 1)
    if style in {"|", ">"}:
        # libyaml's end lies behind the empty lines that follow
        end = start + len(text[start:end].rstrip())
        end_line = mark.line + breaks(text, start, end)
    return Event(kind, start, end, mark, end_line, anchor, tag, disguise.restore(raw.value), plain, style)
