"""`config show`: which options have other defaults, and where from."""

from __future__ import annotations

import typer

from kaudit_setup.cli.answer import show as answer
from kaudit_setup.cli.options.output import RowOutput, RowOutputOption

app = typer.Typer(
    help="Show the defaults that the environment and configuration files set.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_EPILOG = """\b
Examples:
  kaudit-setup config show
  kaudit-setup config show --profile production
  KAUDIT_HOST=root@cp1,root@cp2 kaudit-setup status

\b
Strongest first: the command line, KAUDIT_* in the environment (KAUDIT_HOST
for --host; commas between several), kaudit-setup.toml in this folder,
~/.config/kaudit-setup/config.toml. In a file:
  host = ["root@cp1"]
  [profiles.production]
  inventory = "/srv/clusters.yaml"

\b
A file in this folder may only set what can do no harm: not --yes, host keys,
passwords, inventories, ssh_config, nor files to read or write."""


@app.callback()
def config() -> None:
    """A group, however many commands it has."""


@app.command(epilog=_EPILOG)
def show(output: RowOutputOption = RowOutput.text) -> None:
    """Show each value that is set, and its source."""
    from kaudit_setup.cli.app import whole
    from kaudit_setup.cli.config.loaded import profile_now
    from kaudit_setup.cli.config.setting_states import judged
    from kaudit_setup.report.config import ConfigValue, as_text
    from kaudit_setup.report.documents.document import document

    rows = [
        ConfigValue(option=s.name, value=", ".join(s.values), source=s.source, state=state, why=why)
        for s, state, why in judged(profile_now(), typer.main.get_command(whole()))
    ]
    answer(output, lambda: document(ConfigValue, rows), lambda: as_text(rows))
