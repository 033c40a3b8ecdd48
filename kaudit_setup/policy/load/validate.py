"""A decoded policy is validated, and becomes a `Policy`.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/validation/validation.go (ValidatePolicy and what it calls):
same paths, same words, all errors at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar, get_args

from kaudit_setup.kubeyaml.nodes import Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import GROUP_WILDCARD_SINCE, OMIT_MANAGED_FIELDS_SINCE
from kaudit_setup.policy.load import fixes
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.policy.model import LEVELS, STAGES, GroupResources, Level, Place, Policy, Rule, Stage, Words

SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_MESSAGE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_SIGS_JSON_SINCE: Final = KubeVersion(1, 23)
_LISTS_AS_JSON_SINCE: Final = KubeVersion(1, 33)
_L = TypeVar("_L", bound=str)


@dataclass(frozen=True, slots=True)
class _Text:
    """A string of the file, and where it stands."""

    value: str
    mark: Mark


class _Struct:
    """An object whose fields have been checked; repeated fields are folded as Go decodes them one upon the other."""

    def __init__(self, node: Node, mark: Mark, version: KubeVersion) -> None:
        self._version = version
        self.mark = node.mark if isinstance(node, Mapping) else mark
        self.end_line = node.end_line
        self._fields: dict[str, Node] = {}
        for entry in node.entries if isinstance(node, Mapping) else ():
            old = self._fields.get(entry.key)
            self._fields[entry.key] = _upon(old, entry.value, version) if old else entry.value

    def mark_of(self, name: str) -> Mark:
        held = self._fields.get(name)
        return held.mark if held else self.mark

    def text(self, name: str) -> _Text:
        held = self._fields.get(name)
        value = held.value if isinstance(held, Scalar) and isinstance(held.value, str) else ""
        return _Text(value, self.mark_of(name))

    def flag(self, name: str) -> bool | None:
        held = self._fields.get(name)
        return held.value if isinstance(held, Scalar) and isinstance(held.value, bool) else None

    def items(self, name: str) -> list[Node]:
        held = self._fields.get(name)
        return held.items if isinstance(held, Sequence) else []

    def texts(self, name: str) -> list[_Text]:
        return [
            _Text(item.value if isinstance(item, Scalar) and isinstance(item.value, str) else "", item.mark)
            for item in self.items(name)
        ]

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(text.value for text in self.texts(name))

    def words(self, *names: str) -> Words:
        """Where the words of these fields stand."""
        return {
            (name, text.value): Place(text.mark.line, text.mark.column)
            for name in names
            for text in reversed(
                self.texts(name) if isinstance(self._fields.get(name), Sequence) else [self.text(name)]
            )
        }

    def structs(self, name: str) -> list[_Struct]:
        return [_Struct(item, item.mark, self._version) for item in self.items(name)]


def _upon(old: Node, new: Node, version: KubeVersion) -> Node:
    """The value of a field that comes twice: lists are overwritten item by item, objects field by field.

    A null leaves an object as it is, and empties a list; a string it empties up to 1.22 (json-iter), later not.
    """
    match old, new:
        case Mapping(), Mapping():
            return Mapping([*old.entries, *new.entries], new.mark, new.end_line)
        case Sequence(), Sequence():
            pairs = zip(old.items, new.items, strict=False)
            merged = [_upon(before, after, version) for before, after in pairs]
            return Sequence([*merged, *new.items[len(merged) :]], new.mark, new.end_line)
        case Mapping(), Scalar(value=None):
            return old
        case Scalar(), Scalar(value=None) if version >= _SIGS_JSON_SINCE:
            return old
    return new


class _Validator:
    def __init__(self, version: KubeVersion) -> None:
        self._version = version
        self._found: dict[tuple[str, str], Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every error; as ErrorList.ToAggregate, the same words once."""
        return tuple(self._found.values())

    def add(self, path: str, message: str, mark: Mark, fix: str) -> None:
        self._found.setdefault((path, message), Problem(path, message, mark.line, mark.column, fix))

    def invalid(self, path: str, value: str | tuple[str, ...], why: str, mark: Mark, fix: str) -> None:
        if isinstance(value, str):
            shown = _quote(value)
        elif self._version >= _LISTS_AS_JSON_SINCE:
            shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        else:
            shown = "[]string{" + ", ".join(map(_quote, value)) + "}"
        self.add(path, f"Invalid value: {shown}: {why}", mark, fix)

    def rule(self, rule: _Struct, path: str) -> None:
        level = rule.text("level")
        if not level.value:
            self.add(f"{path}.level", "Required value", level.mark, "add a level, e.g. `level: Metadata`")
        elif level.value not in LEVELS:
            choices = ", ".join(map(_quote, LEVELS))
            message = f"Unsupported value: {_quote(level.value)}: supported values: {choices}"
            self.add(f"{path}.level", message, level.mark, fixes.level(level.value))
        urls = rule.texts("nonResourceURLs")
        for index, url in enumerate(urls):
            self._url(url, f"{path}.nonResourceURLs[{index}]")
        for entry in rule.structs("resources"):
            self._resource(entry, f"{path}.resources")
        self.stages(rule.texts("omitStages"), f"{path}.omitStages")
        if urls and (rule.items("resources") or rule.items("namespaces")):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            values = rule.values("nonResourceURLs")
            self.invalid(f"{path}.nonResourceURLs", values, why, rule.mark_of("nonResourceURLs"), fixes.BOTH)

    def _url(self, url: _Text, path: str) -> None:
        if url.value == "*":
            return
        if not url.value.startswith("/"):
            why = "non-resource URL rules must begin with a '/' character"
            self.invalid(path, url.value, why, url.mark, fixes.url_start(url.value))
        if "*" in url.value[:-1]:
            why = "non-resource URL wildcards '*' must be the final character of the rule"
            self.invalid(path, url.value, why, url.mark, fixes.url_star(url.value))

    def _resource(self, entry: _Struct, path: str) -> None:
        group = entry.text("group")
        wildcard = group.value == "*" and self._version >= GROUP_WILDCARD_SINCE
        if group.value and not wildcard:
            reasons = []
            if len(group.value.encode()) > 253:
                reasons.append("must be no more than 253 characters")
            if not SUBDOMAIN.fullmatch(group.value):
                reasons.append(_SUBDOMAIN_MESSAGE)
            if reasons:
                self.invalid(f"{path}.group", group.value, ",".join(reasons), group.mark, fixes.group(group.value))
        if entry.items("resourceNames") and not entry.items("resources"):
            why = "using resourceNames requires at least one resource"
            mark = entry.mark_of("resourceNames")
            self.invalid(f"{path}.resourceNames", entry.values("resourceNames"), why, mark, fixes.NAMES_ALONE)

    def stages(self, stages: Iterable[_Text], path: str) -> None:
        for index, stage in enumerate(stages):
            if stage.value not in STAGES:
                why = "allowed stages are " + ",".join(STAGES)
                self.invalid(f"{path}[{index}]", stage.value, why, stage.mark, fixes.stage(stage.value))


def validate(root: Node, version: KubeVersion) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy, or every reason why kube-apiserver refuses it. `root` has passed `schema.POLICY`."""
    top = _Struct(root, root.mark, version)
    rules = top.structs("rules")
    validator = _Validator(version)
    validator.stages(top.texts("omitStages"), "omitStages")
    for index, rule in enumerate(rules):
        validator.rule(rule, f"rules[{index}]")
    problems = validator.problems
    if not problems and not rules:
        mark = top.mark_of("rules")
        message = "loaded illegal policy with 0 rules"
        problems = (Problem("", message, mark.line, mark.column, fixes.no_rules(root)),)
    if problems:
        return None, problems
    managed = version >= OMIT_MANAGED_FIELDS_SINCE
    policy = Policy(
        tuple(_rule(rule, managed) for rule in rules),
        _stages(top),
        managed and bool(top.flag("omitManagedFields")),
        Place(top.mark_of("rules").line, top.mark_of("rules").column),
        top.words("omitStages"),
    )
    return policy, ()


def _rule(rule: _Struct, managed: bool) -> Rule:
    return Rule(
        level=_literal(rule.text("level").value, get_args(Level)),
        users=rule.values("users"),
        user_groups=rule.values("userGroups"),
        verbs=rule.values("verbs"),
        resources=tuple(
            GroupResources(
                entry.text("group").value,
                entry.values("resources"),
                entry.values("resourceNames"),
                entry.mark.line,
                entry.mark.column,
                entry.words("group", "resources", "resourceNames"),
            )
            for entry in rule.structs("resources")
        ),
        namespaces=rule.values("namespaces"),
        non_resource_urls=rule.values("nonResourceURLs"),
        omit_stages=_stages(rule),
        omit_managed_fields=rule.flag("omitManagedFields") if managed else None,
        line=rule.mark.line,
        end_line=rule.end_line,
        column=rule.mark.column,
        words=rule.words("users", "userGroups", "verbs", "namespaces", "nonResourceURLs", "omitStages"),
    )


def _stages(holder: _Struct) -> tuple[Stage, ...]:
    return tuple(_literal(value, get_args(Stage)) for value in holder.values("omitStages"))


def _literal(value: str, choices: tuple[_L, ...]) -> _L:
    return choices[choices.index(value)]


def _quote(text: str) -> str:
    """As Go's %q."""
    short = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    out = []
    for char in text:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif char in short:
            out.append(short[char])
        elif char == " " or char.isprintable():
            out.append(char)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'
