"""Patches applied to objects, as kube-apiserver applies them. Pure; a patch that does not fit gives None.

Sources: RFC 7386 (JSON merge patch), RFC 6902 (JSON patch), AM/pkg/util/strategicpatch/patch.go and the patch tags of
staging/src/k8s.io/api (which key lists are merged by). The type of a patch (its Content-Type) is not in an audit
event, so it is told by its form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

Value = Any
"""What JSON can say: dict, list, str, int, float, bool, None."""
PatchType = Literal["json", "apply", "strategic", "merge"]

_MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "port"),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey",),
    "conditions": ("type",),
    "resourceClaims": ("name",),
    "webhooks": ("name",),
    "addresses": ("type",),
    "taints": ("key",),
}
_PRIMITIVE: Final = frozenset({"finalizers", "podCIDRs"})
_DIRECTIVES: Final = ("$patch", "$retainKeys")
_SET_ORDER: Final = "$setElementOrder/"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"


def type_of(patch: Value, *, custom: bool) -> PatchType:
    """What kind of patch this is, by its form. `custom`: it is for a kind that Kubernetes does not bring along, which
    has no strategic merge.
    """
    if isinstance(patch, list):
        return "json"
    if isinstance(patch, dict) and {"apiVersion", "kind"} <= patch.keys():
        return "apply"
    return "merge" if custom else "strategic"


def apply_patch(patch: Value, obj: Value, kind: PatchType) -> Value | None:
    """`obj` after the patch; None if the patch does not fit it. Of a server-side apply what it sets is set: which
    fields it takes away is known to the server only.
    """
    if kind == "json":
        return _json_patch(patch, obj)
    if not isinstance(patch, dict):
        return None
    if kind == "merge":
        return merge(obj, patch)
    return _strategic(obj, patch, "")


def merge(old: Value, change: Value) -> Value:
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merge(new.get(key), value)
    return new


def _strategic(old: Value, change: Value, field: str) -> Value:
    if isinstance(change, list):
        return _merged_list(old if isinstance(old, list) else [], change, field)
    if not isinstance(change, dict):
        return change
    if change.get("$patch") == "replace":
        return {key: value for key, value in change.items() if key != "$patch"}
    new = dict(old) if isinstance(old, dict) else {}
    retained = change.get("$retainKeys")
    if isinstance(retained, list):
        new = {key: value for key, value in new.items() if key in retained}
    for key, value in change.items():
        _set_field(new, key, value)
    return new


def _set_field(new: dict[str, Value], key: str, value: Value) -> None:
    """Take one field of a strategic merge patch into `new`, which is this function's caller's own."""
    if key in _DIRECTIVES or key.startswith(_SET_ORDER):
        return
    if key.startswith(_DELETE_FROM):
        name = key.removeprefix(_DELETE_FROM)
        gone = value if isinstance(value, list) else []
        new[name] = [one for one in new.get(name) or () if one not in gone]
    elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
        new.pop(key, None)
    else:
        new[key] = _strategic(new.get(key), value, key)


def _merged_list(old: Sequence[Value], change: Sequence[Value], field: str) -> list[Value]:
    """A list of a strategic merge patch: merged by its key, joined if it is one of plain values, else replaced."""
    if any(isinstance(one, dict) and one.get("$patch") == "replace" for one in change):
        return [one for one in change if not (isinstance(one, dict) and one.get("$patch") == "replace")]
    if field in _PRIMITIVE:
        return [*old, *(one for one in change if one not in old)]
    key = _key_of(field, change)
    if key is None:
        return list(change)
    new = list(old)
    for one in change:
        at = next((n for n, known in enumerate(new) if isinstance(known, dict) and known.get(key) == one[key]), None)
        if one.get("$patch") == "delete":
            new = [known for n, known in enumerate(new) if n != at]
        elif at is None:
            new.append(_strategic({}, one, ""))
        else:
            new[at] = _strategic(new[at], one, "")
    return new


def _key_of(field: str, change: Sequence[Value]) -> str | None:
    """The key by which a list is merged; None if it is replaced as a whole."""
    for key in _MERGE_KEYS.get(field, ()):
        if all(isinstance(one, dict) and key in one for one in change):
            return key
    return None


class _MisfitError(Exception):
    """A JSON patch that cannot be applied here."""


def _json_patch(patch: Value, obj: Value) -> Value | None:
    """RFC 6902."""
    found = json.loads(json.dumps(obj))
    try:
        for step in patch:
            found = _OPERATIONS[step["op"]](found, step)
    except (_MisfitError, KeyError, TypeError, AttributeError):
        return None
    return found


def _pointer(text: str) -> list[str]:
    """RFC 6901."""
    if not text:
        return []
    if not text.startswith("/"):
        raise _MisfitError
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _at(obj: Value, path: Sequence[str]) -> Value:
    for part in path:
        obj = obj[_index(obj, part)] if isinstance(obj, list) else obj[part]
    return obj


def _index(items: Sequence[Value], part: str, most: int = -1) -> int:
    last = len(items) + most
    if not part.isdecimal() or int(part) > last:
        raise _MisfitError
    return int(part)


def _add(obj: Value, step: Mapping[str, Value]) -> Value:
    return _put(obj, _pointer(step["path"]), step["value"])


def _put(obj: Value, path: Sequence[str], value: Value) -> Value:
    if not path:
        return value
    parent = _at(obj, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], 0), value)
    else:
        parent[path[-1]] = value
    return obj


def _remove(obj: Value, step: Mapping[str, Value]) -> Value:
    path = _pointer(step["path"])
    if not path:
        raise _MisfitError
    parent = _at(obj, path[:-1])
    del parent[_index(parent, path[-1]) if isinstance(parent, list) else path[-1]]
    return obj


def _replace(obj: Value, step: Mapping[str, Value]) -> Value:
    path = _pointer(step["path"])
    if not path:
        return step["value"]
    parent = _at(obj, path[:-1])
    parent[_index(parent, path[-1]) if isinstance(parent, list) else path[-1]] = step["value"]
    return obj


def _move(obj: Value, step: Mapping[str, Value]) -> Value:
    value = _at(obj, _pointer(step["from"]))
    return _put(_remove(obj, {"path": step["from"]}), _pointer(step["path"]), value)


def _copy(obj: Value, step: Mapping[str, Value]) -> Value:
    value = json.loads(json.dumps(_at(obj, _pointer(step["from"]))))
    return _put(obj, _pointer(step["path"]), value)


def _test(obj: Value, step: Mapping[str, Value]) -> Value:
    if _at(obj, _pointer(step["path"])) != step["value"]:
        raise _MisfitError
    return obj


_OPERATIONS: Final[Mapping[str, Callable[[Value, Mapping[str, Value]], Value]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
