"""Recorded logs in memory, as other policies would have written them, and questions put to them.

The one place of the tests that knows more of `attribution` than `attributionkit`. What hundreds of questions share is
done once: a line is decoded once at each level, and a literal is searched once in each text.
"""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from kaudit_setup.attribution.answer import Answer, Question, Verb
from kaudit_setup.attribution.engine import ask
from kaudit_setup.attribution.evidence import index
from kaudit_setup.attribution.evidence.lines import passing
from kaudit_setup.attribution.evidence.requests import Object, Request, Source, request_of
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.attribution.sentence import sentence
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.kinds import Kind, parse_kind
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.policy.evaluate import compile as compiled
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes
from kaudit_setup.policy.presets import names, preset
from kaudit_setup.values import replace

DATA = Path(__file__).parents[1] / "data"
SCENARIOS = ("controllers-1.20.2", "drain-1.20.2", "workloads-1.20.2", "upsets-1.20.2")
DECODER = msgspec.json.Decoder(Event)
Spelled = dict[str, Any]
"""An event as JSON spells it."""


class Text:
    """Lines that are searched together."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self._ends = list(accumulate(len(line) + 1 for line in lines))
        self._requests: dict[int, Request] = {}
        self._holding: dict[bytes, list[int]] = {}
        self._passing: dict[int, bool] = {}

    @cached_property
    def _whole(self) -> bytes:
        return b"\n".join(self.lines)

    def holding(self, literal: bytes) -> list[int]:
        """The numbers, from 0 on, of the lines that hold a literal."""
        if literal not in self._holding:
            found = []
            at = self._whole.find(literal)
            while at >= 0:
                found.append(number := bisect_right(self._ends, at))
                at = self._whole.find(literal, self._ends[number])
            self._holding[literal] = found
        return self._holding[literal]

    def passing(self, number: int) -> bool:
        """Whether nothing was done on a line."""
        if number not in self._passing:
            self._passing[number] = passing(self.lines[number])
        return self._passing[number]

    def request(self, number: int, about: Object | None) -> Request:
        """What is on a line."""
        found = self._requests.get(number)
        if found is None or (found.verb == "list" and about is not None):
            event = DECODER.decode(self.lines[number])
            found = request_of(event, Source("cp1", "audit.log", number + 1), about)
            self._requests[number] = found
        return found


class Lines:
    """A log in memory: some of the lines of a text, or here and there a line of another one of as many lines."""

    def __init__(self, parts: Sequence[tuple[Text, Iterable[int]]]) -> None:
        self.parts = [(text, frozenset(numbers)) for text, numbers in parts]
        self.passes = 0
        self._ahead: frozenset[bytes] = frozenset()

    def find(self, search: Search) -> Iterable[Request]:
        if not self._ahead.issuperset(search.literals):
            self.passes += 1
            self._ahead = frozenset(search.ahead)
        found = []
        for text, numbers in self.parts:
            held = {n for one in search.literals for n in text.holding(one) if search.within in text.lines[n]}
            held |= {n for one in search.anywhere for n in text.holding(one)}
            found += [(number, text) for number in held & numbers]
        for number, text in sorted(found, key=lambda one: one[0]):
            line, focus = text.lines[number], search.focus
            if not (focus and focus not in line and text.passing(number)):
                yield text.request(number, search.about)

    def coverage(self) -> tuple[Coverage, ...]:
        return (Coverage("cp1", "2026-11-23T19:05:00.000000Z", "2026-11-23T19:12:00.000000Z", files=1),)

    def servers(self) -> None:
        return None

    def numbered(self, requests: Sequence[Request]) -> dict[Request, Request]:
        return {}

    def only(self, wanted: Callable[[bytes], bool]) -> Lines:
        """The log without its lines that are not wanted."""
        return Lines([(text, {n for n in numbers if wanted(text.lines[n])}) for text, numbers in self.parts])


class Servers(Lines):
    """The same log, written by several API servers: `node_of` says by which one, from an Audit-ID."""

    def __init__(self, log: Lines, node_of: Callable[[str], str]) -> None:
        super().__init__(log.parts)
        self._node_of = node_of

    def find(self, search: Search) -> Iterable[Request]:
        for request in super().find(search):
            yield replace(request, source=replace(request.source, node=self._node_of(request.audit_id)))


def in_memory(lines: Sequence[bytes]) -> Lines:
    """Lines as a log."""
    return Lines([(Text(lines), range(len(lines)))])


def at_level(event: Spelled, level: str) -> Spelled:
    """The event as a policy with this level would have written it."""
    level = _mixed(event) if level == "mixed" else level
    drop = {"Metadata": {"requestObject", "responseObject"}, "Request": {"responseObject"}}.get(level, set())
    return {**{key: value for key, value in event.items() if key not in drop}, "level": level}


def _mixed(event: Spelled) -> str:
    """The level of an event under a policy that has another one for each kind."""
    resource = (event.get("objectRef") or {}).get("resource", "")
    return {"pods": "Metadata", "events": "Request", "jobs": "Request"}.get(resource, "RequestResponse")


def attributes_of(event: Spelled) -> Attributes:
    """What a policy is asked about the request: the sender, not the impersonated; no name from a create's body."""
    user, ref = event.get("user") or {}, event.get("objectRef") or {}
    name = ref.get("name", "") if event["verb"] != "create" or ref.get("subresource") else ""
    where = (ref.get("apiGroup", ""), ref.get("resource", ""), ref.get("subresource", ""), ref.get("namespace", ""))
    groups = tuple(user.get("groups", ()))
    path = urlsplit(event["requestURI"]).path
    return Attributes(user.get("username"), groups, event["verb"], *where, name, bool(ref.get("resource")), path)


@cache
def recorded(scenario: str) -> tuple[Spelled, ...]:
    """The events of a scenario as they were recorded: all stages, level RequestResponse."""
    with gzip.open(DATA / "scenarios" / f"{scenario}.jsonl.gz") as stream:
        return tuple(json.loads(line) for line in stream)


@cache
def levels(scenario: str, how: str) -> tuple[str, ...]:
    """The level of each recorded event of a scenario, empty for what was not logged; `how`: see `events`."""
    if how == "mixed":
        return tuple(map(_mixed, recorded(scenario)))
    if how not in names() or how == "metadata":
        return (how.capitalize() if how == "metadata" else how,) * len(recorded(scenario))
    policy = load(preset(how).data).policy
    assert policy is not None
    decide = compiled(policy)
    found = []
    for event in recorded(scenario):
        decision = decide(attributes_of(event))
        logged = decision.level != "None" and event["stage"] not in decision.omit_stages
        found.append(decision.level if logged else "")
    return tuple(found)


def events(scenario: str, how: str) -> list[Spelled]:
    """A scenario's events as kube-apiserver would have written them: `how` is a level, `mixed` or a preset."""
    pairs = zip(recorded(scenario), levels(scenario, how), strict=True)
    return [at_level(event, level) for event, level in pairs if level]


def in_lines(found: Iterable[Spelled]) -> Lines:
    """Events as a log, spelled as kube-apiserver does."""
    return in_memory([json.dumps(e, separators=(",", ":"), ensure_ascii=False).encode() for e in found])


@cache
def text(scenario: str, level: str) -> Text:
    """All lines of a scenario at one level."""
    spelled = (at_level(event, level) for event in recorded(scenario))
    return Text([json.dumps(e, separators=(",", ":"), ensure_ascii=False).encode() for e in spelled])


@cache
def log(scenario: str, how: str) -> Lines:
    """A scenario's log; see `events`."""
    found = levels(scenario, how)
    return Lines(
        [
            (text(scenario, level), [number for number, each in enumerate(found) if each == level])
            for level in sorted(set(found) - {""})
        ]
    )


def truths(scenario: str) -> list[dict[str, Any]]:
    """The questions of a scenario with what is true; the levels `unless` cannot tell."""
    lines = (DATA / "scenarios" / f"{scenario}.truth.jsonl").read_text().splitlines()
    return [{"unless": [], "until": None, **json.loads(line)} for line in lines]


def answer_to(scenario: str, how: str, truth: dict[str, Any]) -> Answer:
    """The answer to a truth's question."""
    return answer(log(scenario, how), truth["verb"], truth["object"], truth["ns"], truth["until"])


def parse_object(text: str) -> tuple[Kind, str]:
    """`KIND/NAME` as a question has it."""
    kind, _, name = text.partition("/")
    return parse_kind(kind), name


def answer(lines: Lines, verb: str, target: str, namespace: str, until: str | None = None) -> Answer:
    kind, name = parse_object(target)
    return ask(lines, Question(Verb(verb), kind, namespace, name, window=Window.of(None, until)))


def everything(found: Answer) -> str:
    """All that an answer says to a person."""
    return f"{sentence(found)} {' '.join(found.notes)} {' '.join(link.why for link in found.links)}"


def keep_few(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Let no more than `limit` requests be kept for a question."""
    monkeypatch.setattr(index, "LIMIT", limit)
