"""Options that scripts pass to every command: a command that has no use for one takes it, and says so."""

from __future__ import annotations

from typing import Annotated, TypeVar

import typer

T = TypeVar("T")


def note_unused(param: typer.CallbackParam, value: T) -> T:
    """Say on standard error that the option has no effect, if it was given."""
    if value:
        from kaudit_setup.report.terminal import note

        note(f"{param.opts[-1]} has no effect here")
    return value


UnusedYes = Annotated[bool, typer.Option("-y", "--yes", hidden=True, callback=note_unused)]
UnusedTimeout = Annotated[int, typer.Option("--timeout", metavar="SECONDS", hidden=True, callback=note_unused)]
