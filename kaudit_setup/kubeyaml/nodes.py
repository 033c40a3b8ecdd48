"""What a YAML or JSON file holds: JSON values that know where they stand.

YAML is turned into these as sigs.k8s.io/yaml turns it into JSON, so everything after this point sees one language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; 1-based."""

    line: int
    column: int


NOWHERE: Final = Mark(0, 0)


@dataclass(slots=True)
class Scalar:
    """A string, number, truth value or null. Floats are kept as the text that encoding/json would write."""

    value: str | int | bool | Float | None
    mark: Mark
    end_line: int


@dataclass(frozen=True, slots=True)
class Float:
    """A number that is not a plain integer, as JSON text."""

    text: str


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: list[Node]
    mark: Mark
    end_line: int


@dataclass(slots=True)
class Entry:
    """A key of a mapping, and its value."""

    key: str
    mark: Mark
    value: Node


@dataclass(slots=True)
class Mapping:
    """An object. From YAML the keys are unique (the last has won) and sorted, as JSON made from YAML has them.

    From JSON every entry is kept in the order of the text: what a repeated key does is the decoder's to say.
    """

    entries: list[Entry]
    mark: Mark
    end_line: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A key that its mapping already had."""

    path: str
    key: str
    mark: Mark


Node: TypeAlias = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The same without places: dicts, lists and values."""
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value
