"""LogQL as text: what is added to the query that a user gave.

Source: https://grafana.com/docs/loki/latest/query/log_queries/
"""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps

from kaudit_setup.auditlog.literals import OWN_ORDER, Plain


def selector(query: str) -> str:
    """The part of a query that selects streams, with its braces; the whole query if it has none."""
    quote, at = "", 0
    while at < len(query):
        char = query[at]
        if quote:
            at += char == "\\" and quote == '"'
            quote = "" if char == quote else quote
        elif char in '"`':
            quote = char
        elif char == "}":
            return query[: at + 1]
        at += 1
    return query


def with_label(query: str, name: str, value: str) -> str:
    """`query`, of the streams that have this label, too."""
    streams = selector(query)
    inside = streams[1:-1].strip().rstrip(",")
    label = f"{name}={dumps(value, ensure_ascii=False)}"
    return f"{{{inside}{', ' if inside else ''}{label}}}{query[len(streams) :]}"


def line_filter(plains: Sequence[Plain]) -> str:
    """LogQL that keeps the lines that may hold every value of one of `plains`; empty for all lines.

    What is not written as kube-apiserver writes it is kept in any case: in the record of a shipper each quotation
    mark may be escaped, and a line may go on in the next one.
    """
    if not plains:
        return ""
    if len(plains) == 1:
        return "".join(_matching(spelt) for spelt in plains[0])
    return _matching([text for plain in plains for text in plain[0]])


def is_own(line: bytes) -> bool:
    """Whether a line begins as kube-apiserver begins it."""
    return line.startswith(OWN_ORDER)


def _matching(texts: Sequence[bytes]) -> str:
    found = [_regular(text) for text in texts]
    # what is not UTF-8 cannot be asked for
    return "" if None in found else f" |~ `{'|'.join([*filter(None, found), _OTHERWISE])}`"


def _regular(text: bytes) -> str | None:
    """`text` as a regular expression of RE2 that has nothing in it but letters, digits and hexadecimal escapes."""
    try:
        return "".join(map(_sign, text.decode()))
    except UnicodeDecodeError:
        return None


def _sign(one: str) -> str:
    return one if one.isascii() and one.isalnum() else f"\\x{{{ord(one):x}}}"


def _not_beginning_with(text: str) -> str:
    """RE2 cannot look ahead, so each sign is named at which a line may differ."""
    found = ""
    for one in reversed(text):
        found = f"$|[^{_sign(one)}]" + (f"|{_sign(one)}(?:{found})" if found else "")
    return f"^(?:{found})"


_OTHERWISE = _not_beginning_with(OWN_ORDER.decode())
