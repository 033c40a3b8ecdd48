"""The Go types that a policy is decoded into, and what each refuses or ignores.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Policy, PolicyRule, GroupResources; v1beta1 and
v1alpha1 spell them alike) and apimachinery/pkg/apis/meta/v1/types.go (ObjectMeta). Up to 1.22 json-iter decodes,
later sigs.k8s.io/json; both compare keys case-sensitively and refuse the same types.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as Lookup
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from kaudit_setup.kubeyaml.nodes import Entry, Float, Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import OMIT_MANAGED_FIELDS_SINCE
from kaudit_setup.policy.load import fixes, unknown_fields
from kaudit_setup.policy.load.problem import Problem

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|[+-](\d\d):(\d\d))", re.ASCII
)
# built with Go 1.20, whose time.Parse looks at the size of the offset
_ZONES_SINCE: Final = KubeVersion(1, 27)
_ALWAYS: Final = KubeVersion(0, 0)


@dataclass(slots=True)
class Findings:
    """What decoding found, in the order of the text."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


Check = Callable[[Node, str, KubeVersion, Findings], None]


@dataclass(frozen=True, slots=True)
class Type:
    """A type of Go: what it is called in JSON, what it refuses, and what it is made of."""

    name: Literal["string", "boolean", "integer", "time", "anything", "array", "map", "object"]
    check: Check
    item: Type | None = None
    fields: Lookup[str, Field] = field(default_factory=dict)

    def __call__(self, node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
        """Check a value of this type that stands at `path`."""
        self.check(node, path, version, findings)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct: its type, and the versions that have it (`until`: the first that has not)."""

    type: Type
    since: KubeVersion = _ALWAYS
    until: KubeVersion | None = None

    def is_known_to(self, version: KubeVersion) -> bool:
        """Whether this version has the field."""
        return self.since <= version and (self.until is None or version < self.until)


def _mismatch(node: Node, path: str, wanted: str, findings: Findings) -> None:
    match node:
        case Mapping():
            held = "object"
        case Sequence():
            held = "array"
        case Scalar(value=str()):
            held = "string"
        case Scalar(value=bool()):
            held = "bool"
        case _:
            held = "number"
    message = f"cannot unmarshal {held} into {wanted}"
    fix = fixes.mismatch(node, path, wanted)
    findings.errors.append(Problem(path, message, node.mark.line, node.mark.column, fix))


def is_null(node: Node) -> bool:
    """JSON's null: a value of every type."""
    return isinstance(node, Scalar) and node.value is None


def _string(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    """A string, or null."""
    if not isinstance(node, Scalar) or not (isinstance(node.value, str) or node.value is None):
        _mismatch(node, path, "a string", findings)


def _boolean(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    """A truth value, or null."""
    if not isinstance(node, Scalar) or not (isinstance(node.value, bool) or node.value is None):
        _mismatch(node, path, "true or false", findings)


def _int64(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    value = node.value if isinstance(node, Scalar) else ""
    if isinstance(value, Float) and re.fullmatch("-?[0-9]{1,18}", value.text):
        return
    if isinstance(value, bool) or not (value is None or (isinstance(value, int) and -(2**63) <= value < 2**63)):
        _mismatch(node, path, "a 64-bit integer", findings)


def _time(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    """metav1.Time.UnmarshalJSON: time.Parse(time.RFC3339)."""
    if is_null(node):
        return
    found = _RFC3339.fullmatch(node.value) if isinstance(node, Scalar) and isinstance(node.value, str) else None
    if found:
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        zone = [int(part or 0) for part in found.groups()[6:]]
        try:
            date(year or 4, month, day)
        except ValueError:
            found = None
        if hour > 23 or minute > 59 or second > 59 or (version >= _ZONES_SINCE and (zone[0] > 24 or zone[1] > 60)):
            found = None
    if not found:
        _mismatch(node, path, "an RFC 3339 time", findings)


def _anything(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    """FieldsV1 keeps its text as it is."""


def list_of(item_type: Type) -> Type:
    """A list of such items, or null."""

    def checked(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
        if isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                item_type(item, f"{path}[{index}]", version, findings)
        elif not is_null(node):
            _mismatch(node, path, "a list", findings)

    return Type("array", checked, item_type)


def _string_map(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
    if isinstance(node, Mapping):
        for entry in node.entries:
            _string(entry.value, f"{path}.{entry.key}", version, findings)
    elif not is_null(node):
        _mismatch(node, path, "a map of strings", findings)


def struct(fields: Lookup[str, Field]) -> Type:
    """An object with these fields, or null. Fields that are unknown, or known to others only, are warned of."""

    def checked(node: Node, path: str, version: KubeVersion, findings: Findings) -> None:
        if not isinstance(node, Mapping):
            if not is_null(node):
                _mismatch(node, path, "an object", findings)
            return
        seen: set[str] = set()
        for entry in node.entries:
            where = f"{path}.{entry.key}" if path else entry.key
            known = fields.get(entry.key)
            if known is None or not known.is_known_to(version):
                findings.warnings.append(_unknown(where, entry, known, fields, version))
                continue
            if entry.key in seen:
                findings.warnings.append(repeated(where, f'duplicate field "{where}"', entry.mark))
            seen.add(entry.key)
            known.type(entry.value, where, version, findings)

    return Type("object", checked, fields=fields)


def _unknown(
    where: str, entry: Entry, known: Field | None, fields: Lookup[str, Field], version: KubeVersion
) -> Problem:
    message = f'unknown field "{where}", ignored'
    if known is None:
        why = unknown_fields.reason(where, tuple(fields))
    elif version < known.since:
        said = f"Kubernetes {version} does not know it, {known.since} and later do"
        fix = "remove it, or keep it for the upgrade: this version does without it"
        why = unknown_fields.Reason(said, fix, "newer-field")
    else:
        fix = "remove it: this version does without it"
        why = unknown_fields.Reason(f"gone since Kubernetes {known.until}", fix, "older-field")
    text = f"{message}: {why.said}" if why.said else message
    return Problem(where, text, entry.mark.line, entry.mark.column, why.fix, why.code, why.meant)


def repeated(where: str, message: str, mark: Mark) -> Problem:
    """A key that comes twice: the last one counts."""
    return Problem(
        where, f"{message}: the last one counts", mark.line, mark.column, "keep one of them", "duplicate-key"
    )


_TEXT: Final = Type("string", _string)
_STRING: Final = Field(_TEXT)
_STRINGS: Final = Field(list_of(_TEXT))
_TRUTH: Final = Type("boolean", _boolean)
_BOOL: Final = Field(_TRUTH)
_TIME: Final = Field(Type("time", _time))
_INTEGER: Final = Field(Type("integer", _int64))
_MAP: Final = Field(Type("map", _string_map))
_TYPE_META: Final = {"kind": _STRING, "apiVersion": _STRING}
_OWNER: Final = {
    **_TYPE_META,
    "name": _STRING,
    "uid": _STRING,
    "controller": _BOOL,
    "blockOwnerDeletion": _BOOL,
}
_MANAGED: Final = {
    **dict.fromkeys(("manager", "operation", "apiVersion", "fieldsType"), _STRING),
    "time": _TIME,
    "fieldsV1": Field(Type("anything", _anything)),
    "subresource": Field(_TEXT, since=KubeVersion(1, 22)),
}
_OBJECT_META: Final = {
    **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), _STRING),
    "generation": _INTEGER,
    "deletionGracePeriodSeconds": _INTEGER,
    "creationTimestamp": _TIME,
    "deletionTimestamp": _TIME,
    "labels": _MAP,
    "annotations": _MAP,
    "finalizers": _STRINGS,
    "ownerReferences": Field(list_of(struct(_OWNER))),
    "clusterName": Field(_TEXT, until=KubeVersion(1, 25)),
    "managedFields": Field(list_of(struct(_MANAGED))),
}
_GROUP_RESOURCES: Final = {"group": _STRING, "resources": _STRINGS, "resourceNames": _STRINGS}
_OMIT_MANAGED: Final = Field(_TRUTH, since=OMIT_MANAGED_FIELDS_SINCE)
_RULE: Final = {
    "level": _STRING,
    **dict.fromkeys(("users", "userGroups", "verbs", "namespaces", "nonResourceURLs", "omitStages"), _STRINGS),
    "resources": Field(list_of(struct(_GROUP_RESOURCES))),
    "omitManagedFields": _OMIT_MANAGED,
}
POLICY: Final = struct(
    {
        **_TYPE_META,
        "metadata": Field(struct(_OBJECT_META)),
        "rules": Field(list_of(struct(_RULE))),
        "omitStages": _STRINGS,
        "omitManagedFields": _OMIT_MANAGED,
    }
)
# What the internal type, which is decoded into where apiVersion is missing, knows under the same names.
INTERNAL_NAMES: Final = frozenset({*_TYPE_META, *_OBJECT_META, "Rules", "OmitStages", "OmitManagedFields"})
