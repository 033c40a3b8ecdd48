"""`policy lint`: what is wrong with a policy that loads."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.options.policies import loaded, version_of
from kaudit_setup.errors import Exit

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy lint my-policy.yaml
  kaudit-setup policy lint --kube-version 1.28 my-policy.yaml -o json
  kaudit-setup policy build --drop-reads | kaudit-setup policy lint -
Exit code 1 if a finding is of severity error."""


@app.command(epilog=_EPILOG)
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE|PRESET...", help="Policy files, presets, or -.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Find rules that can never be reached, words that match nothing, and what is leaked or lost."""
    from kaudit_setup.policy.lint import lint as linted
    from kaudit_setup.report.json import to_json
    from kaudit_setup.report.policy.lint import as_data, as_text

    version = version_of(kube_version)
    held = [loaded(file, version) for file in files]
    found = [(name, linted(policy, version)) for name, policy in held]
    if output is Output.json:
        typer.echo(to_json([entry for name, findings in found for entry in as_data(name, findings)]))
    else:
        typer.echo("\n".join(as_text(name, findings) for name, findings in found))
    if any(finding.severity == "error" for _, findings in found for finding in findings):
        raise typer.Exit(Exit.FAILED)
