"""The one encoder: typed values as JSON, and as plain values for every other form."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from kaudit_setup.report.documents.document import Envelope


def to_json(document: Envelope[Any], indent: int | None = 2) -> str:
    """A document as JSON in ASCII, which no terminal can be harmed by; `indent` None: in one line."""
    text = json.dumps(to_plain(document), indent=indent, allow_nan=False)
    # the one control character that json leaves as it is
    return text.replace("\x7f", "\\u007f")


def to_plain(value: msgspec.Struct) -> dict[str, Any]:
    """A struct as what JSON knows: dicts, lists, strings, numbers."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
