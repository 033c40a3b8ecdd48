"""The question turned round: what one user did, under any name and through anybody's impersonation."""

from __future__ import annotations

from kaudit_setup.attribution.answer import MATCHES, Answer, Question, Searched, Verb
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.creation import doing
from kaudit_setup.attribution.evidence.index import better, in_order, quoted
from kaudit_setup.attribution.evidence.requests import TIMED_OUT, Deed, deed_of, target
from kaudit_setup.attribution.unanswered import asked
from kaudit_setup.resources import counted

LIMIT = 20_000
"""Deeds that are kept: the latest ones. A controller does millions."""
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

    `links` has one entry for each deed, with its object; `events` the same deeds; `answer` and `root` are the last.
    """
    deeds: dict[tuple[str, ...], Deed] = {}
    tried: dict[tuple[str, ...], Deed] = {}
    present, left_out = False, 0
    for seen in log.find([b'"username":' + quoted(question.user)]):
        deed = deed_of(seen)
        if question.user not in {deed.user, deed.impersonator}:
            continue
        present = True
        if not _meant(question, deed):
            continue
        into = deeds if deed.done else tried
        old = into.get(deed.key)
        into[deed.key] = deed if old is None else better(old, deed)
        if len(deeds) > _ROUND:
            left_out += _prune(deeds)
        if len(tried) > _ROUND:
            _prune(tried)
    left_out += _prune(deeds) if len(deeds) > LIMIT else 0
    events = in_order(deeds.values())
    notes = _notes(question, events, [d for d in tried.values() if d.key not in deeds], present, left_out)
    lines = log.numbered(events)
    events = [lines.get(deed, deed) for deed in events]
    last = events[-1] if events else None
    return Answer(
        question,
        question.object,
        "certain" if events else "unknown",
        last,
        last,
        tuple(Link(deed.object, deed, "certain", _what(question, deed)) for deed in events),
        tuple(events),
        log.coverage(),
        tuple(notes),
    )


def _meant(question: Question, deed: Deed) -> bool:
    kind = question.kind
    if not MATCHES[question.verb](deed) or not question.window.holds(deed.time):
        return False
    if kind is not None and not kind.takes(deed.group, deed.resource):
        return False
    if kind is None and question.verb is Verb.created and deed.resource in _REVIEWS:
        return False
    if question.namespace and deed.namespace != question.namespace and (deed.namespace or kind is None):
        return False
    return not question.name or deed.name == question.name


def _prune(deeds: dict[tuple[str, ...], Deed]) -> int:
    """Drop the earliest beyond LIMIT; how many that were."""
    ordered = sorted(deeds.items(), key=lambda item: item[1].at)
    for key, _ in ordered[:-LIMIT]:
        del deeds[key]
    return max(len(ordered) - LIMIT, 0)


def _what(question: Question, deed: Deed) -> str:
    return f"{did(deed)}, as {deed.user}," if deed.impersonator == question.user else did(deed)


def did(deed: Deed) -> str:
    """What a request did, in the past tense, for a timeline."""
    if deed.subresource in {"exec", "attach", "portforward", "proxy"}:
        return {
            "exec": "ran a command in",
            "attach": "attached to",
            "portforward": "forwarded a port of",
            "proxy": "sent a request through the proxy to",
        }[deed.subresource]
    if deed.verb in {"get", "list", "watch"}:
        logs = " the log of" if deed.subresource == "log" else ""
        return {"get": "read", "list": "listed", "watch": "watched"}[deed.verb] + logs
    if deed.subresource == "binding":
        return "bound"
    if deed.subresource == "token":
        return "took a token of"
    if deed.subresource == "status":
        return "reported the status of"
    return "changed nothing of" if deed.idle else doing(deed)


def thing(deed: Deed) -> str:
    """What a request was about, behind `did`: an object, all of its kind, a new one, or a path."""
    if not deed.resource:
        return deed.uri.partition("?")[0]
    return target(deed)


def _notes(question: Question, events: list[Deed], tried: list[Deed], present: bool, left_out: int) -> list[str]:
    said: list[str] = []
    if not present:
        said.append(f"No request by {question.user} is in this log.")
    elif not events:
        said.append(f"{question.user} is in this log, but did nothing of that kind.")
    if left_out:
        were = "was" if left_out == 1 else "were"
        said.append(f"{counted(left_out, 'earlier deed')} {were} left out; --since and --until narrow the question.")
    refused = [deed for deed in tried if deed.outcome == "refused"]
    if refused:
        last = max(refused, key=lambda deed: deed.at)
        which = "was refused or failed," if len(refused) == 1 else "were refused or failed, the last"
        said.append(
            f"{counted(len(refused), 'request')} of that kind {which} at {last.time}"
            f" (to {asked(last)} {thing(last)}: {last.code})"
        )
    late = sum(deed.code == TIMED_OUT for deed in tried)
    if late:
        said.append(
            f"{counted(late, 'request')} of that kind timed out ({TIMED_OUT}) and may have happened all the same"
        )
    dry = sum(deed.outcome == "dry-run" for deed in tried)
    if dry:
        said.append(f"{counted(dry, 'dry run')} {'is' if dry == 1 else 'are'} not counted")
    return said
