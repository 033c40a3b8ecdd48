"""ClickHouse's SQL as text: literals, and conditions on the columns of stored lines.

Everything that a user or a log chose becomes part of a query through `literal`, and through nothing else.
Conditions on filters are exact: `top` counts with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kaudit_setup.auditlog.filters import Filter, Values, is_pattern
from kaudit_setup.auditlog.literals import Plain, Sought
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.stores.schema import UNNAMED

_HARMLESS = re.compile(rb"[A-Za-z0-9 _.,:;/@=+*?!#$%&()<>|^~\[\]{}\"-]*")
ALL = "1"
NONE = "0"

_RESOURCE = "if(subresource = '', resource, concat(resource, '/', subresource))"
_GROUPED = "if(api_group = '', resource, concat(resource, '.', api_group))"
_BELOW = f"if(subresource = '', '', concat({_GROUPED}, '/', subresource))"

DIMENSIONS = {
    "user": "user",
    "impersonator": "impersonator",
    "verb": "verb",
    "resource": _RESOURCE,
    "group": "api_group",
    "namespace": "namespace",
    "name": "name",
    "code": "code",
    "level": "level",
    "stage": "stage",
    "ip": "if(empty(ips), '', ips[length(ips)])",
    "agent": "agent",
    "decision": "decision",
    "path": "path",
    "node": "node",
    "cluster": f"if(cluster = '{UNNAMED}', '', cluster)",
}
"""As `auditlog.fields.DIMENSIONS` reads an event."""

_SPELLINGS = {
    "resource": (_RESOURCE, "resource", _GROUPED, _BELOW),
    "agent": ("agent", "substring(agent, 1, position(concat(agent, '/'), '/') - 1)"),
}
"""As `auditlog.filters` compares them: one of these must be wanted, and none may be unwanted."""


def select(columns: Sequence[str], table: str, where: str = ALL, *more: str) -> str:
    """A query. `more`: clauses that follow, as GROUP BY."""
    return " ".join(["SELECT", ", ".join(columns), "FROM", table, "WHERE", where, *more])


def lines(table: str, where: str, texts: Sequence[str]) -> str:
    """The lines that fit, by the order of `texts`, the sources that they are of, and by their numbers."""
    numbers = ", ".join(map(str, range(len(texts))))
    order = f"transform(source, [{', '.join(map(literal, texts))}], [{numbers}], 0)"
    return select(["source", "line", "raw"], table, where, f"ORDER BY {order}, line")


def count(by: Sequence[str], table: str, where: str) -> str:
    """Events and bytes for each group of the dimensions `by`."""
    names = [f"k{at}" for at in range(len(by))]
    keys = [f"{DIMENSIONS[one]} AS {name}" for one, name in zip(by, names, strict=True)]
    return select([*keys, "count()", "sum(size)"], table, where, f"GROUP BY {', '.join(names)}")


def literal(value: str | bytes) -> str:
    """`value` as a string literal; anything but harmless ASCII goes in as hexadecimal digits."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return f"'{data.decode('ascii')}'" if _HARMLESS.fullmatch(data) else f"unhex('{data.hex()}')"


def listed(values: Iterable[str | bytes]) -> str:
    """`values` in parentheses, for IN."""
    return f"({', '.join(map(literal, values))})"


def any_of(conditions: Iterable[str]) -> str:
    """One of `conditions` at least; without any, nothing fits."""
    found = list(dict.fromkeys(conditions))
    return NONE if not found else found[0] if len(found) == 1 else f"({' OR '.join(found)})"


def all_of(conditions: Iterable[str]) -> str:
    """All of `conditions`; without any, everything fits."""
    found = [one for one in dict.fromkeys(conditions) if one != ALL]
    return ALL if not found else found[0] if len(found) == 1 else f"({' AND '.join(found)})"


def holds(plains: Sequence[Plain]) -> str:
    """Of a line that holds every value of one of `plains`; without any, every line fits."""
    if not plains:
        return ALL
    return any_of(
        all_of(any_of(f"position(raw, {literal(text)}) > 0" for text in spelt) for spelt in plain) for plain in plains
    )


def says(sought: Sequence[Sought]) -> str:
    """Of a line that holds one of `sought`; without any, every line fits. It may let too much through."""
    if not sought:
        return ALL
    cut = f"NOT endsWith(raw, {literal('}')})"
    return any_of(
        all_of([holds([one.plain]), any_of([holds([one.words]), cut]) if one.words else ALL]) for one in sought
    )


def touches(window: Window) -> str:
    """Of a line that was received or answered in `window`, or has no time. It may let too much through: the text of a
    line has the last word.
    """
    if window.open:
        return ALL
    return any_of([_between("time", window), _between("received", window), "(time = '' AND received = '')"])


def fits(wanted: Filter) -> str:
    """Of an event that fits `wanted`, exactly."""
    moment = "if(received = '', time, received)"
    by_time = [] if wanted.window.open else [_between(moment, wanted.window)]
    return all_of(["event = 1", *by_time, *(_dimension(name, values) for name, values in wanted.by.items())])


def _between(text: str, window: Window) -> str:
    since = [f"{text} >= {literal(window.since)}"] if window.since else []
    until = [f"{text} <= {literal(window.until)}"] if window.until != ALWAYS.until else []
    return all_of([*since, *until])


def _dimension(name: str, values: Values) -> str:
    if name == "ip":
        wanted = any_of(f"arrayExists(one -> {_is('one', value)}, ips)" for value in values.wanted)
        unwanted = any_of(f"arrayExists(one -> {_is('one', value)}, ips)" for value in values.unwanted)
    else:
        spellings = _SPELLINGS.get(name, (DIMENSIONS[name],))
        wanted = any_of(_is(text, value) for text in spellings for value in values.wanted)
        unwanted = any_of(_is(text, value) for text in spellings for value in values.unwanted)
    return all_of([wanted if values.wanted else ALL, f"NOT {unwanted}" if values.unwanted else ALL])


def _is(text: str, value: str) -> str:
    """That `text` is `value`, in which `*` and `?` match any text."""
    if value == "*":
        return f"{text} != ''"
    if not is_pattern(value):
        return f"{text} = {literal(value)}"
    return f"match({text}, {literal(_regular(value))})"


def _regular(value: str) -> str:
    """A regular expression as RE2 reads it."""
    any_text = {"*": ".*", "?": "."}
    parts = [any_text.get(one) or (one if one.isalnum() else f"\\x{{{ord(one):x}}}") for one in value]
    return f"(?s)^{''.join(parts)}$"
