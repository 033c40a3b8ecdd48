"""Whether a request on all that match its selectors meets an object, as far as its name tells."""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.attribution.evidence.requests import Request, selector
from kaudit_setup.attribution.evidence.uri_query import value

_BY_NAME: Final = r"metadata\.name(?:(?P<other>!=)|==|=)(?P<name>.*)"
"""A term of a field selector that goes by the name (AM/pkg/fields/selector.go:splitTerm)."""


def selects_name(request: Request, name: str) -> bool | None:
    """Whether a request on many meets the one of this name; None if that depends on more than the name."""
    terms = _terms(request)
    by_name = [found for term in terms if (found := re.fullmatch(_BY_NAME, term))]
    if not all(_fits(term, name) for term in by_name):
        return False
    by_name_alone = len(by_name) == len(terms) and not value(request.uri, "labelSelector")
    return True if by_name_alone or not selector(request) else None


def _terms(request: Request) -> list[str]:
    """The terms of its field selector."""
    return [term for term in value(request.uri, "fieldSelector").split(",") if term]


def _fits(term: re.Match[str], name: str) -> bool:
    return (term["name"] == name) is not bool(term["other"])
