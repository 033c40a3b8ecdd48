"""The commands, and the command line that they make; a command's module is imported when that command is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from kaudit_setup import __version__
from kaudit_setup.cli.global_options import HELP

COMMANDS: Final = {
    "enable": "Enable audit logging: show the diff, back up, patch, verify.",
    "apply": "Make nodes as the inventory says, like enable.",
    "disable": "Disable audit logging; log files are kept.",
    "rollback": "Restore a backup, verified like any change.",
    "recover": "Clear what an interrupted run left on a node.",
    "purge": "Remove from nodes what is left after disable.",
    "status": "Show whether audit logging is on and working.",
    "verify": "Send a marked request and find it in the audit log.",
    "check": "Run the CIS Kubernetes Benchmark's audit checks.",
    "who": "Answer who created, changed, deleted or read an object.",
    "events": "Search the audit log.",
    "top": "Count events and bytes by user, resource and so on.",
    "estimate": "Estimate what other policies would log.",
    "report": "Write the audit log as one HTML file, to look at.",
    "stats": "Describe the audit log: time covered, gaps, sizes.",
    "collect": "Copy the audit logs of nodes to a local directory.",
    "pack": "Pack audit logs into an archive, to ask it quickly.",
    "backups": "List, show, compare and remove backups.",
    "demo": "Show the main commands on a simulated node, in 30 s.",
    "manifest": "Patch a kube-apiserver manifest, as a filter.",
    "policy": "Explain, check, compare and build audit policies.",
    "render": "Print audit settings for kind, k3s, Talos and others.",
    "config": "Show the defaults that files and the environment set.",
    "schema": "Print the JSON Schemas of what -o json prints.",
}
"""Each is a module of `commands`; `--help` lists them in this order with these words."""
_COMPLETE: Final = "_KAUDIT_SETUP_COMPLETE"
"""Set by a shell that asks for completion (typer, after click)."""
_GROUPS: Final = frozenset({"backups", "config", "manifest", "policy"})
"""Commands with sub-commands."""
_FOLDERS: Final = dict.fromkeys(("enable", "apply", "disable", "rollback", "recover", "purge"), "change.")
"""Where in `commands` a module is that has a folder of its own kind."""


def build(words: Sequence[str]) -> typer.Typer:
    """The command line for `words`: the command that they name; if they name none, all of them by name only, which is
    enough for `--help` and for typing errors.
    """
    app = _empty()
    called = next((word for word in words if not word.startswith("-")), "")
    if called in COMMANDS:
        _add(app, called)
        return app
    for name, summary in COMMANDS.items():
        app.command(name, short_help=summary)(_by_name_only)
    return app


def words_of(argv: Sequence[str]) -> Sequence[str]:
    """The words that name the command: those of the command line, or of the one that a shell wants completed."""
    if _COMPLETE not in os.environ:
        return argv
    # bash gives one, zsh and fish the other
    typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return typed.split()[1:]


def whole() -> typer.Typer:
    """Every command in full."""
    app = _empty()
    for name in COMMANDS:
        _add(app, name)
    return app


def _empty() -> typer.Typer:
    app = typer.Typer(
        name="kaudit-setup",
        help="Set up Kubernetes audit logging on control-plane nodes, verify it, and answer who did what.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        # colours are decided in report/terminal.py; click takes none away
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "color": True},
    )
    app.callback(epilog=HELP)(_root)
    return app


def _add(app: typer.Typer, name: str) -> None:
    command = import_module(f"kaudit_setup.cli.commands.{_FOLDERS.get(name, '')}{name}").app
    app.add_typer(command, name=name if name in _GROUPS else None)


def _by_name_only() -> None:
    """A command that is listed, and not called."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kaudit-setup {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Set up, verify, undo and read Kubernetes audit logging."""
