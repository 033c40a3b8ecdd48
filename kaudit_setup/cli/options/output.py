"""The options that every family of commands spells the same way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kaudit_setup.errors import Exit


class Output(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"


OutputOption = Annotated[
    Output, typer.Option("-o", "--output", help="text for people, json for programs.", show_default=True)
]
KubeVersionOption = Annotated[
    str | None,
    typer.Option("--kube-version", metavar="1.N", help="Kubernetes version to act as (1.20 to 1.36)."),
]


def exit_unless(good: bool) -> None:
    """End the command with exit status 1 unless all is `good`; the answer was given all the same."""
    if not good:
        raise typer.Exit(Exit.FAILED)
