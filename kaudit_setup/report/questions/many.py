"""An answer about many objects: for people a sentence and a table, for programs its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.chain import Confidence
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.evidence.sessions import session_of
from kaudit_setup.attribution.many_objects.answer import AnswerRow, ManyAnswer, sentence
from kaudit_setup.attribution.many_objects.collect import By
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.report.columns import columns
from kaudit_setup.report.coverage import LogCoverage, covered
from kaudit_setup.report.documents.document import Item, Time, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.questions.session import describe, masked_note
from kaudit_setup.report.questions.values import ActorEvent, ObjectRef, actor_event, coordinates, event_of
from kaudit_setup.report.questions.who import searched, titled
from kaudit_setup.report.times import localized, shown, zone
from kaudit_setup.report.wrap import fitted

_USERS = 20  # in the table of users


def as_text(answer: ManyAnswer, *, secrets: bool = False) -> str:
    """The whole text; every line is made harmless for terminals. `secrets`: show what looks like one."""
    return "\n".join(_lines(answer, secrets))


def _lines(answer: ManyAnswer, secrets: bool) -> Iterator[str]:
    said = sentence(answer)
    yield fitted(safe(localized(f"{said}.")))
    yield from titled("Requests", _table(answer.newest, secrets))
    if answer.total > len(answer.newest):
        yield from titled("By user", _users(answer.by))
    yield from titled("Kubernetes itself (counted only)", _users(answer.background))
    masked = () if secrets else masked_note(row.request for row in answer.newest)
    notes = (note for note in (*answer.notes, *masked) if note.rstrip(".") != said)
    yield from titled("Notes", (fitted(safe(localized(f"  - {note}"))) for note in notes))
    yield ""
    yield "Searched"
    yield from (fitted(safe(localized(searched(each)))) for each in answer.coverage)


def _table(newest: Sequence[AnswerRow], secrets: bool) -> Iterator[str]:
    heads = [f"TIME ({zone()})", "CODE", "VERB", "OBJECT", "USER", "FROM", "BEHIND IT", "LINE", "WHAT"]
    rows = [_cells(row, secrets) for row in newest]
    empty = {number for number in range(len(heads)) if not any(row[number] for row in rows)}
    if not rows:
        return
    kept = [[cell for number, cell in enumerate(row) if number not in empty] for row in (heads, *rows)]
    yield from (f"  {line}".rstrip() for line in columns(kept[0], kept[1:], room=2))


def _cells(row: AnswerRow, secrets: bool) -> list[str]:
    request, cause = row.request, row.behind
    session = session_of(request)
    source = request.source
    return [
        shown(request.time),
        str(request.code or request.stage),
        request.verb,
        _object(request),
        actor(request),
        request.source_ips[-1] if request.source_ips else "",
        f"{actor(cause.root)} ({cause.confidence})" if cause else "",
        f"{source.node}:{source.file.rpartition('/')[2]}:{source.line}",
        describe(session, secrets=secrets) if session else "",
    ]


def _object(request: Request) -> str:
    kind = f"{request.resource}.{request.group}" if request.group else request.resource
    below = f"/{request.subresource}" if request.subresource else ""
    return f"{kind}{below} {'/'.join(part for part in (request.namespace, request.name or '*') if part)}"


def _users(by: Sequence[By]) -> Iterator[str]:
    shown = by[:_USERS]
    if not shown:
        return
    rows = [[str(one.count), one.who or "(others)", _short(one.first), _short(one.last)] for one in shown]
    table = columns(("COUNT", "USER", "FIRST", "LAST"), rows, frozenset({0}), room=2)
    yield from (f"  {line}".rstrip() for line in table)
    if len(by) > len(shown):
        yield f"  and {len(by) - len(shown)} more users"


def _short(time: str) -> str:
    return shown(time)


class ListedObject(ObjectRef, frozen=True, kw_only=True):
    """The object of a listed request."""

    subresource: str


class Cause(Item, frozen=True, kw_only=True):
    """Who is behind a request that a controller sent: the request that it follows from, and on which object."""

    object: ObjectRef
    event: ActorEvent | None
    confidence: Confidence


class ListedRequest(ActorEvent, frozen=True, kw_only=True):
    """One request, and who is behind it where that is known."""

    object: ListedObject
    behind: Cause | None


class UserCount(Item, frozen=True, kw_only=True):
    """The requests of one user, `first` and `last`; an empty user stands for all others."""

    user: str
    count: int
    first: Time
    last: Time


class AskedKind(Item, frozen=True, kw_only=True):
    """A kind of object that was asked about; `group` null: of any group."""

    group: str | None
    resource: str


class ManyQuestions(Item, frozen=True, kw_only=True):
    """What was asked about many objects."""

    verb: Verb
    kinds: tuple[AskedKind, ...]
    namespace: str
    name: str
    last: int


class WhoRequests(Item, frozen=True, kw_only=True):
    """The newest requests on many objects: `total` is how many there are `by` all users; `background` are those of
    Kubernetes itself, which are only counted.
    """

    cluster: str | UnsetType = UNSET
    question: ManyQuestions
    sentence: Words
    confidence: Confidence
    total: int
    events: tuple[ListedRequest, ...]
    by: tuple[UserCount, ...]
    background: tuple[UserCount, ...]
    coverage: tuple[LogCoverage, ...]
    notes: tuple[Words, ...]


def as_item(answer: ManyAnswer, *, secrets: bool = False, cluster: str | UnsetType = UNSET) -> WhoRequests:
    """The answer with exactly the keys that are documented; `cluster`: whose it is, if that is known."""
    question = answer.question
    return WhoRequests(
        cluster=cluster,
        question=ManyQuestions(
            verb=question.verb,
            kinds=tuple(AskedKind(group=kind.group, resource=kind.resource) for kind in question.kinds),
            namespace=question.namespace,
            name=question.name,
            last=question.last,
        ),
        sentence=sentence(answer),
        confidence=answer.confidence,
        total=answer.total,
        events=tuple(_event(row, secrets) for row in answer.newest),
        by=tuple(map(_count, answer.by)),
        background=tuple(map(_count, answer.background)),
        coverage=covered(answer.coverage),
        notes=answer.notes,
    )


def _event(row: AnswerRow, secrets: bool) -> ListedRequest:
    request, cause = row.request, row.behind
    event, thing = event_of(request, secrets), request.object
    return ListedRequest(
        **{field: getattr(event, field) for field in ActorEvent.__struct_fields__},
        object=ListedObject(
            group=thing.group,
            resource=thing.resource,
            namespace=thing.namespace,
            name=thing.name,
            subresource=request.subresource,
        ),
        behind=Cause(
            object=coordinates(cause.object), event=actor_event(cause.root, secrets), confidence=cause.confidence
        )
        if cause
        else None,
    )


def _count(one: By) -> UserCount:
    return UserCount(user=one.who, count=one.count, first=one.first, last=one.last)
