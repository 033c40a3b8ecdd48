"""Whether kube-apiserver loads a policy, and every error and warning with its place."""

from __future__ import annotations

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.load import Loaded
from kaudit_setup.policy.load.problem import Problem
from kaudit_setup.report.escape import safe
from kaudit_setup.resources import counted


def as_text(name: str, loaded: Loaded, version: KubeVersion) -> str:
    """One file's verdict, then each error and warning with its place."""
    rules = counted(len(loaded.policy.rules) if loaded.policy else 0, "rule")
    verdict = (
        f"kube-apiserver {version} refuses it" if loaded.errors else f"loads in kube-apiserver {version}, {rules}"
    )
    lines = [f"{name}: {verdict}"]
    for kind, problems in (("error", loaded.errors), ("warning", loaded.warnings)):
        lines += [f"  {_place(p)}{kind}: {p}" for p in problems]
    if loaded.ignored_from:
        lines.append(
            f"  line {loaded.ignored_from}: note: a second document begins here; kube-apiserver reads only the first"
        )
    return "\n".join(map(safe, lines))


def as_data(name: str, loaded: Loaded) -> dict[str, object]:
    """The same for programs."""
    return {
        "file": name,
        "ok": loaded.ok,
        "errors": _entries(loaded.errors),
        "warnings": _entries(loaded.warnings),
    }


def _entries(problems: tuple[Problem, ...]) -> list[dict[str, object]]:
    return [{"path": p.path, "message": p.message, "line": p.line} for p in problems]


def _place(problem: Problem) -> str:
    return f"line {problem.line}, column {problem.column}: " if problem.line else ""
