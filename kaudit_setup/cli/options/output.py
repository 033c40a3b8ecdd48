"""The options that every family of commands spells the same way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kaudit_setup.cli.answer import remember_form
from kaudit_setup.errors import Exit


class Output(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"
    yaml = "yaml"


class RowOutput(StrEnum):
    """How an answer is printed whose items are rows."""

    text = "text"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    tsv = "tsv"


OutputOption = Annotated[
    Output,
    typer.Option(
        "-o", "--output", callback=remember_form, help="text for people; json, yaml for programs.", show_default=True
    ),
]
RowOutputOption = Annotated[
    RowOutput,
    typer.Option(
        "-o",
        "--output",
        callback=remember_form,
        help="text for people; json, yaml, csv, tsv for programs.",
        show_default=True,
    ),
]
KubeVersionOption = Annotated[
    str | None,
    typer.Option("--kube-version", metavar="1.N", help="Kubernetes version to act as (1.20 to 1.36, newer as 1.36)."),
]


def exit_unless(good: bool) -> None:
    """End the command with exit status 1 unless all is `good`; the answer was given all the same."""
    if not good:
        raise typer.Exit(Exit.FAILED)
