"""Secrets without their contents: what may be shown of an object, or of a patch, when secrets are not asked for."""

from __future__ import annotations

from typing import Final

from kaudit_setup.attribution.changes.normalize import APPLIED
from kaudit_setup.attribution.changes.patching import Value

HIDDEN: Final = "***"
_CHANGED: Final = "*** (changed)"
_CONTENTS: Final = ("data", "stringData")


def hidden(obj: Value, before: Value = None) -> Value:
    """A Secret, or a merge patch of one, with its values hidden; those that differ from `before` say so."""
    if not isinstance(obj, dict):
        return HIDDEN if obj is not None else None
    old = before if isinstance(before, dict) else {}
    found = {k: _masked(v, old.get(k), k in old) if k in _CONTENTS else v for k, v in obj.items()}
    return _without_copy(found)


def hidden_patch(patch: Value) -> Value:
    """A patch of a Secret, of whatever type, with its values hidden."""
    if not isinstance(patch, list):
        return hidden(patch)
    return [_hidden_step(step) for step in patch]


def _hidden_step(step: Value) -> Value:
    if not isinstance(step, dict) or "value" not in step:
        return step
    # only what is surely not about the contents stays: labels, a type
    plain = str(step.get("path", "")).startswith(("/metadata/labels", "/type", "/immutable"))
    return step if plain else {**step, "value": HIDDEN}


def _masked(values: Value, old: Value, known: bool) -> Value:
    """The contents of a Secret with names, without values."""
    if not isinstance(values, dict):
        return HIDDEN if values is not None else None
    before = old if known and isinstance(old, dict) else {}
    return {key: _mark(value, before.get(key, value)) for key, value in values.items()}


def _mark(value: Value, before: Value) -> Value:
    """What stands for a value; a patch takes one away by null."""
    if value is None:
        return None
    return HIDDEN if value == before else _CHANGED


def _without_copy(obj: dict[str, Value]) -> dict[str, Value]:
    """Without the annotation in which kubectl keeps a copy of all it applied."""
    metadata = obj.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(notes, dict) or APPLIED not in notes:
        return obj
    return {**obj, "metadata": {**metadata, "annotations": {**notes, APPLIED: HIDDEN}}}
