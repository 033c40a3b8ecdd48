"""Items of `resources` that no request meets: dead patterns, unknown resources and subresources, other versions."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import resources, versions
from kaudit_setup.policy.catalog.spelling import suggest_spelling
from kaudit_setup.policy.lint.finding import Severity


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """What is wrong with one item; the fields are those of a Finding."""

    code: str
    message: str
    fix: str
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class _Spec:
    """`*`, `*/part`, `name`, `name/part` or `name/*`, in its API group."""

    group: str
    text: str
    version: KubeVersion

    @property
    def resource(self) -> str:
        return self.text.partition("/")[0]

    @property
    def part(self) -> str:
        return self.text.partition("/")[2]


def spec_problem(group: str, spec: str, version: KubeVersion) -> SpecProblem | None:
    """What is wrong with this item of `resources`, None if nothing is."""
    asked = _Spec(group, spec, version)
    return next((problem for check in _CHECKS if (problem := check(asked))), None)


def _dead_pattern(spec: _Spec) -> SpecProblem | None:
    resource, slash, part = spec.text.partition("/")
    stars = spec.text.count("*")
    whole = spec.text == "*" or (resource == "*" and slash) or part == "*"
    if "/" not in part and resource and (part or not slash) and (stars == 0 or (stars == 1 and whole)):
        return None
    fix = "write `*` for everything, `*/part` for a subresource of all, `name/*` for one with its subresources"
    return SpecProblem("dead-pattern", f"`{spec.text}` can match nothing", fix)


def _unknown_resource(spec: _Spec) -> SpecProblem | None:
    if spec.resource == "*" or spec.resource in resources.GROUPS.get(spec.group, (spec.resource,)):
        return None
    message = f"group `{spec.group or 'core'}` has no resource `{spec.resource}`"
    return SpecProblem("unknown-resource", message, suggest_spelling(spec.resource))


def _unknown_part(spec: _Spec) -> SpecProblem | None:
    if spec.group or spec.resource == "*":
        return None
    known = resources.BY_PLACE[spec.group, spec.resource].subresources
    if spec.part in {"", "*", *known}:
        return None
    close = difflib.get_close_matches(spec.part, known, 1)
    fix = f"did you mean `{spec.resource}/{close[0]}`?" if close else "see kubectl get --raw /api/v1"
    return SpecProblem("unknown-subresource", f"`{spec.resource}` has no subresource `{spec.part}`", fix)


def _other_version(spec: _Spec) -> SpecProblem | None:
    message = versions.absent(spec.group, spec.text, spec.version)
    if not message:
        return None
    later = (spec.group, spec.text) in versions.SINCE
    return SpecProblem("version", message, "harmless; keep it for the upgrade" if later else "remove it", "info")


_CHECKS: Final[tuple[Callable[[_Spec], SpecProblem | None], ...]] = (
    _dead_pattern,
    _unknown_resource,
    _unknown_part,
    _other_version,
)
