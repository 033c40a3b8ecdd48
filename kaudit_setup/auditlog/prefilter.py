"""What every line of an event that fits a filter looks like: for a grep where the log is, before lines travel.

A pattern may let too much through, never too little: it holds for kube-apiserver's own lines and for those that a log
shipper wrote anew, in another order and with spaces. Only text that no writer of JSON escapes is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.timestamps import ALWAYS, Window

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


def patterns(wanted: Filter) -> tuple[str, ...]:
    """Extended regular expressions; the line of an event that fits `wanted` fits each of them."""
    found = []
    for dimension, values in wanted.wanted.items():
        positive = [value for value in values if not value.startswith("!")]
        spelt = [_value(dimension, value) for value in positive]
        if dimension in _KEYS and spelt and all(spelt):
            found.append(f'"{_KEYS[dimension]}"{_IS}({"|".join(spelt)})')
    return (*found, *_times(wanted.window))


def _value(dimension: str, value: str) -> str:
    """How the value of the key begins; empty if nothing is sure."""
    if dimension == "resource":
        value = re.split(r"[./]", value)[0]
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
    bounds = []
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
