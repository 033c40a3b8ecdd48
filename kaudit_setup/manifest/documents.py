"""The documents of a manifest's text, read as kubelet reads them (sigs.k8s.io/yaml, encoding/json)."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from kaudit_setup.kubeyaml import GoYamlError, gojson
from kaudit_setup.kubeyaml.events import E, Event, events
from kaudit_setup.kubeyaml.nodes import Float
from kaudit_setup.kubeyaml.resolve import meaning
from kaudit_setup.manifest.nodes import Document, Kind, Node, TextError, line_of

# kubelet reads up to 10 MB, but a Pod of more than 1.5 MiB could not even be mirrored to etcd (the default limit
# of a request): a file beyond this is a mistake or an attack, and reading it would take minutes.
MAX_CHARS = 1 << 20
MAX_DEPTH = 64


@functools.lru_cache(maxsize=16)
def first_document(text: str) -> Document:
    """The first document of `text`, the only one that kubelet reads; the rest is not looked at.

    Raises TextError for anything that is not a YAML or JSON document with a value, for keys given twice (of which
    Kubernetes silently takes the last), for text above 1 MiB and nesting above 64.
    """
    document = next(_read(text), None)
    if document is None or (document.root.is_null and not document.root.value):
        raise TextError("it is empty" if document is None else "its first document is empty")
    return document


@functools.lru_cache(maxsize=16)
def documents(text: str) -> tuple[Document, ...]:
    """All documents of `text` in order. Raises TextError as first_document does."""
    return tuple(_read(text))


def _read(text: str) -> Iterator[Document]:
    if len(text) > MAX_CHARS:
        raise TextError("it is larger than 1 MiB")
    data = text.encode("utf-8", "surrogatepass")
    if gojson.is_json(text):
        # apimachinery pkg/util/yaml/decoder.go:ToJSON: such a text never meets the YAML parser
        yield Document(text, _json(text, data), json=True)
        return
    # offsets count from behind a byte-order mark
    steps = _shifted(events(data), 1 if text.startswith("\ufeff") else 0)
    try:
        for step in steps:
            if step.kind is E.DOCUMENT_START:
                yield Document(text, _build(text, steps))
    except GoYamlError as error:
        # where something is missing at the end, libyaml names the line behind it
        line = min(error.line, line_of(text, len(text)))
        raise TextError(f"it is not valid YAML: {error.message}", line) from None


def _json(text: str, data: bytes) -> Node:
    steps = gojson.events(data)
    try:
        root = _build(text, steps, json=True)
        next(steps, None)
    except gojson.GoJsonError as error:
        raise TextError(f"it starts with '{{' and is not valid JSON: {error.message}", error.line) from None
    return root


def _shifted(steps: Iterator[Event], by: int) -> Iterator[Event]:
    return (step._replace(start=step.start + by, end=step.end + by) for step in steps) if by else steps


def _build(text: str, steps: Iterator[Event], json: bool = False) -> Node:
    """The next value of the events. Nothing is copied, so aliases cannot explode."""
    starts: list[Event] = []
    children: list[list[Node]] = [[]]
    anchors: set[str] = set()
    while not children[0]:
        step = next(steps)
        match step.kind:
            case E.MAPPING_START | E.SEQUENCE_START:
                if len(starts) >= MAX_DEPTH:
                    raise TextError(f"it is nested deeper than {MAX_DEPTH} levels", step.mark.line)
                starts.append(step)
                children.append([])
            case E.MAPPING_END | E.SEQUENCE_END:
                children[-2].append(_collection(text, starts.pop(), children.pop(), step))
            case E.ALIAS:
                if step.anchor not in anchors:
                    raise TextError(f"the alias *{step.anchor} has no anchor", step.mark.line)
                children[-1].append(Node(Kind.ALIAS, step.start, step.end, value=step.anchor))
            case _:
                children[-1].append(_scalar(step, json))
        if step.kind is not E.ALIAS:
            anchors.add(step.anchor)
    return children[0][0]


def _scalar(step: Event, json: bool) -> Node:
    value = gojson.literal(step) if json else meaning(step)
    if isinstance(value, Float):
        value = float(value.text)
    if isinstance(value, float) and not math.isfinite(value):
        raise TextError(f"JSON has no number like {step.value}", step.mark.line)
    return Node(
        Kind.SCALAR, step.start, step.end, value=step.value, style=step.style, anchor=step.anchor, meaning=value
    )


def _collection(text: str, start: Event, children: list[Node], end: Event) -> Node:
    stop = end.end if start.flow else children[-1].end if children else start.start
    if end.kind is E.SEQUENCE_END:
        return Node(Kind.LIST, start.start, stop, start.flow, anchor=start.anchor, items=tuple(children))
    entries = tuple(zip(children[::2], children[1::2], strict=True))
    _refuse_doubles(text, entries)
    return Node(Kind.MAP, start.start, stop, start.flow, anchor=start.anchor, entries=entries)


def _refuse_doubles(text: str, entries: tuple[tuple[Node, Node], ...]) -> None:
    """Raises TextError if a key is given twice: Kubernetes would silently take the last one."""
    seen: set[str] = set()
    for key, _ in entries:
        if key.kind is Kind.SCALAR and key.value in seen:
            raise TextError(f"the key {key.value!r} is given twice", line_of(text, key.start))
        seen.add(key.value)
