"""`policy validate`: whether kube-apiserver would start with a policy."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption, exit_unless
from kaudit_setup.cli.options.policies import supported_version, try_load_file

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy validate audit-policy.yaml
  kaudit-setup policy validate --kube-version 1.22 *.yaml -o json
  kaudit-setup policy build --drop-reads | kaudit-setup policy validate -
Exit status: 0 all are accepted, 1 otherwise."""


@app.command(epilog=_EPILOG)
def validate(
    file: Annotated[list[str], typer.Argument(metavar="FILE|PRESET...", help="Policy files, presets, or -.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Check whether kube-apiserver accepts policies. Shows every error and warning."""
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.validate import PolicyVerdict, as_items, as_text

    version = supported_version(kube_version)
    found = [try_load_file(name, version) for name in file]
    show(output, lambda: document(PolicyVerdict, as_items(found)), lambda: as_text(found, version))
    exit_unless(all(loaded.ok for _, loaded in found))
