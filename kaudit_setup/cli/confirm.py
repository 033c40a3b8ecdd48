"""Asking a person for a yes."""

from __future__ import annotations

import sys

import typer

from kaudit_setup.errors import InputError, StoppedError


def confirm(shown: str, *, yes: bool, question: str = "Apply?") -> None:
    """Show and ask on a terminal; off a terminal `--yes` must have been given. Raises InputError, StoppedError."""
    if yes:
        return
    _need_terminal()
    if shown:
        typer.echo(shown)
    if not typer.confirm(question, default=False):
        raise StoppedError("not applied; nothing was changed")


def _need_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "not a terminal: pass --yes to apply without asking; nothing was changed",
            hint="review first: --dry-run shows the same diff",
        )
