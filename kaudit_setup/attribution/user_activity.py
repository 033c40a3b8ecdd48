"""The question turned round: what one user did, under any name and through anybody's impersonation."""

from __future__ import annotations

from kaudit_setup.attribution.answer import MATCHES, Answer, Question, Searched, Verb
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.index import better, in_order, quoted
from kaudit_setup.attribution.evidence.requests import TIMED_OUT, Request, target
from kaudit_setup.attribution.phrases import doing
from kaudit_setup.attribution.unanswered import asked
from kaudit_setup.resources import counted

LIMIT = 20_000
"""Requests that are kept: the latest ones. A controller does millions."""
_ROUND = LIMIT * 2

# Questions to the API server that look like creates, and make nothing.
_REVIEWS = frozenset(
    {
        "tokenreviews",
        "subjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "localsubjectaccessreviews",
        "selfsubjectreviews",
    }
)


def ask_user(log: Searched, question: Question) -> Answer:
    """What `question.user` did: as themselves, as somebody else, or somebody else as them.

    `links` has one entry for each request, with its object; `events` the same; `answer` and `root` are the last.
    """
    requests: dict[tuple[str, ...], Request] = {}
    tried: dict[tuple[str, ...], Request] = {}
    present, left_out = False, 0
    for request in log.find([b'"username":' + quoted(question.user)]):
        if question.user not in {request.user, request.impersonator}:
            continue
        present = True
        if not _meant(question, request):
            continue
        into = requests if request.done else tried
        old = into.get(request.key)
        into[request.key] = request if old is None else better(old, request)
        if len(requests) > _ROUND:
            left_out += _prune(requests)
        if len(tried) > _ROUND:
            _prune(tried)
    left_out += _prune(requests) if len(requests) > LIMIT else 0
    events = in_order(requests.values())
    notes = _notes(question, events, [d for d in tried.values() if d.key not in requests], present, left_out)
    lines = log.numbered(events)
    events = [lines.get(request, request) for request in events]
    last = events[-1] if events else None
    return Answer(
        question,
        question.object,
        "certain" if events else "unknown",
        last,
        last,
        tuple(Link(request.object, request, "certain", _what(question, request)) for request in events),
        tuple(events),
        log.coverage(),
        tuple(notes),
    )


def _meant(question: Question, request: Request) -> bool:
    kind = question.kind
    if not MATCHES[question.verb](request) or not question.window.holds(request.time):
        return False
    if kind is not None and not kind.takes(request.group, request.resource):
        return False
    if kind is None and question.verb is Verb.created and request.resource in _REVIEWS:
        return False
    if question.namespace and request.namespace != question.namespace and (request.namespace or kind is None):
        return False
    return not question.name or request.name == question.name


def _prune(requests: dict[tuple[str, ...], Request]) -> int:
    """Drop the earliest beyond LIMIT; how many that were."""
    ordered = sorted(requests.items(), key=lambda item: item[1].at)
    for key, _ in ordered[:-LIMIT]:
        del requests[key]
    return max(len(ordered) - LIMIT, 0)


def _what(question: Question, request: Request) -> str:
    return f"{did(request)}, as {request.user}," if request.impersonator == question.user else did(request)


def did(request: Request) -> str:
    """What a request did, in the past tense, for a timeline."""
    if request.subresource in {"exec", "attach", "portforward", "proxy"}:
        return {
            "exec": "ran a command in",
            "attach": "attached to",
            "portforward": "forwarded a port of",
            "proxy": "sent a request through the proxy to",
        }[request.subresource]
    if request.verb in {"get", "list", "watch"}:
        logs = " the log of" if request.subresource == "log" else ""
        return {"get": "read", "list": "listed", "watch": "watched"}[request.verb] + logs
    if request.subresource == "binding":
        return "bound"
    if request.subresource == "token":
        return "took a token of"
    if request.subresource == "status":
        return "reported the status of"
    return "changed nothing of" if request.idle else doing(request)


def thing(request: Request) -> str:
    """What a request was about, behind `did`: an object, all of its kind, a new one, or a path."""
    if not request.resource:
        return request.uri.partition("?")[0]
    return target(request)


def _notes(
    question: Question, events: list[Request], tried: list[Request], present: bool, left_out: int
) -> list[str]:
    said: list[str] = []
    if not present:
        said.append(f"No request by {question.user} is in this log.")
    elif not events:
        said.append(f"{question.user} is in this log, but did nothing of that kind.")
    if left_out:
        were = "was" if left_out == 1 else "were"
        said.append(
            f"{counted(left_out, 'earlier request')} {were} left out; --since and --until narrow the question."
        )
    refused = [request for request in tried if request.outcome == "refused"]
    if refused:
        last = max(refused, key=lambda request: request.at)
        which = "was refused or failed," if len(refused) == 1 else "were refused or failed, the last"
        said.append(
            f"{counted(len(refused), 'request')} of that kind {which} at {last.time}"
            f" (to {asked(last)} {thing(last)}: {last.code})"
        )
    late = sum(request.code == TIMED_OUT for request in tried)
    if late:
        said.append(
            f"{counted(late, 'request')} of that kind timed out ({TIMED_OUT}) and may have happened all the same"
        )
    dry = sum(request.outcome == "dry-run" for request in tried)
    if dry:
        said.append(f"{counted(dry, 'dry run')} {'is' if dry == 1 else 'are'} not counted")
    return said
