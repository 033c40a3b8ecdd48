"""How a command answers: one document for programs, text for people; errors are a document where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from kaudit_setup.errors import KauditError
    from kaudit_setup.report.documents.document import Envelope

_DOCUMENTS = frozenset({"json", "yaml"})
F = TypeVar("F", bound=StrEnum | None)


@dataclass(slots=True)
class Answering:
    """How this run answers, whether it has done so, and how it reached its nodes: for the error boundary. `remarks`:
    what is said beside the answer, each with its code; a document has them among its warnings.
    """

    form: str = "text"
    given: bool = False
    reach: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()


_NOW: ContextVar[Answering] = ContextVar("answering")


@contextmanager
def answering() -> Iterator[Answering]:
    """One run of a command."""
    now = Answering()
    token = _NOW.set(now)
    try:
        yield now
    finally:
        _NOW.reset(token)


def remember_form(form: F) -> F:
    """Callback of `-o`."""
    if form is not None and (now := _NOW.get(None)):
        now.form = form.value
    return form


def remember_reach(words: Iterable[tuple[str, str]]) -> None:
    """The options by which nodes are reached."""
    if now := _NOW.get(None):
        now.reach = tuple(words)


def remark(code: str, sentence: str) -> None:
    """Say what a person should know beside the answer, and remember it for the document."""
    from kaudit_setup.report.terminal import note

    note(sentence)
    if now := _NOW.get(None):
        now.remarks = (*now.remarks, (code, sentence))


def show(form: StrEnum, document: Callable[[], Envelope[Any]], text: Callable[[], str]) -> None:
    """Print the answer in that form; only what is printed is made."""
    from kaudit_setup.auditlog.scanning.meter import make_way

    make_way()
    if form.value == "text":
        typer.echo(text())
        return
    from kaudit_setup.report.documents.formats import render

    said = render(_with_remarks(document()), form.value)
    answered()
    typer.echo(said)


def _with_remarks(document: Envelope[Any]) -> Envelope[Any]:
    now = _NOW.get(None)
    if now is None or not now.remarks:
        return document
    import msgspec

    from kaudit_setup.report.documents.document import Warning

    more = (Warning(code=code, message=sentence) for code, sentence in now.remarks)
    return msgspec.structs.replace(document, warnings=(*document.warnings, *more))


def answered() -> None:
    """Say that a document is printed now, so that an error will not be a second one."""
    if now := _NOW.get(None):
        now.given = True


def show_error(error: KauditError, how: Answering) -> None:
    """The error as a document, for programs that have got none yet."""
    if how.form in _DOCUMENTS and not how.given:
        from kaudit_setup.report.documents.document import failed
        from kaudit_setup.report.documents.formats import render

        typer.echo(render(_with_remarks(failed(error)), how.form))
