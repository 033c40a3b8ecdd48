"""A policy file as kube-apiserver loads it: accepted or refused, and everything it would only log.

Source: staging/src/k8s.io/apiserver/pkg/audit/policy/reader.go:LoadPolicyFromBytes, through
apimachinery/pkg/runtime/serializer/recognizer/recognizer.go:Decode (JSON if the text starts with `{`, else YAML),
serializer/json/json.go:Decode, serializer/json/meta.go:Interpret (apiVersion and kind, case-insensitively).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.kubeyaml import Composed, GoYamlError, compose, gojson
from kaudit_setup.kubeyaml.nodes import NOWHERE, Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.kubeyaml.reader import lines as yaml_lines
from kaudit_setup.kubeyaml.resolve import go_utf8
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.load import schema
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.policy.load.validate import validate
from kaudit_setup.policy.model import Policy

# kube-apiserver sets no limit; this tool does, so that no file can keep it busy.
MAX_BYTES: Final = 256 * 1024

BETAS_GONE_SINCE: Final = KubeVersion(1, 24)
_GROUP: Final = "audit.k8s.io"
_INTERNAL: Final = "__internal"
_OTHER_KINDS: Final = frozenset({"PolicyList", "Event", "EventList"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading came to. `policy` is None exactly where `errors` is not empty.

    `warnings` are what kube-apiserver only logs (since 1.26; before, it says nothing): unknown and repeated
    fields. `ignored_from`: the 1-based line of a second document, which kube-apiserver never reads; 0 if none.
    """

    policy: Policy | None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    ignored_from: int = 0

    @property
    def ok(self) -> bool:
        """Whether kube-apiserver starts with this policy."""
        return self.policy is not None


class _RefusedError(Exception):
    """The text never became an object of a known type."""

    def __init__(self, message: str, path: str = "", mark: Mark = NOWHERE) -> None:
        self.problem = Problem(path, message, mark.line, mark.column)


def load(data: bytes, version: KubeVersion = NEWEST) -> Loaded:
    """Reads a policy as kube-apiserver of this version does. Never raises on any `data`."""
    warnings: list[Problem] = []
    ignored_from = 0
    try:
        if len(data) > MAX_BYTES:
            raise _RefusedError(
                f"{len(data):,} bytes are too many for a policy; kaudit-setup reads up to {MAX_BYTES:,}"
            )
        if _is_json(data):
            root = _read_json(data)
        else:
            composed = _read_yaml(data)
            root, ignored_from = composed.root, composed.ignored_from
            warnings += [
                Problem(r.path, f'key "{r.key}" already set in map: the last one counts', r.mark.line, r.mark.column)
                for r in composed.repeated
            ]
        _interpret(root, version, warnings)
    except _RefusedError as refused:
        return Loaded(None, (refused.problem,), tuple(warnings), ignored_from)
    findings = schema.Findings()
    schema.POLICY(root, "", version, findings)
    warnings += findings.warnings
    warnings.sort(key=lambda problem: (problem.line, problem.column))
    if findings.errors:
        errors = tuple(sorted(findings.errors, key=lambda problem: (problem.line, problem.column)))
        return Loaded(None, errors, tuple(warnings), ignored_from)
    policy, errors = validate(root, version)
    return Loaded(policy, errors, tuple(warnings), ignored_from)


def lines(data: bytes) -> list[str]:
    """The lines of a policy file, counted as `Problem.line` and `Rule.line` count them."""
    return go_utf8(data).split("\n") if _is_json(data) else yaml_lines(data)


def _is_json(data: bytes) -> bool:
    """apimachinery/pkg/util/yaml/decoder.go:GuessJSONStream, which looks at the first 2048 bytes."""
    return gojson.is_json(data[:2048].decode("utf-8", "surrogateescape"))


def _read_json(data: bytes) -> Node:
    try:
        return gojson.parse(data)
    except gojson.GoJsonError as error:
        message = f"couldn't get version/kind; json parse error: {error.message}"
        raise _RefusedError(message, mark=Mark(error.line, error.column)) from None


def _read_yaml(data: bytes) -> Composed:
    try:
        return compose(data)
    except GoYamlError as error:
        raise _RefusedError(f"yaml: {error.message}", mark=Mark(error.line, error.column)) from None


def _interpret(root: Node, version: KubeVersion, warnings: list[Problem]) -> None:
    """Raises unless the object is a Policy of a version that is known."""
    if not isinstance(root, Mapping) and not schema.is_null(root):
        held = "a list" if isinstance(root, Sequence) else "a single value"
        raise _RefusedError(f"couldn't get version/kind: the file holds {held}, not an object", mark=root.mark)
    api_version, version_mark = _fold(root, "apiversion", "apiVersion")
    kind, kind_mark = _fold(root, "kind", "kind")
    group, _, name = api_version.rpartition("/")
    if api_version.count("/") > 1:
        raise _RefusedError(f"unexpected GroupVersion string: {api_version}", "apiVersion", version_mark)
    if api_version in ("", "/") or (group == _GROUP and name in ("", _INTERNAL)):
        for entry in root.entries if isinstance(root, Mapping) else ():
            if entry.key not in schema.INTERNAL_NAMES:
                message = f'unknown field "{entry.key}", ignored: without a version of the API no field is known'
                warnings.append(Problem(entry.key, message, entry.mark.line, entry.mark.column))
        message = f"unknown group version field {_GROUP}/{_INTERNAL}, Kind={kind or 'Policy'} in policy"
        raise _RefusedError(f"{message}: apiVersion is missing", "apiVersion", version_mark)
    known = {"v1"} if version >= BETAS_GONE_SINCE else {"v1", "v1beta1", "v1alpha1"}
    kind = kind or "Policy"
    if group == _GROUP and name in known and kind in _OTHER_KINDS:
        raise _RefusedError(f"converting ({name}.{kind}) to (audit.Policy): unknown conversion", "kind", kind_mark)
    if group != _GROUP or name not in known or kind != "Policy":
        wrong_kind = group == _GROUP and name in known
        raise _RefusedError(
            f'no kind "{kind}" is registered for version "{api_version}"',
            "kind" if wrong_kind else "apiVersion",
            kind_mark if wrong_kind else version_mark,
        )


def _fold(root: Node, folded: str, name: str) -> tuple[str, Mark]:
    """The last string under this key, whatever its case: encoding/json folds ASCII, the Kelvin sign and long s."""
    found, mark = "", root.mark
    for entry in root.entries if isinstance(root, Mapping) else ():
        key = entry.key.replace("\u212a", "k").replace("\u017f", "s")
        if not key.isascii() or key.lower() != folded or schema.is_null(entry.value):
            continue
        if not isinstance(entry.value, Scalar) or not isinstance(entry.value.value, str):
            raise _RefusedError(f"couldn't get version/kind: {entry.key} is not a string", name, entry.value.mark)
        found, mark = entry.value.value, entry.value.mark
    return found, mark
