"""Events → values: decode.go for an `interface{}` target, then sigs.k8s.io/yaml:convertToJSONableObject.

Aliases are shared and never copied, so that an alias bomb costs no more than its text; go-yaml's own limit on
aliases is computed from the number of nodes that it would have visited.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from kaudit_setup.kubeyaml.events import E, Event, events
from kaudit_setup.kubeyaml.nodes import Entry, Mapping, Mark, Node, Repeat, Scalar, Sequence
from kaudit_setup.kubeyaml.reader import GoYamlError
from kaudit_setup.kubeyaml.resolve import LONG, meaning, to_json

_MAX_DEPTH: Final = 999  # libyaml 0.2.6 reads no deeper; go-yaml and encoding/json go down to 10,000 levels
_RATIO_LOW: Final = 400_000
_RATIO_HIGH: Final = 4_000_000

# A key as a Go interface compares it: 1, 1.0, true and "1" are four keys.
_Key: TypeAlias = tuple[type, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Composed:
    """The first document of a file. `ignored_from`: the 1-based line after it that holds more, 0 if nothing does."""

    root: Node
    repeated: tuple[Repeat, ...]
    ignored_from: int


@dataclass(slots=True)
class _Built:
    """A finished node; `cost`: how many nodes go-yaml visits to decode it; `fault`: why it cannot be JSON."""

    node: Node
    cost: int = 1
    depth: int = 0
    fault: str = ""
    raw: str | int | float | bool | None = None
    is_merge: bool = False
    aliased: bool = False


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    start: Event
    is_map: bool
    items: list[_Built] = field(default_factory=list)
    pairs: dict[_Key, tuple[_Built, _Built]] = field(default_factory=dict)
    key: _Built | None = None
    cost: int = 1
    end_line: int = 0


def compose(data: bytes) -> Composed:
    """The first YAML document of `data` as JSON values. Raises GoYamlError where kube-apiserver refuses it."""
    return _Composer(events(data)).run()


def _too_deep(mark: Mark) -> GoYamlError:
    return GoYamlError(f"it is nested deeper than {_MAX_DEPTH} levels", mark.line, mark.column)


class _Composer:
    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._open: list[_Open] = []
        # None while the anchored node is still open
        self._anchors: dict[str, _Built | None] = {}
        self._pairs_of: dict[int, dict[_Key, tuple[_Built, _Built]]] = {}
        self._repeated: list[Repeat] = []
        self._decoded = 1
        self._aliased = 0

    def run(self) -> Composed:
        next(self._events)  # the start of the stream
        if next(self._events).kind is E.STREAM_END:
            return Composed(Scalar(None, Mark(1, 1), 1), (), 0)
        root: _Built | None = None
        while root is None:
            root = self._step(next(self._events))
        next(self._events)
        if root.depth > _MAX_DEPTH:
            raise _too_deep(root.node.mark)
        if root.fault:
            raise GoYamlError(root.fault, root.node.mark.line, root.node.mark.column)
        return Composed(root.node, tuple(self._repeated), self._ignored_from())

    def _ignored_from(self) -> int:
        try:
            event = next(self._events)
        except GoYamlError as error:
            return error.line
        return event.mark.line if event.kind is E.DOCUMENT_START else 0

    def _step(self, event: Event) -> _Built | None:
        """Takes one event; gives the root once it is complete."""
        match event.kind:
            case E.SCALAR:
                return self._add(self._scalar(event))
            case E.ALIAS:
                return self._add(self._alias(event))
            case E.SEQUENCE_START | E.MAPPING_START:
                if len(self._open) == _MAX_DEPTH:
                    raise _too_deep(event.mark)
                self._decoded += 1
                if event.anchor:
                    self._anchors[event.anchor] = None
                self._open.append(_Open(event, event.kind is E.MAPPING_START, end_line=event.end_line))
                return None
            case _:
                return self._add(self._close(event))

    def _scalar(self, event: Event) -> _Built:
        mark = event.mark
        raw = meaning(event)
        fault = ""
        if isinstance(raw, float) and not math.isfinite(raw):
            fault, node = f"json: unsupported value: {event.value}", Scalar(None, mark, mark.line)
        else:
            node = Scalar(to_json(raw), mark, event.end_line)
        is_merge = event.value == "<<" and (event.plain or event.tag == LONG + "merge")
        built = _Built(node, fault=fault, raw=raw, is_merge=is_merge)
        if event.anchor:
            self._anchors[event.anchor] = built
        self._decoded += 1
        return built

    def _alias(self, event: Event) -> _Built:
        mark = event.mark
        if event.anchor not in self._anchors:
            raise GoYamlError(f"unknown anchor '{event.anchor}' referenced", mark.line, mark.column)
        target = self._anchors[event.anchor]
        if target is None:
            raise GoYamlError(f"anchor '{event.anchor}' value contains itself", mark.line, mark.column)
        self._decoded += 1 + target.cost
        self._aliased += target.cost
        if (
            self._aliased > 100
            and self._decoded > 1000
            and self._aliased / self._decoded > _allowed_ratio(self._decoded)
        ):
            raise GoYamlError("document contains excessive aliasing", mark.line, mark.column)
        return _Built(target.node, 1 + target.cost, target.depth, target.fault, target.raw, aliased=True)

    def _add(self, built: _Built) -> _Built | None:
        if not self._open:
            return built
        top = self._open[-1]
        top.cost += built.cost
        if not built.aliased:
            top.end_line = max(top.end_line, built.node.end_line)
        if not top.is_map:
            top.items.append(built)
        elif top.key is None:
            top.key = built
        else:
            if top.key.is_merge:
                self._merge(top, built)
            else:
                self._set(top, _key(top.key), top.key, built)
            top.key = None
        return None

    def _set(self, top: _Open, key: _Key, name: _Built, value: _Built) -> None:
        if key in top.pairs:
            text = _key_text(name)
            mark = name.node.mark
            self._repeated.append(Repeat(f"{self._path()}.{text}".lstrip("."), text, mark))
            # the key keeps the place in the text that its value has
            del top.pairs[key]
        top.pairs[key] = (name, value)

    def _merge(self, top: _Open, value: _Built) -> None:
        sources = [value]
        if isinstance(value.node, Sequence) and not value.aliased:
            sources = [_Built(item) for item in reversed(value.node.items)]
        for source in sources:
            if not isinstance(source.node, Mapping):
                mark = value.node.mark
                problem = "map merge requires map or sequence of maps as the value"
                raise GoYamlError(problem, mark.line, mark.column)
            for key, (name, held) in self._pairs_of[id(source.node)].items():
                self._set(top, key, name, held)

    def _close(self, event: Event) -> _Built:
        top = self._open.pop()
        end_line = max(top.end_line, event.mark.line) if top.start.flow else top.end_line
        mark = top.start.mark
        children = [value for _, value in top.pairs.values()] if top.is_map else top.items
        fault = next((child.fault for child in children if child.fault), "")
        node: Node
        if top.is_map:
            entries: dict[str, Entry] = {}
            for name, value in top.pairs.values():
                if name.raw is None or (isinstance(name.raw, int) and name.raw >= 1 << 63):
                    fault = fault or "Unsupported map key"
                text = _key_text(name)
                entries[text] = Entry(text, name.node.mark, value.node)
            node = Mapping([entries[key] for key in sorted(entries)], mark, end_line)
            self._pairs_of[id(node)] = top.pairs
        else:
            node = Sequence([child.node for child in top.items], mark, end_line)
        depth = 1 + max((child.depth for child in children), default=0)
        built = _Built(node, top.cost, depth, fault)
        if top.start.anchor:
            self._anchors[top.start.anchor] = built
        return built

    def _path(self) -> str:
        """Of the collection that is open, e.g. `rules[0].resources[1]`."""
        path = ""
        for frame in self._open[:-1]:
            if not frame.is_map:
                path += f"[{len(frame.items)}]"
            elif frame.key is not None:
                path += f".{_key_text(frame.key)}"
        return path.lstrip(".")


def _key(name: _Built) -> _Key:
    if isinstance(name.node, Mapping | Sequence):
        raise GoYamlError("invalid map key", name.node.mark.line, name.node.mark.column)
    return type(name.raw), name.raw


def _key_text(name: _Built) -> str:
    match name.raw:
        case bool():
            return "true" if name.raw else "false"
        case float():
            return f"{name.raw:g}"
        case _:
            return str(name.raw)


def _allowed_ratio(decoded: int) -> float:
    if decoded <= _RATIO_LOW:
        return 0.99
    if decoded >= _RATIO_HIGH:
        return 0.10
    return 0.99 - 0.89 * (decoded - _RATIO_LOW) / (_RATIO_HIGH - _RATIO_LOW)
