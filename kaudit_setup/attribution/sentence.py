"""An answer in one plain sentence. Nothing is escaped here: that is done where text meets a terminal."""

from __future__ import annotations

from kaudit_setup.attribution.answer import PAST, Answer, Verb
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.requests import Request, collection
from kaudit_setup.attribution.phrases import past, spoken, subject, thing

_LONGEST_AGENT = 80


def sentence(answer: Answer) -> str:
    """The answer in one sentence, with what the logs lack, e.g.
    `foobar created it on 2022-04-11 22:21:15 UTC from 192.168.1.135 with kubectl
    v1.23.3, impersonated by kubernetes-admin`.
    """
    said = _of_user(answer) if answer.question.user else _of_object(answer)
    return f"{said}; {answer.proviso}" if answer.proviso else said


def _of_object(answer: Answer) -> str:
    request, root = answer.answer, answer.root
    first = f"{_subject(root)} {past(root)} {answer.links[-1].object} {_circumstances(root)}" if root else ""
    if request is None:
        if not first:
            return answer.notes[0].rstrip(".")
        return f"{first}; {answer.object} follows from that, its own request is not in this log"
    if root is not None and root.key != request.key:
        return f"{first}, and so {_short(request)} {_request(answer, request)} on {moment(request.time)}"
    whole = f"{_subject(request)} {_request(answer, request)} {_circumstances(request)}"
    if answer.question.verb is Verb.touched and len(answer.events) > 1:
        who = "" if request.by_kubernetes else " by a user"
        whole = f"{len(answer.events)} requests. Latest{who}: {whole}"
    if root is None:
        return f"{whole}; who caused that is not in this log"
    return whole


def steps(answer: Answer) -> list[str]:
    """What each event of the timeline did; with its object where the question was about a user."""
    if answer.question.user:
        return [_step(link) for link in answer.links]
    return [f"{past(request)} {'it' if request.name else thing(request)}" for request in answer.events]


def moment(timestamp: str) -> str:
    """`2022-04-11T22:21:15.910428Z` as `2022-04-11 22:21:15 UTC`."""
    return f"{timestamp[:19].replace('T', ' ')} UTC" if timestamp.endswith("Z") else timestamp


def client(agent: str) -> str:
    """`kubectl/v1.23.3 (linux/amd64) kubernetes/816c97a` as `kubectl v1.23.3`; in quotation marks, as it is, where
    the client chose words that could be read as a part of the sentence.
    """
    first = agent.partition(" (")[0]
    first = first if len(first) <= _LONGEST_AGENT else f"{first[:_LONGEST_AGENT]}..."
    word = spoken(first)
    return word.replace("/", " ", 1) if word == first else word


def _step(link: Link) -> str:
    return f"{link.why} {thing(link.request) if link.request else link.object}"


def _past(answer: Answer) -> str:
    return PAST[answer.question.verb]


def _request(answer: Answer, request: Request) -> str:
    if answer.question.verb is Verb.created:
        return "created it"
    return (
        f"{past(request)} it"
        if request.name
        else f"{_past(answer)} it (by a {request.verb} of {collection(request)})"
    )


def _short(request: Request) -> str:
    return request.controller or _subject(request)


def _subject(request: Request) -> str:
    if request.node:
        return f"the kubelet of node {request.node}"
    return subject(request)


def _circumstances(request: Request) -> str:
    where = f" from {request.source_ips[-1]}" if request.source_ips else ""
    if len(request.source_ips) > 1:
        # X-Forwarded-For is whatever the client said; only the last address is seen by the server
        where += f" (forwarded for {', '.join(request.source_ips[:-1])}, as the client says)"
    tool = f" with {client(request.agent)}" if request.agent else ""
    behind = f", impersonated by {spoken(request.impersonator)}" if request.impersonator else ""
    return f"on {moment(request.time)}{where}{tool}{behind}"


def _of_user(answer: Answer) -> str:
    user, events = spoken(answer.question.user), answer.events
    if not events:
        return answer.notes[0].rstrip(".")
    if len(events) == 1:
        return f"{user} {_step(answer.links[0])} on {moment(events[0].time)}"
    first, last = moment(events[0].time), moment(events[-1].time)
    span = f"on {first}" if first == last else f"between {first} and {last}"
    kind = "" if answer.question.verb is Verb.touched else f" of the kind `{answer.question.verb}`"
    return f"{user} sent {len(events)} requests{kind} {span}"
