"""`who`: who did it, from the audit logs, with the evidence."""

from __future__ import annotations

from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.cluster_logs import ClusterLogOptions, ClusterLogs
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import SinceOption, UntilOption
from kaudit_setup.cli.options.output import Output, OutputOption, exit_unless
from kaudit_setup.cli.options.shown import ShownOptions
from kaudit_setup.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from kaudit_setup.attribution.answer import Answer, Question
    from kaudit_setup.attribution.many_objects.answer import ManyAnswer
    from kaudit_setup.attribution.many_objects.question import ManyQuestion
    from kaudit_setup.auditlog.reports.every_line import EveryLine
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.port import LogSource
    from kaudit_setup.auditlog.sources.second_reading import Expected
    from kaudit_setup.policy.model import Policy

    A = TypeVar("A", Answer, ManyAnswer)

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """
Examples:

\b
  kaudit-setup who created pod/my-suspicious-pod
  kaudit-setup who deleted deploy/web -n shop --log /var/log/kubernetes/audit
  kaudit-setup who read secret/db-pass -n shop --host cp1 --host cp2 -o json
  kaudit-setup who exec pod/db-0 -n shop --inventory clusters.yaml
  kaudit-setup who touched widgets.example.com/w1 --since 2h
  kaudit-setup who deleted pods -n shop
  kaudit-setup who changed rbac --since 7d
  kaudit-setup who exec -A --last 50
  kaudit-setup who created 'deploy/web-*' -n shop
  kaudit-setup who touched --user mallory --since 2026-11-23T16:00:00Z

\b
Each of several clusters has its own answer; in JSON, its own item.

\b
Exit status: 0 answered, 1 no answer (the text says why), 2 wrong usage.
"""


class Asked(StrEnum):
    """What can be asked; the same words as the answer's verb."""

    created = "created"
    changed = "changed"
    deleted = "deleted"
    read = "read"
    exec = "exec"
    touched = "touched"


@app.command(epilog=_EPILOG)
@takes(source=ClusterLogOptions, shown=ShownOptions)
def who(
    verb: Annotated[
        Asked,
        typer.Argument(
            metavar="VERB",
            help="created, changed, deleted, read, exec (exec, attach, port-forward, proxy), touched (all of them).",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND[/NAME]",
            autocompletion=complete.objects,
            help="As kubectl takes it: pod/x, deploy/x, deployments.apps/x, plural.group/x. A kind alone (pods, "
            "deploy,sts; rbac, admission, workloads) or a name with * or ? means many. Optional with --user and -A.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="The name, if it is not written after a slash: pod x.", show_default=False
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "-n",
            "--namespace",
            metavar="NS",
            autocompletion=complete.namespaces,
            help="Namespace of the object. Default: default; with --user: all.",
        ),
    ] = None,
    all_namespaces: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="In all namespaces, instead of one.")
    ] = False,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="USER",
            autocompletion=complete.users,
            help="Instead of an object: list what this user did.",
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    last: Annotated[
        int | None,
        typer.Option(
            "--last",
            metavar="N",
            min=1,
            max=10_000,
            help="List the newest N requests; the others are counted. Default: 20 for many objects, else all.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="FILE|PRESET",
            autocompletion=complete.policies,
            help="The audit policy in use: shows what it does not log.",
        ),
    ] = None,
    output: OutputOption = Output.text,
    *,
    source: ClusterLogOptions,
    shown: ShownOptions,
) -> None:
    """Answer who did it from the audit logs, how sure that is, and which lines prove it."""
    from kaudit_setup.attribution.answer import Verb
    from kaudit_setup.attribution.many_objects.typed_question import Scope, Target, Typed
    from kaudit_setup.auditlog.timestamps import Window
    from kaudit_setup.report.documents.document import lost
    from kaudit_setup.report.questions.clusters import as_document, as_text

    window = Window.of(since, until)
    wanted = Target.of(target or "", name or "")
    scope = Scope(namespace, all_namespaces)
    question = Typed(Verb(verb.value), wanted, scope, user or "", window, last).question()
    shown.wanted().check(question)
    rules = _policy(policy)
    with source.opened() as parts:
        answers = [(part.name, _timed(part, _answer(part, question, rules, shown, last))) for part in parts]
        missing = list(dict.fromkeys(sentence for part in parts for sentence in part.missing()))
    show(
        output,
        lambda: as_document(answers, lost(missing), secrets=shown.show_secrets),
        lambda: as_text(answers, secrets=shown.show_secrets),
    )
    exit_unless(any(answer.found for _, answer in answers))


def _answer(
    part: ClusterLogs, question: Question | ManyQuestion, rules: Policy | None, shown: ShownOptions, last: int | None
) -> Answer | ManyAnswer:
    """The answer of one cluster; `last`: how many requests are listed at most."""
    from kaudit_setup.auditlog.sources.local import LocalLogs

    if isinstance(part.logs, LocalLogs):
        part.logs.expect(partial(_expected, question, part.logs))
    every = cache(partial(_every_line, question, part.logs))
    found = _searched(part, question, rules, shown, last, every)
    if found.found:
        return found
    from kaudit_setup.auditlog.sources.unescaped import UnescapedLogs, escaped_lines
    from kaudit_setup.values import replace

    if next(escaped_lines(part.logs), None) is not None:
        unescaped = replace(part, logs=UnescapedLogs(part.logs))
        found = _searched(unescaped, question, rules, shown, last, every)
    return found if found.found else _hinted(found, part, every())


def _timed(part: ClusterLogs, answer: Answer | ManyAnswer) -> Answer | ManyAnswer:
    """The answer with a word on nodes whose clocks are apart."""
    from kaudit_setup.values import replace

    return replace(answer, notes=(*answer.notes, *part.clocks)) if part.clocks else answer


def _expected(question: Question | ManyQuestion, logs: LocalLogs) -> Expected:
    from kaudit_setup.attribution.unanswered.words import expected

    return expected(question, logs)


def _every_line(question: Question | ManyQuestion, logs: LogSource) -> EveryLine:
    from kaudit_setup.attribution.unanswered.words import words_of
    from kaudit_setup.auditlog.reports.absent_values import every_line

    return every_line(logs, words_of(question))


def _hinted(answer: Answer | ManyAnswer, part: ClusterLogs, every: EveryLine) -> Answer | ManyAnswer:
    """The answer that names nobody, with the words of the question that are nowhere in the log."""
    from kaudit_setup.attribution.answer import Answer
    from kaudit_setup.attribution.unanswered.words import words_of, worth_saying
    from kaudit_setup.auditlog.coverage.node import nothing_readable
    from kaudit_setup.auditlog.reports.absent_values import absent_values
    from kaudit_setup.values import replace

    if nothing_readable(answer.coverage) or any("id you mean" in note for note in answer.notes):
        return answer
    absent = filter(worth_saying, absent_values(part.logs, words_of(answer.question), every))
    said = [one.sentence for one in absent]
    if isinstance(answer, Answer):
        # its first note is the answer
        return replace(answer, notes=(*answer.notes[:1], *said, *answer.notes[1:]))
    return replace(answer, notes=(*said, *answer.notes))


def _searched(
    part: ClusterLogs,
    question: Question | ManyQuestion,
    rules: Policy | None,
    shown: ShownOptions,
    last: int | None,
    every: Callable[[], EveryLine],
) -> Answer | ManyAnswer:
    """The same, from the lines that the search for its names finds. `every`: all lines, which are looked at before
    it is said that nothing was found.
    """
    from kaudit_setup.attribution.answer import newest, with_notes
    from kaudit_setup.attribution.evidence.lines import EventLog
    from kaudit_setup.attribution.many_objects.question import ManyQuestion
    from kaudit_setup.attribution.trust.servers import many_with_servers, with_servers
    from kaudit_setup.attribution.trust.untimed import with_untimed

    if isinstance(question, ManyQuestion):
        from kaudit_setup.attribution.many_objects.answer import ask_many, with_sources

        found = _sure(ask_many(part.logs, question), every)
        many = many_with_servers(with_sources(found, part.missing()), part.unlogged())
        return _many_with_policies(many, part) if rules is None and part.policies else many
    events = EventLog(part.logs, one_cluster=bool(part.name or part.nodes), stored=part.stored, cluster=part.name)
    if question.user:
        from kaudit_setup.attribution.user_activity import ask_user

        answer = ask_user(events, question)
    else:
        from kaudit_setup.attribution.engine import ask

        answer = ask(events, question, rules, shown.reader(part.nodes))
    answer = with_servers(shown.wanted().added_to(_sure(answer, every), events, last), part.unlogged())
    if rules is None and part.policies:
        from kaudit_setup.attribution.unanswered.node_policies import with_node_policies

        answer = with_node_policies(answer, part.policies)
    answer = with_untimed(answer, events.untimed)
    return newest(with_notes(answer, part.missing(), events.unreadable), last)


def _many_with_policies(many: ManyAnswer, part: ClusterLogs) -> ManyAnswer:
    from kaudit_setup.attribution.unanswered.node_policies import many_with_node_policies

    return many_with_node_policies(many, part.policies)


def _sure(answer: A, every: Callable[[], EveryLine]) -> A:
    if answer.found:
        return answer
    from kaudit_setup.values import replace

    return replace(answer, coverage=every().added_to(answer.coverage))


def _policy(name: str | None) -> Policy | None:
    if name is None:
        return None
    from kaudit_setup.policy.load import load
    from kaudit_setup.policy.presets import read

    where, data = read(name)
    loaded = load(data)
    if loaded.policy is None:
        raise PolicyError(
            f"kube-apiserver would refuse the policy {where}", details="\n".join(str(p) for p in loaded.errors)
        )
    return loaded.policy
