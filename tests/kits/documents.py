"""What `-o json` prints, opened."""

from __future__ import annotations

import json
from typing import Any

KEYS = ["apiVersion", "kind", "items", "errors", "warnings"]


def document(text: str | bytes) -> dict[str, Any]:
    """The whole document; whatever the command, it has these keys in this order."""
    found: dict[str, Any] = json.loads(text)
    assert list(found) == KEYS
    assert found["apiVersion"] == "kaudit-setup/v1"
    return found


def items(text: str | bytes) -> list[Any]:
    found: list[Any] = document(text)["items"]
    return found


def only(text: str | bytes) -> Any:
    """The one item of an answer that has one."""
    (found,) = items(text)
    return found
