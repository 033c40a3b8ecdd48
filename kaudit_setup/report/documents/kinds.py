"""Every kind of answer: which module has its type, and the JSON Schema of a document that holds it.

The schemas are files of `templates/schemas/answers/`, so that they can be read without running anything; a test
compares them with the types.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from kaudit_setup.report.documents.document import Envelope
from kaudit_setup.resources import template

KINDS: Final = {
    "BackupContents": "nodes.backups",
    "CheckResult": "check",
    "Collection": "collect",
    "ConfigValue": "config",
    "Demo": "demo",
    "Error": "documents.document",
    "Estimate": "estimate",
    "Event": "events",
    "LogStats": "stats",
    "NodeBackup": "nodes.backups",
    "NodeChange": "nodes.outcome",
    "NodeProof": "nodes.proof",
    "NodeReview": "nodes.review",
    "NodeStatus": "nodes.status",
    "PackedLogs": "pack",
    "PolicyAnswer": "policy.answers",
    "PolicyComparison": "policy.compare",
    "PolicyExplanation": "policy.explain",
    "PolicyFile": "policy.file",
    "PolicyFinding": "policy.lint",
    "PolicyPreset": "policy.presets",
    "PolicySuggestion": "policy.suggest",
    "PolicyVerdict": "policy.validate",
    "PurgedNode": "nodes.purged",
    "Recovery": "nodes.recovery",
    "RemovedBackups": "nodes.backups",
    "Top": "top",
    "WhoAnswer": "questions.answered",
    "WhoRequests": "questions.many",
}
"""Kind, which is the name of its type → the module below `report`."""
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def type_of(kind: str) -> type[msgspec.Struct]:
    """The type of the items. Raises KeyError for a kind that there is not."""
    found: type[msgspec.Struct] = getattr(import_module(f"kaudit_setup.report.{KINDS[kind]}"), kind)
    return found


def shipped(kind: str) -> str:
    """The JSON Schema of a whole document of that kind, as it comes with the tool. Raises KeyError."""
    return (_folder() / _file(kind)).read_text(encoding="utf-8")


def write_all() -> None:
    """Make every shipped schema anew from the types; for whoever changes one (`make schemas`)."""
    for old in _folder().glob("*.json"):
        old.unlink()
    for kind in KINDS:
        (_folder() / _file(kind)).write_text(made(kind), encoding="utf-8")


def made(kind: str) -> str:
    """What the shipped schema must be. Raises KeyError."""
    return json.dumps(schema(kind), indent=2) + "\n"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a whole document of that kind, from the types. Raises KeyError."""
    whole: Any = Envelope
    (whole_ref,), parts = msgspec.json.schema_components([whole[type_of(kind)]])
    envelope = parts.pop(whole_ref["$ref"].rpartition("/")[2])
    envelope["properties"]["kind"] = {"const": kind}
    parts = {name: _of_answer(part) for name, part in parts.items()}
    envelope = {k: v for k, v in _of_answer(envelope).items() if k != "title"}
    return {"$schema": _DIALECT, "title": kind, **envelope, "additionalProperties": False, "$defs": parts}


def _of_answer(part: dict[str, Any]) -> dict[str, Any]:
    """A type as it is answered: every key is there, those with a default, too; its description speaks of keys."""
    properties = part.get("properties", {})
    always = [name for name, each in properties.items() if name in part["required"] or "default" in each]
    plain = {name: {k: v for k, v in each.items() if k != "default"} for name, each in properties.items()}
    said = re.sub(r"`(\w+)`", _as_key, " ".join(part.get("description", "").split()))
    return {**part, "description": said, "properties": plain, "required": always}


def _as_key(name: re.Match[str]) -> str:
    """The name of a field in backticks as the key that it is in JSON."""
    first, *others = name[1].split("_")
    return f"`{first}{''.join(map(str.capitalize, others))}`"


def _folder() -> Path:
    return template("schemas", "answers")


def _file(kind: str) -> str:
    if kind not in KINDS:
        raise KeyError(kind)
    return f"{kind}.schema.json"
