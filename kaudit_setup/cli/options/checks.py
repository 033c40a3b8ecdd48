"""What the commands that check policies share: the form for pipelines, and what makes them fail."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli.answer import remember_form
from kaudit_setup.cli.options.output import exit_unless

if TYPE_CHECKING:
    from kaudit_setup.policy.lint.finding import Finding

PolicyFiles = Annotated[
    list[str], typer.Argument(metavar="FILE|FOLDER|PRESET...", help="Policy files, folders with some, presets, or -.")
]


class CheckFormat(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    yaml = "yaml"
    github = "github"
    sarif = "sarif"
    junit = "junit"


class RowCheckFormat(StrEnum):
    """The same for findings that are rows."""

    text = "text"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    tsv = "tsv"
    github = "github"
    sarif = "sarif"
    junit = "junit"


_FORMS = "text for people; {}for programs; github: annotations, sarif: code scanning, junit: XML."
CheckFormatOption = Annotated[
    CheckFormat,
    typer.Option("-o", "--output", callback=remember_form, help=_FORMS.format("json, yaml "), show_default=True),
]
RowCheckFormatOption = Annotated[
    RowCheckFormat,
    typer.Option(
        "-o", "--output", callback=remember_form, help=_FORMS.format("json, yaml, csv, tsv "), show_default=True
    ),
]


class FailOn(StrEnum):
    """What makes the command fail."""

    error = "error"
    warning = "warning"


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a pipeline wants it."""

    format: Annotated[
        RowCheckFormat | None,
        typer.Option("--format", callback=remember_form, metavar="FORM", help="The same as -o."),
    ] = None
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="The least severity that makes the exit status 1.")] = (
        FailOn.error
    )

    def print_for_pipeline(self, found: Sequence[tuple[str, Sequence[Finding]]], command: str, form: StrEnum) -> bool:
        """Print in a form that only pipelines read; False if `form` is none of those."""
        from kaudit_setup.report.policy import pipelines

        if form.value == "github":
            typer.echo(pipelines.as_github(found))
        elif form.value == "sarif":
            typer.echo(pipelines.as_sarif(found))
        elif form.value == "junit":
            typer.echo(pipelines.as_junit(found, command, self.fail_on.value), nl=False)
        else:
            return False
        return True

    def exit_by(self, found: Sequence[tuple[str, Sequence[Finding]]]) -> None:
        """End with exit status 1 if something is as grave as `fail_on`."""
        from kaudit_setup.policy.lint.finding import is_at_least

        exit_unless(
            not any(is_at_least(finding, self.fail_on.value) for _, findings in found for finding in findings)
        )
