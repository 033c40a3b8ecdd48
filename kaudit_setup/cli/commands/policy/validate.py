"""`policy validate`: whether kube-apiserver would start with a policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options import policies
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.errors import Exit, InputError

if TYPE_CHECKING:
    from kaudit_setup.model import KubeVersion
    from kaudit_setup.policy.load.problem import Problem

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy validate audit-policy.yaml
  kaudit-setup policy validate --kube-version 1.22 *.yaml -o json
  kaudit-setup policy build --drop-reads | kaudit-setup policy validate -
Exit code 1 if a file does not load or cannot be read."""


@app.command(epilog=_EPILOG)
def validate(
    file: Annotated[list[str], typer.Argument(metavar="FILE|PRESET...", help="Policy files, presets, or -.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Say whether kube-apiserver would start with these policies, every error at once, and what it only logs."""
    version = policies.version_of(kube_version)
    reports = [_validated(name, version) for name in file]
    if output is Output.json:
        typer.echo(json.dumps([report for report, _ in reports], indent=2))
    else:
        typer.echo("\n".join(text for _, text in reports))
    if not all(report["ok"] for report, _ in reports):
        raise typer.Exit(Exit.FAILED)


def _validated(file: str, version: KubeVersion) -> tuple[dict[str, object], str]:
    """The file's entry of the JSON list, and the same as text. A file that cannot be read is an entry, too."""
    from kaudit_setup.policy.load import Loaded
    from kaudit_setup.policy.load.problem import Problem
    from kaudit_setup.report.policy_explain import validated

    try:
        name, held = policies.loaded(file, version)
    except InputError as error:
        name, held = file, Loaded(None, (Problem("", error.message),))

    def entries(problems: tuple[Problem, ...]) -> list[dict[str, object]]:
        return [{"path": p.path, "message": p.message, "line": p.line} for p in problems]

    report = {"file": name, "ok": held.ok, "errors": entries(held.errors), "warnings": entries(held.warnings)}
    rules = len(held.policy.rules) if held.policy else 0
    return report, validated(name, str(version), rules, held.errors, held.warnings, held.ignored_from)
