"""`policy compare`: what one policy logs and another does not."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.options.policies import load_policy, supported_version

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy compare metadata forensics
  kaudit-setup policy compare old.yaml new.yaml -o json"""


@app.command(epilog=_EPILOG)
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A policy file or preset.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another policy file or preset.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Show what policy B logs that A does not, and the other way round."""
    from kaudit_setup.policy.compare import compare as compared
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.compare import PolicyComparison, as_item, as_text

    version = supported_version(kube_version)
    (name_a, policy_a), (name_b, policy_b) = load_policy(a, version), load_policy(b, version)
    found = compared(policy_a, policy_b, version)
    show(
        output,
        lambda: document(PolicyComparison, [as_item(name_a, name_b, found)]),
        lambda: as_text(name_a, name_b, found),
    )
