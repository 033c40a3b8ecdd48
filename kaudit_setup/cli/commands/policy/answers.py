"""`policy answers`: which questions a log written under a policy answers."""

from __future__ import annotations

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import KubeVersionOption, RowOutput, RowOutputOption
from kaudit_setup.cli.options.policies import FileArgument, load_policy, supported_version

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy answers forensics
  kaudit-setup policy answers my-policy.yaml -o json"""


@app.command(epilog=_EPILOG)
def answers(
    file: FileArgument, output: RowOutputOption = RowOutput.text, kube_version: KubeVersionOption = None
) -> None:
    """Show which questions a log under this policy can answer. Names the rule that decides."""
    from kaudit_setup.policy.questions.answers import answers as answered
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.answers import PolicyAnswer, as_items, as_text

    version = supported_version(kube_version)
    name, policy = load_policy(file, version)
    found = answered(policy, version)
    show(output, lambda: document(PolicyAnswer, as_items(found)), lambda: as_text(name, found))
