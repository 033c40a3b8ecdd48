"""Whether kube-apiserver loads a policy, and every error and warning with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.load import Loaded
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.units import counted

Checked: TypeAlias = Sequence[tuple[str, Loaded]]
"""Each file's name, and what loading it came to."""


def as_text(found: Checked, version: KubeVersion) -> str:
    """Each file's verdict, then its errors and warnings with their places."""
    return "\n".join(safe(line) for name, loaded in found for line in _lines(name, loaded, version))


class PolicyProblem(Item, frozen=True, kw_only=True):
    """One error or warning; `line` and `column` are 1-based, 0 if unknown. `fix`: empty if it is not known."""

    path: str
    message: Words
    fix: Words
    line: int
    column: int


class PolicyVerdict(Item, frozen=True, kw_only=True):
    """Whether kube-apiserver accepts one file."""

    file: str
    ok: bool
    errors: tuple[PolicyProblem, ...]
    warnings: tuple[PolicyProblem, ...]


def as_items(found: Checked) -> list[PolicyVerdict]:
    """The same for programs."""
    return [
        PolicyVerdict(
            file=name,
            ok=loaded.ok,
            errors=_problems(loaded.errors),
            warnings=_problems((*loaded.warnings, *loaded.refused_later)),
        )
        for name, loaded in found
    ]


def _lines(name: str, loaded: Loaded, version: KubeVersion) -> Iterator[str]:
    rules = counted(len(loaded.policy.rules) if loaded.policy else 0, "rule")
    verdict = (
        f"refused by kube-apiserver {version}" if loaded.errors else f"accepted by kube-apiserver {version}, {rules}"
    )
    yield f"{name}: {verdict}"
    for severity, problems in (("error", loaded.errors), ("warning", (*loaded.warnings, *loaded.refused_later))):
        for problem in problems:
            yield f"  {_place(problem)}{severity}: {problem}"
            if problem.fix:
                yield f"    fix: {problem.fix}"
    if loaded.ignored_from:
        note = "a second document begins here; kube-apiserver reads only the first"
        yield f"  line {loaded.ignored_from}: note: {note}"


def _problems(problems: tuple[Problem, ...]) -> tuple[PolicyProblem, ...]:
    return tuple(
        PolicyProblem(path=p.path, message=p.message, fix=p.fix, line=p.line, column=p.column) for p in problems
    )


def _place(problem: Problem) -> str:
    return f"line {problem.line}, column {problem.column}: " if problem.line else ""
