"""The answer to a question about many objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.chain import Confidence, certain_if
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.many_objects.causes import Behind, behind
from kaudit_setup.attribution.many_objects.collect import By, Collected, by_namespace, collect
from kaudit_setup.attribution.many_objects.question import ManyQuestion
from kaudit_setup.attribution.phrases import spoken
from kaudit_setup.attribution.trust.untimed import untimed_note
from kaudit_setup.attribution.unanswered.missing_logs import missing_time
from kaudit_setup.attribution.user_activity import failures
from kaudit_setup.auditlog.coverage.node import Coverage, nothing_readable, unreadable_notes
from kaudit_setup.auditlog.sources.port import LogSource
from kaudit_setup.units import counted
from kaudit_setup.values import replace

_FEW: Final = 5
_WHAT: Final = {
    Verb.created: ("creation of", "creations of"),
    Verb.changed: ("change of", "changes of"),
    Verb.deleted: ("deletion of", "deletions of"),
    Verb.read: ("read of", "reads of"),
    Verb.exec: (
        "exec, attach, port-forward or proxy request into",
        "exec, attach, port-forward or proxy requests into",
    ),
    Verb.touched: ("request on", "requests on"),
}


class AnswerRow(msgspec.Struct, frozen=True):
    """One request that is listed, and who is behind it where a controller sent it and the log tells."""

    request: Request
    behind: Behind | None = None


class ManyAnswer(msgspec.Struct, frozen=True):
    """What is known: the `newest` requests of `total`, in order of time, and how many there are `by` each user.

    `background`: the requests of Kubernetes itself that are only counted. `proviso`: that the logs lack the requests
    through some API servers, in words.
    """

    question: ManyQuestion
    newest: tuple[AnswerRow, ...] = ()
    total: int = 0
    by: tuple[By, ...] = ()
    background: tuple[By, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()
    proviso: str = ""

    @property
    def found(self) -> bool:
        """Whether there is anything to list."""
        return self.total > 0

    @property
    def confidence(self) -> Confidence:
        """How sure it is that these are all."""
        return "unknown" if not self.found else certain_if(not self.proviso)


def ask_many(logs: LogSource, question: ManyQuestion) -> ManyAnswer:
    """Answer a question about many objects."""
    found = collect(logs, question)
    cover = logs.coverage()
    unnamed = _unnamed(found.unnamed, question)
    notes = [*untimed_note(found.untimed), *_elsewhere(logs, question, found), *unnamed]
    notes += [*failures(found.tried), *missing_time(cover)]
    causes = behind(EventLog(logs), question.verb, found.newest)
    newest = tuple(AnswerRow(request, causes.known.get(request)) for request in found.newest)
    notes += _not_looked_up(causes.left_out, newest)
    return ManyAnswer(question, newest, found.total, found.by, found.background, cover, tuple(notes))


def with_sources(answer: ManyAnswer, lost: Sequence[str]) -> ManyAnswer:
    """The answer with what happened to the sources; where nothing could be read, that is all there is to say."""
    unread = unreadable_notes(answer.coverage)
    own = () if nothing_readable(answer.coverage) else answer.notes
    if not answer.found and own is answer.notes:
        unread = unread[1:]  # the sentence begins with it
    said = [f"{each.node}: {note}" for each in answer.coverage for note in each.notes]
    return replace(answer, notes=(*unread, *lost, *own, *said[:10]))


def sentence(answer: ManyAnswer) -> str:
    """The answer in one sentence, without its full stop, with what the logs lack."""
    said = _sentence(answer)
    return f"{said}; {answer.proviso}" if answer.proviso else said


def _sentence(answer: ManyAnswer) -> str:
    question = answer.question
    if nothing_readable(answer.coverage) and answer.notes:
        return answer.notes[0].rstrip(".")
    one, many = _WHAT[question.verb]
    if not answer.found:
        return _nothing(f"{one} {things(question)}", answer.coverage)
    what = one if answer.total == 1 else many
    people = counted(len(answer.by), "user")
    who = (
        ""
        if question.user
        else f" by {spoken(answer.by[0].who) if answer.by[0].who else 'several users'}"
        if len(answer.by) == 1
        else f" by {people}"
    )
    listed = f"; the newest {len(answer.newest)} are listed" if answer.total > len(answer.newest) else ""
    return f"{answer.total} {what} {things(question)}{who}{listed}"


def _nothing(asked: str, cover: Sequence[Coverage]) -> str:
    unread = unreadable_notes(cover)
    if not unread:
        return f"No {asked} found in this log{_covered(cover)}"
    return f"{unread[0].rstrip('.')}; in what could be read, no {asked} found{_covered(cover)}"


def things(question: ManyQuestion) -> str:
    """What is asked about: `pods in namespace shop`, `pods named web-* in all namespaces`."""
    kinds = question.asked or ("Pods, Services and nodes" if question.verb is Verb.exec else "objects of any kind")
    named = f" named {question.name}" if question.name else ""
    scoped = question.kinds and all(kind.namespaced is False for kind in question.kinds)
    where = f" in namespace {question.namespace}" if question.namespace else " in all namespaces"
    by = f" by {spoken(question.user)}" if question.user else ""
    return f"{kinds}{named}{'' if scoped else where}{by}"


def _covered(cover: Sequence[Coverage]) -> str:
    first = min(filter(None, (each.first for each in cover)), default="")
    return f" (covers {first} to {max(each.last for each in cover)})" if first else ", which holds no events"


def _elsewhere(logs: LogSource, question: ManyQuestion, found: Collected) -> list[str]:
    """Where there are such requests, if there are none in the namespace asked about."""
    scoped = question.kinds and all(kind.namespaced is False for kind in question.kinds)
    if found.total or not question.namespace or scoped or nothing_readable(logs.coverage()):
        return []
    others = by_namespace(logs, question).most_common()
    if not others:
        return []
    named = ", ".join(f"{space} ({count})" for space, count in others[:_FEW])
    more = f" and {counted(len(others) - _FEW, 'more namespace')}" if len(others) > _FEW else ""
    return [f"There are some in namespace {named}{more}: write -n {others[0][0]}, or -A for all namespaces."]


def _not_looked_up(count: int, newest: Sequence[AnswerRow]) -> list[str]:
    """That it would take long to say who is behind all of them."""
    if not count:
        return []
    which = f"who is behind {count} earlier one{'' if count == 1 else 's'} by controllers was not looked up"
    asked = next((row.request.object for row in newest if row.request.controller and row.request.name), None)
    about = f": ask about one object, such as {asked}" if asked is not None else ""
    return [f"To answer soon, {which}{about}."]


def _unnamed(count: int, question: ManyQuestion) -> list[str]:
    """That new objects whose names are not in the log may be meant as well."""
    made = f"{counted(count, 'created object')} {'has' if count == 1 else 'have'} no name in this log"
    why = "the server made it up, and the policy logs no responses (level RequestResponse would show it)"
    return [f"{made} and may match {question.name}: {why}."] if count else []
