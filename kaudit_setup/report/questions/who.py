"""An answer to `who` for people: the sentence, the chain, the evidence and the notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from kaudit_setup.attribution.answer import Answer
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.evidence.sessions import session_of
from kaudit_setup.attribution.phrases import actor, spoken
from kaudit_setup.attribution.sentence import sentence, steps
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.report.escape import safe
from kaudit_setup.report.presentation import presentation
from kaudit_setup.report.questions.session import describe, masked_note
from kaudit_setup.report.times import localized, shown, zone
from kaudit_setup.report.wrap import fitted
from kaudit_setup.units import counted

_FEW = 5  # lines of evidence that are shown without -v

T = TypeVar("T")
Marks: TypeAlias = Mapping[tuple[object, ...], str]
"""`[1]`, `[2]`, ... by where a request was logged."""


def as_text(answer: Answer, *, secrets: bool = False) -> str:
    """The whole text; every line is made harmless for terminals. `secrets`: show what looks like one in commands."""
    text = [safe(localized(line)) for line in _lines(answer, secrets)]
    if answer.last_known is None:
        text = fitted("\n".join(text)).split("\n")
    if answer.differences is not None:
        from kaudit_setup.report.questions.changes import changes_lines

        text += map(safe, changes_lines(answer.differences, secrets=secrets))
    if answer.last_known is not None:
        from kaudit_setup.report.questions.changes import last_known_lines

        # the whole can be given to kubectl
        comments = [f"# {line}".rstrip() for line in text]
        return "\n".join([*comments, *last_known_lines(answer.last_known, secrets=secrets)])
    return "\n".join(text)


def _lines(answer: Answer, secrets: bool) -> Iterator[str]:
    said = sentence(answer)
    linked = [link.request for link in answer.links if link.request]
    # where the question is about a user, the links are only the objects of the events
    of_user = bool(answer.question.user)
    marks = _marks([*answer.events, *linked] if of_user else [*linked, *answer.events])
    yield f"{said}."
    yield f"Confidence: {answer.confidence}{_reason(answer)}."
    yield from titled("Chain", () if of_user else _chain(answer.links, marks))
    yield from titled(f"Timeline ({zone()})", _newest(_timeline(answer, marks)))
    yield from titled("What ran", _newest(_sessions([*linked, *answer.events], marks, secrets)))
    # of those that the chain and the timeline show
    shown_first = [*([] if of_user else linked), *_last(answer.events), *linked, *answer.events]
    yield from titled("Evidence", _first(_evidence(shown_first, marks)))
    masked = () if secrets else masked_note([*linked, *answer.events])
    notes = (note for note in (*answer.notes, *masked) if note.rstrip(".") != said)
    yield from titled("Notes", (f"  - {note}" for note in notes))
    yield ""
    yield "Searched"
    yield from map(searched, answer.coverage)


def _reason(answer: Answer) -> str:
    """What the confidence is limited by: the first link of the chain that is no surer than the whole."""
    if answer.confidence == "unknown" or answer.question.user:
        return ""
    why = next((link.why for link in answer.links if link.confidence == answer.confidence and link.why), "")
    return f", because {why}" if why and answer.confidence != "certain" else f" ({why})" if why else ""


def _first(lines: Iterator[str]) -> Iterator[str]:
    """The first lines, or all with -v."""
    found = list(lines)
    most = _most(found)
    yield from found[:most]
    if most < len(found):
        yield f"  ... and {len(found) - most} more (-v shows all)"


def _last(found: Sequence[T]) -> Sequence[T]:
    """As many as are shown, the newest."""
    return found[len(found) - _most(found) :]


def _most(found: Sequence[object]) -> int:
    """How many are shown: a line that says that one is left out takes as much room as that one."""
    return len(found) if presentation().verbosity > 0 or len(found) <= _FEW + 1 else _FEW


def _newest(lines: Iterator[str]) -> Iterator[str]:
    """The last lines, in their order, or all with -v."""
    found = list(lines)
    last = _last(found)
    if len(last) < len(found):
        yield f"  ... {len(found) - len(last)} earlier ones (-v shows all)"
    yield from last


def titled(title: str, lines: Iterator[str] | tuple[()]) -> Iterator[str]:
    """The lines below an empty one and their title; nothing if there are none."""
    found = list(lines)
    if found:
        yield from ("", title, *found)


def _marks(requests: Sequence[Request]) -> Marks:
    places = dict.fromkeys(map(_place, requests))
    return {place: f"[{number}]" for number, place in enumerate(places, 1)}


def _place(request: Request) -> tuple[object, ...]:
    source = request.source
    return source.node, source.file, source.line, request.audit_id, request.time


def _chain(links: Sequence[Link], marks: Marks) -> Iterator[str]:
    for depth, link in enumerate(links):
        request, indent = link.request, "  " * (depth + 1)
        who = f"{actor(request)}, {request.time} {marks[_place(request)]}" if request else "not in this log"
        yield f"{indent}{'<- ' if depth else ''}{_object(link.object)}: {who}"
        yield f"{indent}   {link.confidence}: {link.why}"


def _timeline(answer: Answer, marks: Marks) -> Iterator[str]:
    for request, step in zip(answer.events, steps(answer), strict=True):
        yield f"  {shown(request.time)}  {actor(request)}  {step}  {request.code}  {marks[_place(request)]}"


def _sessions(requests: Sequence[Request], marks: Marks, secrets: bool) -> Iterator[str]:
    """What each connection was for."""
    for place, request in {_place(request): request for request in requests}.items():
        session = session_of(request)
        if session is not None:
            yield f"  {marks[place]} {session.kind}: {describe(session, secrets=secrets)}"


def _evidence(requests: Sequence[Request], marks: Marks) -> Iterator[str]:
    for place, request in {_place(request): request for request in requests}.items():
        source, decision = request.source, request.decision
        allowed = f", {decision}" if decision else ""
        why = f": {request.reason}" if decision and request.reason else ""
        where = f"node {source.node}, {source.file}:{source.line}, auditID {spoken(request.audit_id)}"
        what = f"{request.verb} {request.code} {request.stage} at level {request.level}"
        yield f"  {marks[place]} {where}, {what}{allowed}{why}"


def _object(thing: Object) -> str:
    kind = f"{thing.resource}.{thing.group}" if thing.group else thing.resource
    space = f"{thing.namespace}/" if thing.namespace else ""
    return f"{kind} {space}{thing.name or '*'}"


def searched(one: Coverage) -> str:
    span = f"{one.first} to {one.last}" if one.first else "no event"
    gaps = f", {counted(len(one.gaps), 'gap')}" if one.gaps else ""
    damage = f", {counted(one.damaged, 'damaged line')}" if one.damaged else ""
    return f"  {one.node}: {span}, {counted(one.files, 'file')}{gaps}{damage}"
