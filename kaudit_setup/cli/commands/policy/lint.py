"""`policy lint`: what is wrong with a policy that loads."""

from __future__ import annotations

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.checks import CheckOptions, PolicyFiles, RowCheckFormat, RowCheckFormatOption
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import KubeVersionOption
from kaudit_setup.cli.options.policies import load_file, supported_version

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy lint my-policy.yaml
  kaudit-setup policy lint --kube-version 1.28 my-policy.yaml -o json
  kaudit-setup policy lint --fail-on warning -o github policies/
  kaudit-setup policy build --drop-reads | kaudit-setup policy lint -
In a folder, the files are checked that are audit policies. Exit status: 1 if
a finding is as grave as --fail-on, 0 otherwise."""


@app.command(epilog=_EPILOG)
@takes(check=CheckOptions)
def lint(
    files: PolicyFiles,
    output: RowCheckFormatOption = RowCheckFormat.text,
    kube_version: KubeVersionOption = None,
    *,
    check: CheckOptions,
) -> None:
    """Find rules that never match, and what is leaked or not logged."""
    from kaudit_setup.policy.find import policy_files
    from kaudit_setup.policy.lint import lint as linted
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.lint import PolicyFinding, as_items, as_text

    version = supported_version(kube_version)
    loaded = [load_file(name, version) for name in policy_files(files)]
    found = [(name, linted(policy, version)) for name, policy in loaded]
    form = check.format or output
    if not check.print_for_pipeline(found, "policy lint", form):
        show(form, lambda: document(PolicyFinding, as_items(found)), lambda: as_text(found))
    check.exit_by(found)
