"""What would have been logged at a higher level, for whom bodies are missing."""

from __future__ import annotations

from kaudit_setup.attribution.changes.history import History
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.units import counted


def missing_bodies(history: History) -> str:
    """Which requests have no bodies in the log, and which rule of a policy would have logged them; empty if all have
    theirs.
    """
    without_body = history.without_body
    if not without_body:
        return ""
    levels = " and ".join(sorted({request.level for request in without_body if request.level}))
    whose = f"{counted(len(without_body), 'request')} that made or changed {history.object}"
    have = "has no body" if len(without_body) == 1 else "have no bodies"
    return f"{whose} {have} in this log (level {levels or 'unknown'}); {needed(history.object)}"


def needed(obj: Object) -> str:
    """The rule of an audit policy that logs what an object is."""
    verbs = '["create", "update", "patch", "delete", "deletecollection"]'
    resources = f'[{{group: "{obj.group}", resources: ["{obj.resource}"]}}]'
    rule = f"{{level: RequestResponse, verbs: {verbs}, resources: {resources}}}"
    return f"this rule of the audit policy would have logged them: {rule} (level Request: only what clients sent)"
