"""`check`: the audit part of the CIS Kubernetes Benchmark, for people and for pipelines."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.errors import Exit
from kaudit_setup.report.escape import safe
from kaudit_setup.report.progress import crowd, waiting
from kaudit_setup.report.terminal import colour

if TYPE_CHECKING:
    from kaudit_setup.fleet.compliance import Verdict
    from kaudit_setup.fleet.survey import Candidate

app = typer.Typer(rich_markup_mode=None)


class Format(StrEnum):
    """How the verdicts are printed."""

    text = "text"
    json = "json"
    junit = "junit"


@app.command(
    epilog="""\b
Examples:
  kaudit-setup check --host root@cp1
  kaudit-setup check --inventory inventory.ini --format junit > audit-checks.xml

\b
Checks: 1.2.16-1.2.19 and 3.2.1 as kube-bench has them, from the command line of the running server;
3.2.2, which kube-bench leaves to people, from the policy itself. Exit status 0: all pass; 1 otherwise."""
)
@takes(how=NodeOptions)
def check(
    format: Annotated[
        Format | None, typer.Option("--format", help="text, json, or JUnit XML. [default: as -o says]")
    ] = None,
    *,
    how: NodeOptions,
) -> None:
    """Judge nodes by the audit checks of the CIS Kubernetes Benchmark."""
    from kaudit_setup.fleet.compliance import BENCHMARK
    from kaudit_setup.fleet.survey import ask_all
    from kaudit_setup.report.junit import Case, junit

    with how.candidates() as candidates, waiting(crowd(candidates)) as progress:
        progress("looking")
        asked = ask_all(candidates, lambda candidate: _verdicts(candidate, how.manifest))
    if len(asked) == 1 and asked[0].error:
        raise asked[0].error
    found = {a.candidate.node.name: a.value or _no_answer(str(a.error)) for a in asked}
    wanted = format or Format(how.output)
    if wanted is Format.junit:
        suites = {
            name: [Case(f"{v.id} {v.title}", v.passed, v.found, v.mend) for v in verdicts]
            for name, verdicts in found.items()
        }
        typer.echo(junit(suites, BENCHMARK), nl=False)
    elif wanted is Format.json:
        nodes = [{"host": name, "checks": [asdict(v) for v in verdicts]} for name, verdicts in found.items()]
        typer.echo(json.dumps({"benchmark": BENCHMARK, "nodes": nodes}, indent=2))
    else:
        typer.echo("\n".join(line for name, verdicts in found.items() for line in _lines(name, verdicts)))
    if not all(v.passed for verdicts in found.values() for v in verdicts):
        raise typer.Exit(Exit.FAILED)


def _verdicts(candidate: Candidate, manifest: str) -> tuple[Verdict, ...]:
    from kaudit_setup.change.prepare import look
    from kaudit_setup.fleet.compliance import judge_node

    return judge_node(look(candidate.node, manifest))


def _no_answer(why: str) -> tuple[Verdict, ...]:
    from kaudit_setup.fleet.compliance import CHECKS, TITLE_322, Verdict

    titles = [*((c.id, c.title) for c in CHECKS), ("3.2.2", TITLE_322)]
    return tuple(Verdict(number, title, False, why, "make the node reachable") for number, title in titles)


def _lines(name: str, verdicts: tuple[Verdict, ...]) -> list[str]:
    lines = [f"{safe(name)}: {sum(v.passed for v in verdicts)} of {len(verdicts)} checks pass"]
    for v in verdicts:
        word = "PASS" if v.passed else "FAIL"
        if colour():
            word = f"\x1b[{32 if v.passed else 31}m{word}\x1b[0m"
        lines.append(f"  {word} {v.id:<7} {v.title}: {safe(v.found)}")
        if v.mend:
            lines += [f"               {safe(line)}" for line in v.mend.splitlines()]
    return lines
