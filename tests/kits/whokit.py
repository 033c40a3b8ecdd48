"""Recorded logs in memory, as other policies would have written them, and questions put to them."""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kaudit_setup.attribution.answer import Answer, Question, Verb
from kaudit_setup.attribution.engine import ask
from kaudit_setup.attribution.evidence.lines import passing
from kaudit_setup.attribution.evidence.requests import Request, Seen, Source
from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.kinds import parse_object
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.policy.evaluate import compile as compiled
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes
from kaudit_setup.policy.presets import names, preset

DATA = Path(__file__).parents[1] / "data"
SCENARIOS = ("controllers-1.20.2", "drain-1.20.2", "workloads-1.20.2", "upsets-1.20.2")
DECODER = msgspec.json.Decoder(Event)


class Lines:
    """A log in memory."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self.text = b"\n".join(lines)
        self.ends = list(accumulate(len(line) + 1 for line in lines))
        self.passes = 0

    def find(self, literals: Sequence[bytes], focus: bytes = b"") -> Iterable[Seen]:
        self.passes += 1
        found: set[int] = set()
        for literal in literals:
            at = self.text.find(literal)
            while at >= 0:
                found.add(number := bisect_right(self.ends, at))
                at = self.text.find(literal, self.ends[number])
        for number in sorted(found):
            line = self.lines[number]
            if not (focus and focus not in line and passing(line)):
                yield Seen(DECODER.decode(line), Source("cp1", "audit.log", number + 1))

    def coverage(self) -> tuple[Coverage, ...]:
        return (Coverage("cp1", "2026-11-23T19:05:00.000000Z", "2026-11-23T19:12:00.000000Z", files=1),)

    def numbered(self, requests: Sequence[Request]) -> dict[Request, Request]:
        return {}


def at_level(event: dict[str, Any], level: str) -> dict[str, Any]:
    """The event as a policy with this level would have written it."""
    if level == "mixed":
        resource = (event.get("objectRef") or {}).get("resource", "")
        level = {"pods": "Metadata", "events": "Request", "jobs": "Request"}.get(resource, "RequestResponse")
    drop = {"Metadata": {"requestObject", "responseObject"}, "Request": {"responseObject"}}.get(level, set())
    return {**{key: value for key, value in event.items() if key not in drop}, "level": level}


def asked(event: dict[str, Any]) -> Attributes:
    """What a policy is asked about the request: the sender, not the impersonated; no name from a create's body."""
    user, ref = event.get("user") or {}, event.get("objectRef") or {}
    name = ref.get("name", "") if event["verb"] != "create" or ref.get("subresource") else ""
    where = (ref.get("apiGroup", ""), ref.get("resource", ""), ref.get("subresource", ""), ref.get("namespace", ""))
    groups = tuple(user.get("groups", ()))
    path = urlsplit(event["requestURI"]).path
    return Attributes(user.get("username"), groups, event["verb"], *where, name, bool(ref.get("resource")), path)


@cache
def recorded(scenario: str) -> tuple[dict[str, Any], ...]:
    """The events of a scenario as they were recorded: all stages, level RequestResponse."""
    with gzip.open(DATA / "scenarios" / f"{scenario}.jsonl.gz") as stream:
        return tuple(json.loads(line) for line in stream)


def events(scenario: str, how: str) -> list[dict[str, Any]]:
    """A scenario's events as kube-apiserver would have written them: `how` is a level, `mixed` or a preset."""
    if how not in names() or how == "metadata":
        return [at_level(event, how.capitalize() if how == "metadata" else how) for event in recorded(scenario)]
    policy = load(preset(how).data).policy
    assert policy is not None
    decide = compiled(policy)
    found = []
    for event in recorded(scenario):
        decision = decide(asked(event))
        if decision.level != "None" and event["stage"] not in decision.omit_stages:
            found.append(at_level(event, decision.level))
    return found


def in_lines(found: Iterable[dict[str, Any]]) -> Lines:
    """Events as a log, spelled as kube-apiserver does."""
    return Lines([json.dumps(e, separators=(",", ":"), ensure_ascii=False).encode() for e in found])


@cache
def log(scenario: str, how: str) -> Lines:
    """A scenario's log; see `events`."""
    return in_lines(events(scenario, how))


def truths(scenario: str) -> list[dict[str, Any]]:
    """The questions of a scenario with what is true; the levels `unless` cannot tell."""
    text = (DATA / "scenarios" / f"{scenario}.truth.jsonl").read_text()
    return [{"unless": [], "until": None, **json.loads(line)} for line in text.splitlines()]


def told(scenario: str, how: str, truth: dict[str, Any]) -> Answer:
    """The answer to a truth's question."""
    return answer(log(scenario, how), truth["verb"], truth["object"], truth["ns"], truth["until"])


def answer(lines: Lines, verb: str, target: str, namespace: str, until: str | None = None) -> Answer:
    kind, name = parse_object(target)
    return ask(lines, Question(Verb(verb), kind, namespace, name, window=Window.of(None, until)))
