"""Asking every node the same: who does not answer is said, and the others' answers are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import typer

from kaudit_setup.cli.options.output import exit_unless
from kaudit_setup.errors import NodeError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.progress import asking

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Answer, Candidate
    from kaudit_setup.node.port import Node
    from kaudit_setup.report.documents.document import Fault

R = TypeVar("R")


def ask(candidates: Sequence[Candidate], doing: str, question: Callable[[Node], R]) -> list[Answer[R]]:
    """The answers in the order of the nodes. Raises the error of an only node; those of several are in the list."""
    from kaudit_setup.fleet.survey import ask_all

    with asking(candidates, doing) as waiting:
        asked = ask_all(candidates, lambda candidate: question(candidate.node), waiting=waiting)
    if len(asked) == 1 and asked[0].error:
        raise asked[0].error
    return asked


def given(asked: Iterable[Answer[R]]) -> list[tuple[str, R | None]]:
    """The names of those that answered, with what they said."""
    return [(each.candidate.node.name, each.value) for each in asked if each.error is None]


def everything(asked: Iterable[Answer[R]]) -> list[tuple[Candidate, R]]:
    """What all of them said. Raises the first error of any: for what must not be done to some nodes only."""
    found = []
    for each in asked:
        if each.error or each.value is None:
            raise each.error or NodeError(f"{each.candidate.node.name}: did not answer")
        found.append((each.candidate, each.value))
    return found


def missing(asked: Iterable[Answer[R]]) -> list[Fault]:
    """Those that did not answer, for programs."""
    from kaudit_setup.report.documents.document import fault

    return [fault(each.error, each.candidate.node.name) for each in asked if each.error]


def end(asked: Iterable[Answer[R]], *, good: bool = True) -> None:
    """Name who did not answer; exit status 1 if there is one, or if the answers are not `good`."""
    lost = [each for each in asked if each.error]
    for each in lost:
        said = f"{each.candidate.node.name} is missing from this answer: {each.error}"
        typer.echo(f"error: {safe(said)}", err=True)
    exit_unless(good and not lost)
