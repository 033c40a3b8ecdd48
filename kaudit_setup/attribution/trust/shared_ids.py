"""Audit-IDs that come back in another request.

A client may send any Audit-ID in a header of that name, and the server takes it as it is
(AS/pkg/endpoints/filters/request_received_time.go and audit_init.go). So one ID does not make two requests one. But
nothing that Kubernetes sends uses an ID twice: somebody may want his request to be taken for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaudit_setup.attribution.evidence.index import passed_on
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.phrases import actor, infinitive, spoken, thing

_SHOWN = 3


def shared_ids(known: Iterable[Request], shown: Sequence[Request]) -> list[str]:
    """A sentence for each of the first requests in `shown` whose Audit-ID is also that of another one in `known`."""
    by_id = {request.audit_id: request for request in shown if request.audit_id}
    others: dict[str, Request] = {}
    for request in known:
        one = by_id.get(request.audit_id)
        if one is not None and request.key != one.key and not passed_on(one, request):
            others.setdefault(request.audit_id, request)
    return [_describe(by_id[audit_id], other) for audit_id, other in list(others.items())[:_SHOWN]]


def _describe(one: Request, other: Request) -> str:
    what = f"{infinitive(other)} {thing(other)}"
    return (
        f"Audit-ID {spoken(one.audit_id)} is also that of another request: {actor(other)} asked to {what} at"
        f" {other.time}. Clients may choose it, so it proves nothing; somebody may want to hide behind it"
    )
