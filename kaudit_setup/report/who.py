"""An answer to `who` for people: the sentence, the chain, the evidence, the notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kaudit_setup.report.escape import safe
from kaudit_setup.resources import counted


def answer_text(sentence: str, answer: Mapping[str, Any], steps: Sequence[str], *, of_user: bool) -> str:
    """The whole text. `answer` is the documented JSON value; every line is made harmless for terminals.

    `steps`: what each of its events did, in words. `of_user`: the question was about a user, so that the "chain" is
    only the objects of the events.
    """
    return "\n".join(safe(line) for line in _lines(sentence, answer, steps, of_user))


def _lines(sentence: str, answer: Mapping[str, Any], steps: Sequence[str], of_user: bool) -> Iterator[str]:
    yield f"{sentence}."
    chain, events = answer["chain"], answer["events"]
    numbers: dict[str, int] = {}
    yield f"Confidence: {answer['confidence']}."
    if not of_user:
        yield from _chain(chain, numbers)
    yield from _timeline(events, steps, numbers)
    yield from _evidence([*(link["event"] for link in chain if link["event"]), *events], numbers)
    notes = [note for note in answer["notes"] if note.rstrip(".") != sentence]
    if notes:
        yield ""
        yield "Notes"
        yield from (f"  - {note}" for note in notes)
    yield ""
    yield from _coverage(answer["coverage"])


def _chain(chain: Sequence[Mapping[str, Any]], numbers: dict[str, int]) -> Iterator[str]:
    if chain:
        yield ""
        yield "Chain"
    for depth, link in enumerate(chain):
        event = link["event"]
        who = f"{_actor(event)}, {event['time']} {_mark(event, numbers)}" if event else "not in this log"
        yield f"  {'  ' * depth}{'<- ' if depth else ''}{_object(link['object'])}: {who}"
        yield f"  {'  ' * depth}   {link['confidence']}: {link['why']}"


def _timeline(events: Sequence[Mapping[str, Any]], steps: Sequence[str], numbers: dict[str, int]) -> Iterator[str]:
    if events:
        yield ""
        yield "Timeline"
    for event, step in zip(events, steps, strict=True):
        yield f"  {event['time']}  {_actor(event)}  {step}  {event['code']}  {_mark(event, numbers)}"


def _evidence(events: Sequence[Mapping[str, Any]], numbers: dict[str, int]) -> Iterator[str]:
    if events:
        yield ""
        yield "Evidence"
    for event in {_mark(event, numbers): event for event in events}.values():
        source = event["source"]
        allowed = f", {event['decision']}: {event['reason']}" if event["reason"] else f", {event['decision']}"
        place = f"node {source['node']}, {source['file']}:{source['line']}, auditID {event['auditID']}"
        what = f"{event['verb']} {event['code']} {event['stage']} at level {event['level']}"
        yield f"  {_mark(event, numbers)} {place}, {what}{allowed if event['decision'] else ''}"


def _mark(event: Mapping[str, Any], numbers: dict[str, int]) -> str:
    source = event["source"]
    key = f"{source['node']}\0{source['file']}\0{source['line']}\0{event['auditID']}\0{event['time']}"
    return f"[{numbers.setdefault(key, len(numbers) + 1)}]"


def _actor(event: Mapping[str, Any]) -> str:
    behind = f" (impersonated by {event['impersonatedBy']})" if event["impersonatedBy"] else ""
    return f"{event['user'] or 'an unauthenticated client'}{behind}"


def _object(thing: Mapping[str, str]) -> str:
    kind = f"{thing['resource']}.{thing['group']}" if thing["group"] else thing["resource"]
    space = f"{thing['namespace']}/" if thing["namespace"] else ""
    return f"{kind} {space}{thing['name'] or '*'}"


def _coverage(coverage: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "Searched"
    for each in coverage:
        span = f"{each['from']} to {each['to']}" if each["from"] else "no event"
        gaps = f", {counted(len(each['gaps']), 'gap')}" if each["gaps"] else ""
        files = counted(each["files"], "file")
        damage = f", {counted(each['damaged'], 'damaged line')}" if each["damaged"] else ""
        yield f"  {each['node']}: {span}, {files}{gaps}{damage}"
