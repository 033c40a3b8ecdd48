"""YAML that this tool writes in kubeadm's style, and YAML that Ansible reads; the only importer of ruamel.yaml."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TypeAlias, cast

from kaudit_setup.errors import InputError


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as it is written, with its 1-based line; `null` for `~`, `null` and nothing at all."""

    text: str
    line: int
    null: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence, with the 1-based line on which it starts."""

    items: tuple[Marked, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping in the order of the file; merge keys (`<<`) are resolved, doubled keys are all there."""

    fields: tuple[tuple[Scalar, Marked], ...]
    line: int


Marked: TypeAlias = Scalar | Items | Fields


Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""What YAML and JSON can both say."""


_ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, AssertionError)
"""What ruamel raises, beside its own errors, for tags that do not fit (`!!int` alone), bad escapes, deep nesting."""


_ODD_CHARACTERS = re.compile(r"[^\n\x20-\x7e]")
"""What a literal block cannot hold where all is to be ASCII: it has no escapes."""


def emit(value: Plain, *, ascii_only: bool = False) -> str:
    """`value` as one YAML document in kubeadm's style: lists not indented, several lines as a literal block.

    `ascii_only`: with escapes for all other characters, so that it can be shown on a terminal.

    Raises InputError for a number of more than 4,300 digits.
    """
    from ruamel.yaml import YAML

    yaml = YAML(pure=True)
    yaml.indent(mapping=2, sequence=2, offset=0)
    yaml.width = 4096
    yaml.allow_unicode = not ascii_only
    out = io.StringIO()
    try:
        yaml.dump(_styled(value, ascii_only), out)
    except ValueError as error:  # a number that was read as hexadecimal and is too long for decimals
        raise InputError(f"this cannot be written as YAML: {error}") from error
    return out.getvalue()


def octal(number: int) -> int:
    """`number`, to be emitted as 0o644 is written: file modes."""
    from ruamel.yaml.scalarint import OctalInt

    return cast(int, OctalInt(number))


def _styled(value: Plain, ascii_only: bool = False) -> object:
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(value, dict):
        return {key: _styled(part, ascii_only) for key, part in value.items()}
    if isinstance(value, list):
        return [_styled(part, ascii_only) for part in value]
    if isinstance(value, str) and "\n" in value and not (ascii_only and _ODD_CHARACTERS.search(value)):
        return LiteralScalarString(value)
    return value


def plain(text: str, name: str) -> Plain:
    """The first document of `text` as plain values, None if it is empty. Raises InputError naming `name`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # YAML allows them
    try:
        for document in yaml.load_all(text):
            return cast(Plain, document)
    except (YAMLError, *_ODD) as error:
        raise InputError(f"{name}: not YAML: {error}", hint="fix the YAML") from error
    return None


def marked(text: str, name: str) -> Marked | None:
    """The one document of `text` with every scalar as a string and the line of every part; None if it is empty.

    Custom tags (`!vault`) are taken as what they are written as. Raises InputError that names `name` and the line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(pure=True)
    yaml.composer.warn_double_anchors = False  # YAML allows them
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise InputError(f"{place}: {error.problem or error.context}", hint="fix the YAML at that line") from error
    except (YAMLError, *_ODD) as error:
        raise InputError(f"{name}: not YAML: {error}", hint="the file must be UTF-8 YAML") from error
    return None if root is None else _Marker(name).mark(root)


class _Marker:
    """Turns ruamel's node tree into values: aliases share their part, a part that holds itself is an error."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done: dict[int, Marked] = {}
        self.open: set[int] = set()

    def mark(self, node: object) -> Marked:
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

        key = id(node)
        if key in self.done:
            return self.done[key]
        if isinstance(node, ScalarNode):
            null = node.tag == "tag:yaml.org,2002:null"
            value: Marked = Scalar("" if null else str(node.value), node.start_mark.line + 1, null)
        elif isinstance(node, SequenceNode | MappingNode):
            line = node.start_mark.line + 1
            if key in self.open:
                raise InputError(
                    f"{self.name}:{line}: an alias refers to the part that holds it", hint="write it out"
                )
            self.open.add(key)
            if isinstance(node, SequenceNode):
                value = Items(tuple(self.mark(part) for part in node.value), line)
            else:
                value = Fields(tuple(self._fields(node.value)), line)
            self.open.discard(key)
        else:
            raise InputError(f"{self.name}: not a YAML document", hint="the file must be YAML")
        self.done[key] = value
        return value

    def _fields(self, pairs: list[tuple[object, object]]) -> list[tuple[Scalar, Marked]]:
        own: list[tuple[Scalar, Marked]] = []
        merged: list[tuple[Scalar, Marked]] = []
        for raw_key, raw_value in pairs:
            key, value = self.mark(raw_key), self.mark(raw_value)
            if not isinstance(key, Scalar):
                raise InputError(f"{self.name}:{key.line}: a key must be a plain word", hint="fix that line")
            if key.text == "<<" and not isinstance(value, Scalar):
                sources = value.items if isinstance(value, Items) else (value,)
                merged += [field for source in sources if isinstance(source, Fields) for field in source.fields]
            else:
                own.append((key, value))
        present = {key.text for key, _ in own}
        for key, value in merged:
            if key.text not in present:
                present.add(key.text)
                own.append((key, value))
        return own
