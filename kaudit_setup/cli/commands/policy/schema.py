"""`policy schema`: the JSON Schema of an audit policy, for editors."""

from __future__ import annotations

import typer

from kaudit_setup.cli.options.output import KubeVersionOption
from kaudit_setup.cli.options.policies import supported_version

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy schema > audit-policy.schema.json
  kaudit-setup policy schema --kube-version 1.28
In a policy, for yaml-language-server (VS Code, Neovim, Emacs), the line
  # yaml-language-server: $schema=audit-policy.schema.json"""


@app.command(epilog=_EPILOG)
def schema(kube_version: KubeVersionOption = None) -> None:
    """Print the JSON Schema of audit policies. Editors complete and check policies by it."""
    import json

    from kaudit_setup.policy.load.json_schema import json_schema

    typer.echo(json.dumps(json_schema(supported_version(kube_version)), indent=2))
