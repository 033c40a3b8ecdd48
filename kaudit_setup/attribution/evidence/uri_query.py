"""What a requestURI asks for, read as the API server reads it: whoever sends a request writes its URI.

Sources: Go's net/url:ParseQuery (a pair with a semicolon or a wrong escape is passed over; `#` is nothing special in
a request's URI), AM/pkg/conversion/queryparams and AM/pkg/runtime/conversion.go (of a text that is given several
times the first counts), AS/pkg/endpoints/handlers (which requests read `dryRun` there).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

_WRONG_ESCAPE = r"%(?![0-9A-Fa-f]{2})"
_ESCAPED_LETTER = "%[4-7]"


def values(uri: str, key: str) -> list[str]:
    """All values of one parameter, empty ones among them. `key`: letters."""
    if key not in uri and not re.search(_ESCAPED_LETTER, uri):
        return []
    return [value for name, value in _pairs(uri) if name == key]


def value(uri: str, key: str) -> str:
    """The value of one parameter that is a text; empty if it is not given."""
    return next(iter(values(uri, key)), "")


def names_parameter(uri: str, key: str) -> bool:
    """Whether a parameter is given, with whatever value."""
    return bool(values(uri, key))


def asks_dry_run(uri: str) -> bool:
    """Whether the URI asks for a dry run. Reads and connections take no notice of that, and a deletion only does
    where it has no body (AS/pkg/endpoints/handlers/delete.go:DeleteResource).
    """
    return "All" in values(uri, "dryRun")


def path_segments(uri: str) -> list[str]:
    """The parts of the path between its slashes, as the server decodes them; without empty ones."""
    return [unquote(part) for part in uri.partition("?")[0].split("/") if part]


def _pairs(uri: str) -> Iterator[tuple[str, str]]:
    for pair in uri.partition("?")[2].split("&"):
        if pair and ";" not in pair and not re.search(_WRONG_ESCAPE, pair):
            name, _, given = pair.partition("=")
            yield unquote_plus(name), unquote_plus(given)
