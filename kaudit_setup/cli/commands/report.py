"""`report`: a log as one HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.cluster_logs import ClusterLogOptions
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.errors import Exit, InputError

if TYPE_CHECKING:
    from kaudit_setup.attribution.answer import Question
    from kaudit_setup.attribution.many_objects.question import ManyQuestion
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.report.page.timeline import PageTimeline
    from kaudit_setup.report.questions.clusters import Answered

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """
Examples:

\b
  kaudit-setup report --log /var/log/kubernetes/audit
  kaudit-setup report --log audit.log --question 'who created pod/web -n shop'
  kaudit-setup report --host cp1 --question 'touched --user mallory' --sign

The file needs no network and no server: open it from disk, print it, hand it on. It names every file that was read
with its SHA-256.

\b
Exit status: 0 written, 1 nothing in the log could be read, 2 wrong usage.
"""

_LISTED = 500
"""Requests of an answer about many objects: a page has more room than a terminal."""


@app.command(epilog=_EPILOG)
@takes(source=ClusterLogOptions)
def report(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write.", dir_okay=False)
    ] = Path("report.html"),
    question: Annotated[
        str | None,
        typer.Option("--question", metavar="QUESTION", help="A question as `who` takes it, in quotes; its answer."),
    ] = None,
    sign: Annotated[
        bool, typer.Option("--sign", help="Also write FILE.sha256, to check the file by `sha256sum -c`.")
    ] = False,
    *,
    source: ClusterLogOptions,
) -> None:
    """Write a log as one HTML file: an answer, a timeline, events over time, what deserves a look, evidence."""
    from datetime import UTC, datetime

    from kaudit_setup.auditlog.coverage.node import nothing_readable
    from kaudit_setup.auditlog.overview.counting import count
    from kaudit_setup.cli.files import replace_file
    from kaudit_setup.report.page.answers import page_answer
    from kaudit_setup.report.page.content import content, looked_at, notables, untimed_note, weights
    from kaudit_setup.report.page.html import Page, render
    from kaudit_setup.report.page.sources import hash_files

    asked = _question(question) if question else None
    with source.fetch() as (logs, missing):
        counts = count(logs)
        cover = logs.coverage()
        answers = _answers(logs, asked) if asked else []
        timeline = _timeline(logs, answers) if asked else looked_at(counts)
        page = Page(
            title=question or "Audit log",
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            answers=[page_answer(answer) for answer in answers],
            content=content(counts, cover, timeline),
            weights=weights(counts),
            notables=notables(counts, cover),
            cover=cover,
            sources=hash_files(logs.files),
            missing=missing(),
            notes=untimed_note(counts),
        )
    text = render(page)
    replace_file("--output", output, text)
    if sign:
        replace_file("--sign", output.with_name(f"{output.name}.sha256"), _signature(output, text))
    typer.echo(f"{output} is written")
    if nothing_readable(cover):
        raise typer.Exit(Exit.FAILED)


def _question(typed: str) -> Question | ManyQuestion:
    """A question as `who` takes it. Raises InputError."""
    import argparse

    from kaudit_setup.attribution.answer import Verb
    from kaudit_setup.attribution.many_objects.typed_question import Scope, Target, Typed
    from kaudit_setup.auditlog.timestamps import Window

    parser = argparse.ArgumentParser(prog="who", add_help=False, exit_on_error=False)
    parser.add_argument("verb", choices=[verb.value for verb in Verb])
    parser.add_argument("target", nargs="?", default="")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("-n", "--namespace")
    parser.add_argument("-A", "--all-namespaces", action="store_true")
    for option in ("--user", "--since", "--until"):
        parser.add_argument(option)
    try:
        words = shlex.split(typed)
        found, unknown = parser.parse_known_args(words[1:] if words[:1] == ["who"] else words)
    except (argparse.ArgumentError, ValueError) as error:
        raise _not_understood(typed, str(error)) from error
    if unknown:
        raise _not_understood(typed, f"{unknown[0]} is not known here")
    scope = Scope(found.namespace, found.all_namespaces)
    window = Window.of(found.since, found.until)
    target = Target.of(found.target, found.name)
    return Typed(Verb(found.verb), target, scope, found.user or "", window, _LISTED).question()


def _not_understood(typed: str, why: str) -> InputError:
    return InputError(
        f"--question {typed!r} is not understood: {why}",
        hint="as `who` takes it, e.g. --question 'who created pod/web -n shop'",
    )


def _answers(logs: LocalLogs, question: Question | ManyQuestion) -> list[Answered]:
    """One for each cluster."""
    from kaudit_setup.attribution.engine import ask
    from kaudit_setup.attribution.evidence.lines import EventLog
    from kaudit_setup.attribution.many_objects.answer import ask_many
    from kaudit_setup.attribution.many_objects.question import ManyQuestion
    from kaudit_setup.attribution.user_activity import ask_user
    from kaudit_setup.auditlog.clusters.one_cluster import by_cluster

    answers: list[Answered] = []
    for name, one in by_cluster(logs).items():
        if isinstance(question, ManyQuestion):
            answers.append((name, ask_many(one, question)))
        elif question.user:
            answers.append((name, ask_user(EventLog(one), question)))
        else:
            answers.append((name, ask(EventLog(one), question)))
    return answers


def _timeline(logs: LocalLogs, answers: Sequence[Answered]) -> PageTimeline:
    """What is on the timeline: every request on the objects of the answer, or of the user."""
    from kaudit_setup.attribution.evidence.lines import EventLog
    from kaudit_setup.attribution.timeline.lanes import joined, timeline_of
    from kaudit_setup.auditlog.clusters.one_cluster import by_cluster
    from kaudit_setup.report.page.timeline import of_question

    clusters = by_cluster(logs)
    return of_question(joined([timeline_of(EventLog(clusters[name]), answer) for name, answer in answers]))


def _signature(output: Path, text: str) -> str:
    import hashlib

    return f"{hashlib.sha256(text.encode()).hexdigest()}  {output.name}\n"
