"""Values → YAML and JSON text that Kubernetes reads back as the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "str | bool | list[Value] | Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is indented: nested maps by `step`, dashes of lists by `dash` deeper than their key."""

    step: int = 2
    dash: int = 0


# Plain in any place; `--flag` is fine, `- x` is not.
_PLAIN_IN_FLOW = re.compile(r"(?:--)?[A-Za-z0-9_/.](?:[A-Za-z0-9_/.:=+@%-]*[A-Za-z0-9_/.=+@%-])?\Z")
# Plain in block style, where go-yaml (and so kubeadm) leaves it plain too.
_PLAIN_IN_BLOCK = re.compile(r"(?:--)?[A-Za-z0-9_/.](?!.*(?:: |:\Z| #| \Z))[^\n]*\Z")
# What go-yaml v2 (YAML 1.1) would read as something else than a string: resolve.go:resolveTable and yamlStyleFloat
_OTHER_TYPE = re.compile(
    r"""(?ix)
    y|yes|n|no|on|off|true|false|null|~|=|<<
    | [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ | [-+]?0x[0-9a-f_]+ | [-+]?[0-9][0-9_]*
    | [-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:e[-+]?[0-9]+)?
    | [-+]?\.inf | \.nan
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*
    """
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_scalar(value: str | bool, quote: str = "", *, flow: bool = False) -> str:
    """One line of YAML that reads back as `value`; `quote` is how the neighbours are written (`'`, `"` or plain)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not value.isprintable() or quote == '"':
        return _double(value)
    if not quote and _OTHER_TYPE.fullmatch(value):
        return _double(value)
    if not quote and (_PLAIN_IN_FLOW if flow else _PLAIN_IN_BLOCK).match(value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _double(value: str) -> str:
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def yaml_flow(value: Value, quote: str = "") -> str:
    """`value` on one line, in flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{yaml_scalar(k)}: {yaml_flow(v, quote)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml_flow(item, quote) for item in value) + "]"
    return yaml_scalar(value, quote, flow=True)


def yaml_block(value: Mapping[str, Value], indent: int, style: Style, quote: str = "") -> list[str]:
    """The lines of a map in block style, its keys at column `indent`."""
    lines: list[str] = []
    for key, inner in value.items():
        head = f"{' ' * indent}{yaml_scalar(key)}:"
        if isinstance(inner, Mapping):
            lines += [head, *yaml_block(inner, indent + style.step, style, quote)]
        elif isinstance(inner, list):
            below = indent + style.dash
            lines += [head, *(line for item in inner for line in yaml_item(item, below, 2, style, quote))]
        else:
            lines.append(f"{head} {yaml_scalar(inner, quote)}")
    return lines


def yaml_item(value: Value, indent: int, pad: int, style: Style, quote: str = "") -> list[str]:
    """The lines of a list's item: its dash at column `indent`, its content `pad` further."""
    bullet = f"{' ' * indent}{'-':<{pad}}"
    if isinstance(value, Mapping):
        lines = yaml_block(value, indent + pad, style, quote)
        return [bullet + lines[0][indent + pad :], *lines[1:]]
    return [bullet + yaml_flow(value, quote) if isinstance(value, list) else bullet + yaml_scalar(value, quote)]


def json_text(value: object, step: int | None, compact: bool) -> str:
    """`value` as JSON: over several lines if `step` is given, else on one, without any space if `compact`."""
    separators = (",", ":") if compact else (", ", ": ")
    return json.dumps(value, ensure_ascii=False, indent=step, separators=(",", ": ") if step else separators)
