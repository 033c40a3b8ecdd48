"""Every kind of answer: which module has its type, and the JSON Schema of a document that holds it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import msgspec

from kaudit_setup.report.documents.document import Envelope

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
    "WhoAnswer": "questions.who",
    "WhoRequests": "questions.many",
}
"""Kind, which is the name of its type → the module below `report`."""
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def type_of(kind: str) -> type[msgspec.Struct]:
    """The type of the items. Raises KeyError for a kind that there is not."""
    found: type[msgspec.Struct] = getattr(import_module(f"kaudit_setup.report.{KINDS[kind]}"), kind)
    return found


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a whole document of that kind. Raises KeyError."""
    whole: Any = Envelope
    (made,), parts = msgspec.json.schema_components([whole[type_of(kind)]])
    envelope = parts.pop(made["$ref"].rpartition("/")[2])
    envelope["properties"]["kind"] = {"const": kind}
    # what a command answers has every key of it, those with a default, too
    envelope["required"] = list(envelope["properties"])
    envelope["additionalProperties"] = False
    return {"$schema": _DIALECT, "title": kind, **{k: v for k, v in envelope.items() if k != "title"}, "$defs": parts}
