"""Whether an object's labels are those that a selector asks for, as far as the log knows them.

Source: AM/pkg/labels/selector.go (`a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`; all must hold;
what lacks the label satisfies `!=` and `notin`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.attribution.evidence.choose import up_to, writes
from kaudit_setup.attribution.evidence.requests import Request, creates

_BETWEEN = re.compile(r",(?![^(]*\))")
_AMONG = re.compile(r"(?P<key>\S+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s=!]+)\s*(?P<how>==|=|!=)\s*(?P<value>[^\s=!]*)")
_THERE = re.compile(r"(?P<no>!?)\s*(?P<key>[^\s=!()]+)")


def spares(request: Request, requests: Sequence[Request]) -> bool:
    """Whether a request on all that match a selector left out the object of `requests`, by its labels then."""
    asked = parse_qs(urlsplit(request.uri).query).get("labelSelector", [])
    labels = _labels_at(requests, request.at) if asked else None
    return labels is not None and any(matches(selector, labels) is False for selector in asked)


def matches(selector: str, labels: Mapping[str, str]) -> bool | None:
    """Whether `labels` are as `selector` asks; None if it cannot be read."""
    each = [_holds(part.strip(), labels) for part in _BETWEEN.split(selector)]
    return None if None in each else all(each)


def _holds(requirement: str, labels: Mapping[str, str]) -> bool | None:
    if among := _AMONG.fullmatch(requirement):
        values = {value.strip() for value in among["values"].split(",")}
        return (labels.get(among["key"]) in values) is (among["how"] == "in")
    if equal := _EQUAL.fullmatch(requirement):
        return (labels.get(equal["key"]) == equal["value"]) is (equal["how"] != "!=")
    if there := _THERE.fullmatch(requirement):
        return (there["key"] in labels) is not bool(there["no"])
    return None


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
