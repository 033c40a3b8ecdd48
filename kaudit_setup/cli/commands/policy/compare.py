"""`policy compare`: what one policy logs and another does not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.options.policies import policy_in, version_of

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy compare metadata forensics
  kaudit-setup policy compare old.yaml new.yaml -o json"""


@app.command(epilog=_EPILOG)
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A policy file or preset.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Say what B logs that A does not and the other way round, and which answers change."""
    from kaudit_setup.policy.compare import compare as compared
    from kaudit_setup.report import policy_analysis as report

    version = version_of(kube_version)
    (name_a, policy_a), (name_b, policy_b) = policy_in(a, version), policy_in(b, version)
    found = compared(policy_a, policy_b, version)
    if output is Output.json:
        typer.echo(json.dumps({"a": name_a, "b": name_b, "same": not found.differences, **asdict(found)}, indent=2))
    else:
        typer.echo(report.comparison(name_a, name_b, found.differences, found.answers))
