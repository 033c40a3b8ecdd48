"""Who did what, for sentences."""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.attribution.evidence.requests import Request, creates, deletes, target

_PLAIN: Final = re.compile(r"[^\s,;()\"]+")
"""What nobody takes for a part of the sentence around it."""
_LONGEST: Final = 253


def spoken(word: str) -> str:
    """A word that a client may have chosen (a user's name, an Audit-ID), as it stands in a sentence: in quotation
    marks where it could be read as more than that, `"bob, impersonated by alice"`; cut where it is too long to read.
    """
    if len(word) > _LONGEST:
        return f"{spoken(word[:_LONGEST])}... ({len(word)} characters)"
    if _PLAIN.fullmatch(word):
        return word
    inside = word.replace('"', '\\"')
    return f'"{inside}"'


def subject(request: Request) -> str:
    """The one who is acted as."""
    return spoken(request.user) if request.user else "an unauthenticated client"


def actor(request: Request) -> str:
    """Who sent a request: the one acted as, and who was behind that name."""
    behind = f" (impersonated by {spoken(request.impersonator)})" if request.impersonator else ""
    return f"{subject(request)}{behind}"


def doing(request: Request) -> str:
    """What a request did, in the past tense, for sentences with an object."""
    if deletes(request):
        return "evicted" if request.subresource == "eviction" else "deleted"
    if creates(request):
        return "created"
    return "scaled" if request.subresource == "scale" else "changed"


_INFINITIVES: Final = {
    "eviction": "evict",
    "exec": "run a command in",
    "attach": "attach to",
    "portforward": "forward a port of",
    "proxy": "send a request through the proxy to",
    "scale": "scale",
    "binding": "bind",
    "token": "take a token of",
    "log": "read the log of",
    "ephemeralcontainers": "add a debug container to",
}
"""What a request on a subresource is for, in front of its object."""
_PAST: Final = {
    "exec": "ran a command in",
    "attach": "attached to",
    "portforward": "forwarded a port of",
    "proxy": "sent a request through the proxy to",
}
_PAST_READS: Final = {"get": "read", "list": "listed", "watch": "watched"}
_PAST_WRITES: Final = {"binding": "bound", "token": "took a token of", "status": "reported the status of"}

_PAST_CHANGES: Final = {"ephemeralcontainers": "added a debug container to", "resize": "resized"}


def infinitive(request: Request) -> str:
    """What a request was for, in front of its object: `delete`, `evict`, `run a command in`."""
    if request.subresource == "scale" and request.verb == "get":
        return "read the scale of"
    if request.subresource:
        return _INFINITIVES.get(request.subresource, f"{request.verb} the {request.subresource} of")
    return {"deletecollection": "delete", "get": "read"}.get(request.verb, request.verb)


def past(request: Request) -> str:
    """What a request did, in front of its object, in the past tense."""
    if request.subresource in _PAST:
        return _PAST[request.subresource]
    if request.verb in _PAST_READS:
        return f"{_PAST_READS[request.verb]}{' the log of' if request.subresource == 'log' else ''}"
    if request.subresource in _PAST_WRITES:
        return _PAST_WRITES[request.subresource]
    return "changed nothing of" if request.no_op else _PAST_CHANGES.get(request.subresource) or doing(request)


def thing(request: Request) -> str:
    """What a request was about, behind what it did: an object, all of its kind, a new one, or a path."""
    return target(request) if request.resource else request.uri.partition("?")[0]
