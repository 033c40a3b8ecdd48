"""Asking a person for a yes."""

from __future__ import annotations

import sys

import typer

from kaudit_setup.errors import ChangeError, InputError, StoppedError


def confirm(shown: str, *, yes: bool, question: str = "Apply?") -> None:
    """Show and ask on a terminal; off a terminal `--yes` must have been given.

    Raises InputError where nobody can be asked, ChangeError for a no, StoppedError for Ctrl-C.
    """
    if yes:
        return
    if not can_ask():
        raise InputError(
            "not a terminal: pass --yes to apply without asking; nothing was changed",
            hint="review first: --dry-run shows the same diff",
        )
    if shown:
        typer.echo(shown)
    if not _said_yes(question):
        raise ChangeError("not applied; nothing was changed")


def can_ask() -> bool:
    """Whether a person sits there."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _said_yes(question: str) -> bool:
    """The end of the input (Ctrl-D) is a no. Raises StoppedError."""
    try:
        return typer.confirm(question, default=False)
    except typer.Abort as aborted:
        # click makes one of both; what it was made from says which
        if isinstance(aborted.__context__, EOFError):
            typer.echo()
            return False
        raise StoppedError("interrupted; nothing was changed") from aborted
