"""A policy file as kube-apiserver loads it: accepted or refused, and everything it would only log.

Source: staging/src/k8s.io/apiserver/pkg/audit/policy/reader.go:LoadPolicyFromBytes, through
apimachinery/pkg/runtime/serializer/recognizer/recognizer.go:Decode (JSON if the text starts with `{`, else YAML),
serializer/json/json.go:Decode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.errors import PolicyError
from kaudit_setup.kubeyaml import Composed, GoYamlError, compose, gojson
from kaudit_setup.kubeyaml.nodes import Mark, Node
from kaudit_setup.kubeyaml.reader import lines as yaml_lines
from kaudit_setup.kubeyaml.resolve import go_utf8
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.load import fixes, schema
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.policy.load.type_meta import RefusedError, TypeMeta, unknown_to_internal
from kaudit_setup.policy.load.validate import validate
from kaudit_setup.policy.model import Policy

# kube-apiserver sets no limit; this tool does, so that no file can keep it busy.
MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading came to. `policy` is None exactly where `errors` is not empty.

    `warnings` are what kube-apiserver only logs (since 1.26; before, it says nothing): unknown and repeated
    fields. `refused_later`: what this version accepts and a later one refuses, of which no version says a word.
    `ignored_from`: the 1-based line of a second document, which kube-apiserver never reads; 0 if none.
    """

    policy: Policy | None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    ignored_from: int = 0
    refused_later: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether kube-apiserver starts with this policy."""
        return self.policy is not None


def load(data: bytes, version: KubeVersion = NEWEST) -> Loaded:
    """Reads a policy as kube-apiserver of this version does. Never raises on any `data`."""
    warnings: list[Problem] = []
    ignored_from = 0
    try:
        if len(data) > MAX_BYTES:
            raise RefusedError(
                f"{len(data):,} bytes are too many for a policy; kaudit-setup reads up to {MAX_BYTES:,}",
                fix="give the policy file; this one is probably something else",
            )
        if _is_json(data):
            root = _read_json(data)
        else:
            composed = _read_yaml(data)
            root, ignored_from = composed.root, composed.ignored_from
            warnings += [
                schema.repeated(r.path, f'key "{r.key}" already set in map', r.mark) for r in composed.repeated
            ]
        meta = TypeMeta.of(root)
        if not meta.has_version:
            warnings += unknown_to_internal(root)
        meta.refuse_unless_policy(version)
    except RefusedError as refused:
        return Loaded(None, (refused.problem,), tuple(warnings), ignored_from)
    findings = schema.Findings()
    schema.POLICY(root, "", version, findings)
    warnings += findings.warnings
    warnings.sort(key=lambda problem: (problem.line, problem.column))
    if findings.errors:
        errors = tuple(sorted(findings.errors, key=lambda problem: (problem.line, problem.column)))
        return Loaded(None, errors, tuple(warnings), ignored_from)
    policy, errors = validate(root, version)
    return Loaded(policy, errors, tuple(warnings), ignored_from, meta.refused_later(version))


def refusal(file: str, loaded: Loaded, version: KubeVersion) -> PolicyError:
    """The error for a policy that did not load: every reason with its place, and what to do about the first."""
    problems = tuple(f"line {p.line}: {p}" if p.line else str(p) for p in loaded.errors)
    first = loaded.errors[0]
    shown = f"the policy {file}" if file else "the policy"
    more = f"every error with its fix: kaudit-setup policy validate {file or 'FILE'}"
    return PolicyError(
        f"kube-apiserver {version} would not start with {shown}: {problems[0]}",
        problems=problems,
        details="\n".join(problems[1:]),
        hint=f"{first.fix}; {more}" if first.fix else more,
    )


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
        raise RefusedError(
            message, mark=Mark(error.line, error.column), fix=fixes.json_syntax(go_utf8(data[:200]))
        ) from None


def _read_yaml(data: bytes) -> Composed:
    try:
        return compose(data)
    except GoYamlError as error:
        held = yaml_lines(data)[error.line - 1 : error.line] if error.line else []
        fix = fixes.yaml_syntax("".join(held), error.message)
        raise RefusedError(f"yaml: {error.message}", mark=Mark(error.line, error.column), fix=fix) from None
