"""What `-o json` prints, opened, and compared with the schema of its kind, wherever a test opens it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from kaudit_setup.report.documents.kinds import shipped

KEYS = ["apiVersion", "kind", "items", "errors", "warnings"]


def document(text: str | bytes) -> dict[str, Any]:
    """The whole document: whatever the command, these keys in this order, and below exactly those of its schema."""
    found: dict[str, Any] = json.loads(text)
    assert list(found) == KEYS
    assert found["apiVersion"] == "kaudit-setup/v1"
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator(found["kind"]).iter_errors(found)]
    assert errors == []
    return found


@cache
def validator(kind: str) -> Draft202012Validator:
    whole = closed(json.loads(shipped(kind)))
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def closed(part: Any) -> Any:
    """The schema without room for keys that it does not name."""
    if isinstance(part, dict):
        more = {"additionalProperties": False} if part.get("properties") else {}
        return {name: closed(value) for name, value in (part | more).items()}
    return [closed(one) for one in part] if isinstance(part, list) else part


def items(text: str | bytes) -> list[Any]:
    found: list[Any] = document(text)["items"]
    return found


def only(text: str | bytes) -> Any:
    """The one item of an answer that has one."""
    (found,) = items(text)
    return found
