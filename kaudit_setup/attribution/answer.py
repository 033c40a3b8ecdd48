"""What was asked, and what is known: a question and its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from kaudit_setup.attribution.chain import Confidence, Link
from kaudit_setup.attribution.evidence.index import Log
from kaudit_setup.attribution.evidence.requests import Object, Request, alters, creates, deletes, executes, reads
from kaudit_setup.attribution.unanswered.codes import Reason
from kaudit_setup.auditlog.coverage.node import Coverage, nothing_readable, unreadable_notes
from kaudit_setup.auditlog.kinds import Kind
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.units import counted
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.attribution.changes.history import History
    from kaudit_setup.attribution.living_object.metadata import Living
    from kaudit_setup.unlogged_servers import UnloggedServer


class Verb(StrEnum):
    """What is asked for."""

    created = "created"
    changed = "changed"
    deleted = "deleted"
    read = "read"
    exec = "exec"
    touched = "touched"


MATCHES: Final[dict[Verb, Callable[[Request], bool]]] = {
    Verb.created: creates,
    Verb.changed: alters,
    Verb.deleted: deletes,
    Verb.read: reads,
    Verb.exec: executes,
    Verb.touched: lambda request: bool(request.resource),
}
"""Which requests each verb of a question means."""

PAST: Final = {
    Verb.created: "created",
    Verb.changed: "changed",
    Verb.deleted: "deleted",
    Verb.read: "read",
    Verb.exec: "connected to",
    Verb.touched: "touched",
}
"""Each verb, for sentences about who did that."""


class Searched(Log, Protocol):
    """A log that can also say what it covers and give lines their numbers."""

    def coverage(self) -> tuple[Coverage, ...]:
        """What was searched."""
        ...

    def servers(self) -> Sequence[Request] | None:
        """Requests of kubelets that show on which nodes API servers ran; None if they are to be searched for."""
        ...

    def numbered(self, requests: Sequence[Request]) -> dict[Request, Request]:
        """Requests whose lines were not counted while searching, with the same requests and their line numbers."""
        ...


class Question(msgspec.Struct, frozen=True):
    """Who `verb` the object. `namespace` counts for namespaced kinds only. `name` may be empty with a `user`."""

    verb: Verb
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    user: str = ""
    window: Window = ALWAYS

    @property
    def object(self) -> Object:
        """The object asked about, as an objectRef would name it."""
        if self.kind is None:
            return Object("", "", self.namespace, self.name)
        space = "" if self.kind.namespaced is False else self.namespace
        return Object(self.kind.group or "", self.kind.resource, space, self.name)


class Answer(msgspec.Struct, frozen=True):
    """What is known. `links` go from the object asked for to the root; `events` is the timeline, if one was asked.

    `differences` and `last_known` are set where it was asked what the object was. `living`: the object and its owners
    as they are now, where they were read. `unlogged`: API servers whose requests the logs do not have. `proviso`:
    what the answer's sentence says of them, and of others whom the log may mean as well. `tried`: where the question
    is about a user, their requests that took no effect.
    """

    question: Question
    object: Object
    confidence: Confidence = "unknown"
    answer: Request | None = None
    root: Request | None = None
    links: tuple[Link, ...] = ()
    events: tuple[Request, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()
    differences: History | None = None
    last_known: History | None = None
    living: tuple[Living, ...] = ()
    unlogged: tuple[UnloggedServer, ...] = ()
    proviso: str = ""
    tried: tuple[Request, ...] = ()
    because: tuple[Reason, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why nobody is named, for programs, the weightiest first; none if somebody is."""
        if self.found:
            return ()
        missing = (Reason.log_missing,) if self.unlogged else ()
        return tuple(dict.fromkeys((*self.because, *missing))) or (Reason.not_in_log,)

    @property
    def found(self) -> bool:
        """Whether anybody is named."""
        return self.confidence != "unknown"


def numbered(log: Searched, answer: Answer) -> Answer:
    """The answer with the line numbers of its evidence."""
    requests = [answer.answer, answer.root, *(link.request for link in answer.links), *answer.events]
    named_lines = log.numbered([request for request in requests if request is not None])

    def place(request: Request | None) -> Request | None:
        return named_lines.get(request, request) if request is not None else None

    return replace(
        answer,
        answer=place(answer.answer),
        root=place(answer.root),
        links=tuple(replace(link, request=place(link.request)) for link in answer.links),
        events=tuple(named_lines.get(request, request) for request in answer.events),
    )


def newest(answer: Answer, count: int | None) -> Answer:
    """The answer with the newest `count` events of its timeline (None: all), and a note about the others."""
    if count is None or len(answer.events) <= count:
        return answer
    said = f"{counted(len(answer.events) - count, 'earlier request')} not listed (--last {count})."
    # where the question is about a user, each event has a link
    links = answer.links[-count:] if answer.question.user else answer.links
    return replace(answer, links=links, events=answer.events[-count:], notes=(*answer.notes, said))


def with_notes(answer: Answer, lost: Sequence[str], unreadable: int) -> Answer:
    """The answer with what happened to the sources: nodes that could not be read, lines that are not events.

    What could not be read comes first: nobody is named because of it, or somebody in spite of it.
    """
    first = unreadable_notes(answer.coverage)
    notes = list(answer.notes)
    if first and answer.confidence == "unknown":
        notes = [] if nothing_readable(answer.coverage) else [f"In what could be read: {notes[0]}", *notes[1:]]
        first += lost
    elif lost and answer.confidence == "unknown" and notes:
        notes[1:1] = lost
    else:
        notes += lost
    if unreadable:
        lines = "1 line that mentions it is" if unreadable == 1 else f"{unreadable} lines that mention it are"
        notes.append(f"{lines} damaged and cannot be read.")
    said = [f"{each.node}: {note}" for each in answer.coverage for note in each.notes]
    because = [Reason.unreadable] if nothing_readable(answer.coverage) else list(answer.because)
    if first or unreadable:
        because.insert(0, Reason.unreadable)
    if lost:
        because.append(Reason.log_missing)
    return replace(answer, notes=(*first, *notes, *said[:10]), because=tuple(because))
