"""Whether an object's labels are those that a selector asks for, as far as the log knows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kaudit_setup.attribution.evidence.choose import up_to, writes
from kaudit_setup.attribution.evidence.requests import Request, creates
from kaudit_setup.attribution.evidence.uri_query import value
from kaudit_setup.policy.selectors import matches


def excludes(request: Request, requests: Sequence[Request]) -> bool:
    """Whether a request on all that match a selector left out the object of `requests`, by its labels then."""
    asked = value(request.uri, "labelSelector")
    labels = _labels_at(requests, request.at) if asked else None
    return labels is not None and matches(asked, labels) is False


def _labels_at(requests: Sequence[Request], at: float) -> dict[str, str] | None:
    """The labels at `at` of the object that `requests`, in order of time, are on; None if the log does not tell."""
    known: dict[str, str] | None = None
    for request in filter(writes, up_to(requests, at)):
        if request.done and not request.subresource:
            known = _labels_after(known, request)
    return known


def _labels_after(known: dict[str, str] | None, request: Request) -> dict[str, str] | None:
    """The labels after a request, of an object that had the labels `known`; None if that is not known."""
    said = request.facts.labels
    if said is None:
        return known if request.facts.relabels is False else None
    if creates(request) or request.verb == "update" or request.facts.response_name:
        return _set_labels(said)
    # a server-side apply also takes away what it leaves out, if it was its own
    if request.facts.whole or known is None:
        return None
    return _set_labels([*known.items(), *said])


def _set_labels(labels: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Labels as a dictionary; the last of a name counts, None takes it away."""
    return {key: value for key, value in dict(labels).items() if value is not None}
