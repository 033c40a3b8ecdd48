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
    from kaudit_setup.attribution.deeds.question import ManyQuestion
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.report.page.content import Deed
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

_CONNECTIONS = ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy")


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

    from kaudit_setup.auditlog.overview.counting import count
    from kaudit_setup.auditlog.scan_statistics import nothing_readable
    from kaudit_setup.auditlog.timestamps import stamp
    from kaudit_setup.cli.files import replace_file
    from kaudit_setup.report.page.content import content, notables, weights
    from kaudit_setup.report.page.html import Page, render
    from kaudit_setup.report.page.sources import hash_files

    asked = _question(question) if question else None
    with source.fetch() as (logs, missing):
        counts = count(logs)
        cover = logs.coverage()
        answers = _answers(logs, asked) if asked else []
        deeds, more = _deeds(logs, asked) if asked else ([], 0)
        page = Page(
            title=question or "Audit log",
            made=stamp(datetime.now(UTC)),
            answers=[_shown(answer) for answer in answers],
            content=content(counts, cover, deeds),
            weights=weights(counts),
            notables=notables(counts, cover),
            cover=cover,
            sources=hash_files(logs.files),
            missing=missing(),
            deeds_cut=more,
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
    from kaudit_setup.attribution.deeds.asked import Scope, Target, Typed
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
    return Typed(Verb(found.verb), Target.of(found.target, found.name), scope, found.user or "", window).question()


def _not_understood(typed: str, why: str) -> InputError:
    return InputError(
        f"--question {typed!r} is not understood: {why}",
        hint="as `who` takes it, e.g. --question 'who created pod/web -n shop'",
    )


def _answers(logs: LocalLogs, question: Question | ManyQuestion) -> list[Answered]:
    """One for each cluster."""
    from kaudit_setup.attribution.deeds.answer import ask_many
    from kaudit_setup.attribution.deeds.question import ManyQuestion
    from kaudit_setup.attribution.engine import ask
    from kaudit_setup.attribution.evidence.lines import EventLog
    from kaudit_setup.attribution.user_activity import ask_user
    from kaudit_setup.auditlog.clusters.one import by_cluster

    answers: list[Answered] = []
    for name, one in by_cluster(logs).items():
        if isinstance(question, ManyQuestion):
            answers.append((name, ask_many(one, question)))
        elif question.user:
            answers.append((name, ask_user(EventLog(one), question)))
        else:
            answers.append((name, ask(EventLog(one), question)))
    return answers


def _shown(answer: Answered) -> tuple[str, dict[str, object], str]:
    import msgspec

    from kaudit_setup.attribution.answer import Answer
    from kaudit_setup.report.questions.clusters import as_document, as_text

    (item,) = as_document([answer], ()).items
    name, what = answer
    shown: dict[str, object] = msgspec.to_builtins(item)
    if isinstance(what, Answer) and what.question.user:
        # its links are the objects of many requests, not one behind the other
        shown["chain"] = []
    return name, shown, as_text([answer])


def _deeds(logs: LocalLogs, question: Question | ManyQuestion) -> tuple[list[Deed], int]:
    """What is on the timeline: every request on the object, or of the user; and how many are left out."""
    from kaudit_setup.auditlog.query import events
    from kaudit_setup.report.page.content import MOST_DEEDS, deed_of

    found: list[Deed] = []
    more = 0
    for row in events(logs, _of(question)):
        if len(found) < MOST_DEEDS:
            found.append(deed_of(row))
        else:
            more += 1
    return found, more


def _of(question: Question | ManyQuestion) -> Filter:
    from kaudit_setup.attribution.deeds.question import ManyQuestion
    from kaudit_setup.auditlog.filters import make_filter

    if isinstance(question, ManyQuestion):
        # without a kind it is about connections
        typed: dict[str, Sequence[str]] = {"resource": [kind.resource for kind in question.kinds] or _CONNECTIONS}
    else:
        typed = {"resource": [question.kind.resource] if question.kind else []}
    typed |= {
        "name": [question.name] if question.name else [],
        "namespace": [question.namespace] if question.namespace else [],
        "user": [question.user] if question.user else [],
    }
    return make_filter(typed, question.window)


def _signature(output: Path, text: str) -> str:
    import hashlib

    return f"{hashlib.sha256(text.encode()).hexdigest()}  {output.name}\n"
