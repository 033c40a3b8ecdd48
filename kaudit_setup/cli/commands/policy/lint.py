"""`policy lint`: what is wrong with a policy that loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import KubeVersionOption, RowOutput, RowOutputOption, exit_unless
from kaudit_setup.cli.options.policies import load_file, supported_version

if TYPE_CHECKING:
    from kaudit_setup.policy.lint.finding import Finding

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy lint my-policy.yaml
  kaudit-setup policy lint --kube-version 1.28 my-policy.yaml -o json
  kaudit-setup policy build --drop-reads | kaudit-setup policy lint -
Exit status: 1 if a finding has severity error, 0 otherwise."""


@app.command(epilog=_EPILOG)
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE|PRESET...", help="Policy files, presets, or -.")],
    output: RowOutputOption = RowOutput.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Find rules that never match, and what is leaked or not logged."""
    from kaudit_setup.policy.lint import lint as linted
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.lint import PolicyFinding, as_items, as_text

    version = supported_version(kube_version)
    found = [(name, linted(policy, version)) for name, policy in (load_file(file, version) for file in files)]
    show(output, lambda: document(PolicyFinding, as_items(found)), lambda: as_text(found))
    exit_unless(not any(map(_has_error, found)))


def _has_error(found: tuple[str, Sequence[Finding]]) -> bool:
    return any(finding.severity == "error" for finding in found[1])
