"""What one user did: as themselves, as somebody else, or somebody else as them."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.answer import MATCHES, Answer, Question, Searched, Verb
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.index import in_order, keep_better
from kaudit_setup.attribution.evidence.literals import quoted
from kaudit_setup.attribution.evidence.requests import TIMED_OUT, Request
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.attribution.phrases import infinitive, past, spoken, subject, thing
from kaudit_setup.attribution.trust.shared_ids import shared_ids
from kaudit_setup.attribution.unanswered.attempts import is_untold
from kaudit_setup.attribution.unanswered.codes import Reason
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.units import counted

LIMIT = 20_000
"""Requests that are kept: the latest ones. A controller does millions."""
_ROUND = LIMIT * 2
_FEW_NAMES = 5

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


class _Latest:
    """The latest of some requests, each once and as its last stage tells it; `left_out` counts the others."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], Request] = {}
        self.left_out = 0

    def add(self, request: Request) -> None:
        """Take in one stage of a request."""
        keep_better(self._found, request)
        if len(self._found) > _ROUND:
            self.prune()

    def prune(self) -> None:
        """Drop the earliest beyond LIMIT."""
        ordered = sorted(self._found.items(), key=lambda item: item[1].at)
        self.left_out += max(len(ordered) - LIMIT, 0)
        self._found = dict(ordered[-LIMIT:])

    def without(self, other: _Latest) -> list[Request]:
        """Those that are not in `other`."""
        return [request for key, request in self._found.items() if key not in other._found]

    def in_order(self) -> list[Request]:
        """All, in order of time."""
        return in_order(self._found.values())


def ask_user(log: Searched, question: Question) -> Answer:
    """What `question.user` did: as themselves, as somebody else, or somebody else as them.

    `links` has one entry for each request, with its object; `events` the same; `answer` and `root` are the last.
    """
    done, tried, present = _Latest(), _Latest(), False
    for request in log.find(Search((b'"username":' + quoted(question.user),))):
        if question.user in {request.user, request.impersonator}:
            present = True
            if _is_asked_for(question, request):
                (done if request.done else tried).add(request)
    done.prune()
    events = done.in_order()
    meant = [] if present else _suggest_names(log, question.user)
    failed = tried.without(done)
    notes = [*_nothing(question, present, events), *meant, *_left_out(done.left_out), *failures(failed)]
    notes += shared_ids([*events, *failed], events)
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
        tried=tuple(failed),
        because=() if events else (_why(present, log.coverage()),),
    )


def _is_asked_for(question: Question, request: Request) -> bool:
    """Whether a request of the user is of the verb, object and time asked for."""
    if not MATCHES[question.verb](request) or not question.window.holds(request.time):
        return False
    return _is_of_kind(question, request) and _is_in_place(question, request)


def _is_of_kind(question: Question, request: Request) -> bool:
    if question.kind is None:
        return question.verb is not Verb.created or request.resource not in _REVIEWS
    return question.kind.takes(request.group, request.resource)


def _is_in_place(question: Question, request: Request) -> bool:
    """Whether the name is the one asked for, and the namespace, or there is none although the kind was asked for."""
    if question.name and request.name != question.name:
        return False
    anywhere = not question.namespace or (question.kind is not None and not request.namespace)
    return anywhere or request.namespace == question.namespace


def _what(question: Question, request: Request) -> str:
    return f"{past(request)}, as {subject(request)}," if request.impersonator == question.user else past(request)


def _why(present: bool, cover: Sequence[Coverage]) -> Reason:
    if not any(one.first for one in cover):
        return Reason.no_events
    return Reason.not_done if present else Reason.not_found


def _nothing(question: Question, present: bool, events: Sequence[Request]) -> list[str]:
    """Why there are no events."""
    if not present:
        return [f"No request by {spoken(question.user)} found in this log."]
    return [] if events else [f"No matching request by {spoken(question.user)} found in this log, but others."]


def user_ending(user: str) -> bytes:
    """What every line holds that has a user whose name ends like `user`, behind a colon."""
    return spelled(f":{user}") + b'"'


def _suggest_names(log: Searched, user: str) -> list[str]:
    """The full names in the log that end like `user`: `deployer` for `system:serviceaccount:ci:deployer`."""
    ending = f":{user}"
    names: set[str] = set()
    for request in log.find(Search((user_ending(user),))):
        if len(names) < _FEW_NAMES:
            names.update(name for name in (request.user, request.impersonator) if name.endswith(ending))
    return [f"Did you mean {' or '.join(sorted(names))}? Requests by that user are in this log."] if names else []


def _left_out(count: int) -> list[str]:
    were = "was" if count == 1 else "were"
    said = f"{counted(count, 'earlier request')} {were} left out; narrow the question with --since and --until."
    return [said] if count else []


def failures(tried: Sequence[Request]) -> list[str]:
    """What was tried without effect, as far as it is known."""
    said: list[str] = []
    if refused := [request for request in tried if request.outcome == "refused"]:
        last = max(refused, key=lambda request: request.at)
        which = "was refused or failed," if len(refused) == 1 else "were refused or failed, the last"
        what = f"(to {infinitive(last)} {thing(last)}: {last.code})"
        said.append(f"{counted(len(refused), 'matching request')} {which} at {last.time} {what}")
    if late := sum(request.code == TIMED_OUT for request in tried):
        requests = f"{counted(late, 'matching request')}"
        said.append(f"{requests} timed out ({TIMED_OUT}) and may have taken effect anyway")
    if maybe := sum(map(is_untold, tried)):
        said.append(f"{counted(maybe, 'matching deletion')} may have been a dry run, as the URI says, or not")
    if dry := sum(request.outcome == "dry-run" for request in tried):
        said.append(f"{counted(dry, 'dry run')} {'is' if dry == 1 else 'are'} not counted")
    return said
