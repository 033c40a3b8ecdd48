"""What the scanner hands to the parser."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final


class T(IntEnum):
    """Kinds of token (yamlh.go:yaml_token_type_t)."""

    STREAM_START = auto()
    STREAM_END = auto()
    VERSION_DIRECTIVE = auto()
    TAG_DIRECTIVE = auto()
    DOCUMENT_START = auto()
    DOCUMENT_END = auto()
    BLOCK_SEQUENCE_START = auto()
    BLOCK_MAPPING_START = auto()
    BLOCK_END = auto()
    FLOW_SEQUENCE_START = auto()
    FLOW_SEQUENCE_END = auto()
    FLOW_MAPPING_START = auto()
    FLOW_MAPPING_END = auto()
    BLOCK_ENTRY = auto()
    FLOW_ENTRY = auto()
    KEY = auto()
    VALUE = auto()
    ALIAS = auto()
    ANCHOR = auto()
    TAG = auto()
    SCALAR = auto()


class Token:
    """One token. `line`, `column`: 0-based start; `end_line`: 0-based line of its last character.

    `value`: the text of a scalar, the name of an anchor, the handle of a tag; `suffix`: of a tag, or the prefix of
    a %TAG directive, or the minor version of a %YAML directive. `plain`: a scalar without quotes or block indicator.
    """

    __slots__ = ("column", "end_line", "kind", "line", "plain", "suffix", "value")

    def __init__(
        self,
        kind: T,
        line: int,
        column: int,
        value: str = "",
        suffix: str = "",
        plain: bool = False,
        end_line: int = -1,
    ) -> None:
        self.kind = kind
        self.line = line
        self.column = column
        self.value = value
        self.suffix = suffix
        self.plain = plain
        self.end_line = line if end_line < 0 else end_line


FLOW: Final = {
    "[": T.FLOW_SEQUENCE_START,
    "{": T.FLOW_MAPPING_START,
    "]": T.FLOW_SEQUENCE_END,
    "}": T.FLOW_MAPPING_END,
}
