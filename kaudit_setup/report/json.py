"""Plain values as the JSON that `-o json` prints."""

from __future__ import annotations

import json


def to_json(value: object) -> str:
    """`value` (dicts, lists, strings, numbers) as indented JSON in ASCII, which no terminal can be harmed by."""
    return json.dumps(value, indent=2)
