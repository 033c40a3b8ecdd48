"""`check`: the audit part of the CIS Kubernetes Benchmark, for people and for pipelines."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import remember_form, show
from kaudit_setup.cli.every_node import given
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import LookOptions
from kaudit_setup.cli.options.output import exit_unless
from kaudit_setup.cli.options.unused import UnusedYes
from kaudit_setup.report.progress import asking
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaudit_setup.change.nodestate import NodeState
    from kaudit_setup.report.check import Verdicts
    from kaudit_setup.report.documents.document import Warning

app = typer.Typer(rich_markup_mode=None)


class Format(StrEnum):
    """How the verdicts are printed."""

    text = "text"
    json = "json"
    yaml = "yaml"
    csv = "csv"
    tsv = "tsv"
    junit = "junit"


class CheckedNodes(LookOptions, frozen=True, kw_only=True):
    """The nodes, and how the verdicts are printed."""

    output: Annotated[
        Format,
        typer.Option(
            "-o",
            "--output",
            callback=remember_form,
            help="text for people; json, yaml, csv, tsv for programs; junit: JUnit XML.",
            show_default=True,
        ),
    ] = Format.text
    yes: UnusedYes = False


@app.command(
    epilog="""\b
Examples:
  kaudit-setup check --host root@cp1
  kaudit-setup check -i inventory.ini -o junit > audit-checks.xml

\b
Checks: 1.2.16 to 1.2.19 and 3.2.1 as kube-bench has them, from the command
line of the running API server; 3.2.2, which kube-bench leaves to people, from
the policy itself. Exit status: 0 all checks pass, 1 otherwise."""
)
@takes(how=CheckedNodes)
def check(
    format: Annotated[
        Format | None, typer.Option("--format", callback=remember_form, metavar="FORM", help="The same as -o.")
    ] = None,
    *,
    how: CheckedNodes,
) -> None:
    """Run the CIS Kubernetes Benchmark's audit checks."""
    from kaudit_setup.change.prepare import look
    from kaudit_setup.compliance.node import judge_node, unreachable
    from kaudit_setup.fleet.survey import ask_all

    with how.candidates() as candidates, asking(candidates, "looking") as waiting:
        asked = ask_all(candidates, lambda candidate: look(candidate.node, how.manifest), waiting=waiting)
    if len(asked) == 1 and asked[0].error:
        raise asked[0].error
    found = {a.candidate.node.name: judge_node(a.value) if a.value else unreachable(str(a.error)) for a in asked}
    answers = given(asked)
    _print(found, _newer(answers), format or how.output)
    exit_unless(all(v.passed for verdicts in found.values() for v in verdicts))


def _newer(states: Sequence[tuple[str, NodeState | None]]) -> list[Warning]:
    """That the Kubernetes of a node is not known yet."""
    from kaudit_setup.model import NEWER, read_as
    from kaudit_setup.report.documents.document import Warning

    said = [(name, read_as(state.pod.version)[1]) for name, state in states if state]
    return [Warning(code=NEWER, message=sentence, host=name) for name, sentence in said if sentence]


def _print(found: Verdicts, newer: Sequence[Warning], wanted: Format) -> None:
    from kaudit_setup.report import check as report
    from kaudit_setup.report.documents.document import document

    if wanted is Format.junit:
        typer.echo(report.as_junit(found), nl=False)
    else:
        show(
            wanted,
            lambda: document(report.CheckResult, report.as_items(found), (), newer),
            lambda: report.as_text(found, colour=colour()),
        )
