"""An answer as the page draws it: who is behind it, and step by step what came of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.attribution.answer import Answer
from kaudit_setup.attribution.chain import Confidence, Link
from kaudit_setup.attribution.evidence.requests import Request, singular
from kaudit_setup.attribution.phrases import past, subject
from kaudit_setup.attribution.sentence import client
from kaudit_setup.report.escape import safe
from kaudit_setup.report.questions.clusters import Answered, as_text

MEANINGS = {
    "certain": "every step is written in the log",
    "inferred": "at least one step follows from times and names, not from what is written in the log",
    "unknown": "the log does not tell",
}
"""What each confidence means."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is behind it; `client`: address and program. All empty where the log does not tell."""

    name: str = ""
    impersonator: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One object of the chain, and what was done to it: `did` says by whom, where that is not the actor."""

    kind: str
    name: str
    did: str
    time: str
    where: str
    confidence: Confidence
    why: str


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One answer. `chain` goes from the actor's own request to the object asked about; empty where there is none."""

    cluster: str
    sentence: str
    confidence: Confidence
    text: str
    actor: Actor = Actor()
    chain: tuple[Step, ...] = ()


def page_answer(answered: Answered) -> PageAnswer:
    """An answer, harmless. That of a user has no chain: its links are the objects of many requests."""
    name, answer = answered
    text = as_text([answered])
    sentence = text.partition("\n")[0]
    if not isinstance(answer, Answer) or answer.question.user:
        return PageAnswer(safe(name), sentence, answer.confidence, text)
    return PageAnswer(
        safe(name), sentence, answer.confidence, text, _actor(answer.root), tuple(_steps(answer.links, answer.root))
    )


def _actor(root: Request | None) -> Actor:
    if root is None:
        return Actor()
    address = root.source_ips[-1] if root.source_ips else ""
    program = client(root.agent) if root.agent else ""
    who = root.user or "an unauthenticated client"
    return Actor(safe(who), safe(root.impersonator), safe(", ".join(filter(None, (address, program)))))


def _steps(links: Sequence[Link], root: Request | None) -> list[Step]:
    return [_step(link, root) for link in reversed(links)]


def _step(link: Link, root: Request | None) -> Step:
    request, thing = link.request, link.object
    where = f"{thing.namespace}/" if thing.namespace else ""
    source = request.source if request is not None else None
    return Step(
        kind=safe(singular(thing.resource) if thing.name else thing.resource),
        name=safe(f"{where}{thing.name or '*'}"),
        did=safe(_did(request, root)),
        time=safe(_shown(request.time)) if request is not None else "",
        where=safe(f"{source.node} {source.file}:{source.line}") if source is not None else "",
        confidence=link.confidence,
        why=safe(link.why),
    )


def _shown(time: str) -> str:
    """`2026-11-25T14:28:27.032123Z` to the millisecond; the line that is named has it whole."""
    return time[:23].replace("T", " ").removesuffix("Z")


def _did(request: Request | None, root: Request | None) -> str:
    if request is None:
        return "its own request is not in this log"
    if root is not None and request.key == root.key:
        return past(request)
    return f"{request.controller or subject(request)} {past(request)}"
