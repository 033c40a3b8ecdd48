"""Who did what, for sentences."""

from __future__ import annotations

from kaudit_setup.attribution.evidence.requests import Request, creates, deletes


def actor(request: Request) -> str:
    """Who sent a request: the one acted as, and who was behind that name."""
    behind = f" (impersonated by {request.impersonator})" if request.impersonator else ""
    return f"{request.user or 'an unauthenticated client'}{behind}"


def doing(request: Request) -> str:
    """What a request did, in the past tense, for sentences with an object."""
    if deletes(request):
        return "evicted" if request.subresource == "eviction" else "deleted"
    if creates(request):
        return "created"
    return "scaled" if request.subresource == "scale" else "changed"
