"""What every line of an event that fits a filter looks like: for a search before lines are decoded, or travel.

It may let too much through, never too little. Literals are looked for here and on nodes alike; patterns are for a
grep where the log is. Both hold for kube-apiserver's own lines and for those that a log shipper wrote anew, in
another order and with spaces; patterns ask only for text that no writer of JSON escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from kaudit_setup.auditlog.filters import AnyOf, Filter, is_pattern, plain_resource
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window

# From the most telling to the least; what most events share is not worth a search of its own.
_TELLING = ("name", "impersonator", "user", "ip", "agent", "namespace", "resource", "verb", "code", "decision")
_COMMON = frozenset({"get", "list", "watch", "update", "200", "201", "allow"})

_KEYS = {
    "user": "username",
    "impersonator": "username",
    "verb": "verb",
    "resource": "resource",
    "group": "apiGroup",
    "namespace": "namespace",
    "name": "name",
    "code": "code",
    "level": "level",
    "stage": "stage",
    "agent": "userAgent",
}
_IS = "[[:space:]]*:[[:space:]]*"
_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]*")
_SECOND = len("2026-11-23T16:06:07")


def needles(asked: Filter) -> tuple[bytes, ...]:
    """Literals of which the line of every event that fits holds one; empty where none is telling."""
    for dimension in _TELLING:
        found = _literals(_wanted(asked, dimension))
        if found:
            return tuple(map(spelled, found))
    return ()


def patterns(asked: Filter) -> tuple[str, ...]:
    """Extended regular expressions; the line of an event that fits `asked` fits each of them."""
    found = []
    for dimension in asked.by:
        key = "subresource" if dimension == "resource" and _below(asked) else _KEYS.get(dimension, "")
        spelt = [_value(dimension, value) for value in _wanted(asked, dimension)]
        if key and spelt and all(spelt):
            found.append(f'"{key}"{_IS}({"|".join(dict.fromkeys(spelt))})')
    return (*found, *_times(asked.window))


def needles_of_any(asked: AnyOf) -> tuple[bytes, ...]:
    """As `needles`, of an event that fits one of the filters."""
    each = [needles(one) for one in asked.filters]
    return tuple(dict.fromkeys(chain.from_iterable(each))) if all(each) else ()


def patterns_of_any(asked: AnyOf) -> tuple[str, ...]:
    """As `patterns`, of an event that fits one of the filters."""
    together = zip(*map(patterns, asked.filters), strict=False)
    return tuple("|".join(dict.fromkeys(each)) for each in together)


def narrows(asked: Filter) -> bool:
    """Whether lines that may fit `asked` can be told from others at all."""
    return bool(needles(asked) or patterns(asked))


def _wanted(asked: Filter, dimension: str) -> Sequence[str]:
    values = asked.by.get(dimension)
    wanted = values.wanted if values is not None else ()
    if dimension != "resource":
        return wanted
    return _below(asked) or [plain_resource(value) for value in wanted]


def _below(asked: Filter) -> list[str]:
    """The subresources, which are rarer than their resources, if every value names one."""
    values = asked.by.get("resource")
    found = [value.partition("/")[2] for value in values.wanted] if values is not None else []
    return list(dict.fromkeys(found)) if all(found) and not any(map(is_pattern, found)) else []


def _literals(values: Sequence[str]) -> list[str]:
    """The longest text that a line must hold for each value to fit; empty if one has none, or if all lines do."""
    longest = [max(re.split(r"[*?]", value), key=len) for value in values]
    telling = all(len(one) > 1 for one in longest) and not _COMMON.intersection(values)
    return longest if telling else []


def _value(dimension: str, value: str) -> str:
    """How the value of the key begins; empty if nothing is sure."""
    begin = _PLAIN.match(value)
    plain = begin[0] if begin else ""
    if not plain:
        return ""
    text = plain.replace(".", r"\.")
    if dimension == "code":
        return f'"?{text}'
    # an agent is also meant by what stands before its slash
    return f'"{text}"' if plain == value and dimension != "agent" else f'"{text}'


def _times(window: Window) -> Iterator[str]:
    """That some moment of the line is late enough, and some early enough, to the second."""
    bounds: list[tuple[str, Callable[[int], str]]] = []
    if window.since:
        bounds.append((window.since, _later))
    if window.until != ALWAYS.until:
        bounds.append((window.until, _earlier))
    for moment, beyond in bounds:
        text = moment[:_SECOND]
        others = [text[:at] + beyond(int(digit)) for at, digit in enumerate(text) if digit.isdigit()]
        either: Sequence[str] = [text, *(one for one in others if not one.endswith("[]"))]
        yield f'"(requestReceivedTimestamp|stageTimestamp)"{_IS}"({"|".join(either)})'


def _later(digit: int) -> str:
    return f"[{''.join(map(str, range(digit + 1, 10)))}]"


def _earlier(digit: int) -> str:
    return f"[{''.join(map(str, range(digit)))}]"
