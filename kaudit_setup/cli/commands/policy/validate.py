"""`policy validate`: whether kube-apiserver would start with a policy."""

from __future__ import annotations

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.checks import CheckFormat, CheckFormatOption, CheckOptions, PolicyFiles
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import KubeVersionOption
from kaudit_setup.cli.options.policies import supported_version, try_load_file

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy validate audit-policy.yaml
  kaudit-setup policy validate --kube-version 1.22 *.yaml -o json
  kaudit-setup policy validate -o github policies/
  kaudit-setup policy build --drop-reads | kaudit-setup policy validate -
In a folder, the files are checked that are audit policies. Exit status: 0 all
are accepted, 1 otherwise; with --fail-on warning also 1 for a warning."""


@app.command(epilog=_EPILOG)
@takes(check=CheckOptions)
def validate(
    file: PolicyFiles,
    output: CheckFormatOption = CheckFormat.text,
    kube_version: KubeVersionOption = None,
    *,
    check: CheckOptions,
) -> None:
    """Check whether kube-apiserver accepts policies. Shows every error and warning."""
    from kaudit_setup.policy.find import policy_files
    from kaudit_setup.policy.lint import loading
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.validate import PolicyVerdict, as_items, as_text

    version = supported_version(kube_version)
    loaded = [try_load_file(name, version) for name in policy_files(file)]
    found = [(name, tuple(loading(one))) for name, one in loaded]
    form = check.format or output
    if not check.print_for_pipeline(found, "policy validate", form):
        show(form, lambda: document(PolicyVerdict, as_items(loaded)), lambda: as_text(loaded, version))
    check.exit_by(found)
