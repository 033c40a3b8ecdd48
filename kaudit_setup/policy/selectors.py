"""Field and label selectors: whether they are well formed, and what they select.

Source: apimachinery/pkg/fields/selector.go (parseSelector, UnescapeValue, RequiresExactMatch) and
apimachinery/pkg/labels/selector.go (Parser, NewRequirement, Requirement.Matches).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

_TERMS: Final = r"(?s)(?:[^\\,]|\\.|\\$)+"
_TERM: Final = r"(?s)(.*?)(!=|==|=)(.*)"
_VALUE: Final = r"(?s)(?:[^\\,=]|\\[\\,=])*"
_LEXEME: Final = r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)"
_LABEL: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_INT64: Final = r"(?a)[+-]?[0-9]+"
_SYMBOLS: Final = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_END: Final = ""


def exact_field(selector: str, field: str) -> str | None:
    """The value that the field selector demands of `field`, None if none; ValueError if it is malformed."""
    demanded: list[str] = []
    for part in sorted(re.findall(_TERMS, selector)):
        term = re.fullmatch(_TERM, part)
        if not term or not re.fullmatch(_VALUE, term[3]):
            raise ValueError(f"invalid selector: {selector!r}")
        if term[1] == field and term[2] != "!=":
            demanded.append(re.sub(r"\\(.)", r"\1", term[3]))
    return demanded[0] if demanded else None


def is_int64(text: str) -> bool:
    """Whether strconv.ParseInt(text, 10, 64) takes it."""
    return len(text) < 100 and bool(re.fullmatch(_INT64, text)) and -(2**63) <= int(text) < 2**63


class Requirement(msgspec.Struct, frozen=True):
    """What a label selector asks of one label. `operator`: `in`, `=`, `<`, …, `exists`, or `!` for "is not there"."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected (Requirement.Matches)."""
        return _HOLDS[self.operator](labels.get(self.key), self.values)


def parse_labels(selector: str) -> tuple[Requirement, ...]:
    """What the label selector asks for; all of it must hold. Raises ValueError if it is malformed."""
    words = _Words(selector)
    found: list[Requirement] = []
    while words.peek() != _END or found:
        found.append(_requirement(words))
        end = words.take()
        if end == _END:
            break
        if end != ",":
            raise ValueError("expected ','")
    return tuple(found)


def matches(selector: str, labels: Mapping[str, str]) -> bool | None:
    """Whether an object with these labels is selected; None if the selector is malformed."""
    try:
        return all(requirement.matches(labels) for requirement in parse_labels(selector))
    except ValueError:
        return None


def _compared(held: str | None, values: frozenset[str]) -> int | None:
    """The label minus the selector's number; None if the label is not a number."""
    return int(held) - int(next(iter(values))) if held is not None and is_int64(held) else None


_HOLDS: Final[dict[str, Callable[[str | None, frozenset[str]], bool]]] = {
    "exists": lambda held, _: held is not None,
    "!": lambda held, _: held is None,
    **dict.fromkeys(("in", "=", "=="), lambda held, values: held in values),
    **dict.fromkeys(("notin", "!="), lambda held, values: held not in values),
    "<": lambda held, values: (_compared(held, values) or 0) < 0,
    ">": lambda held, values: (_compared(held, values) or 0) > 0,
}


class _Words:
    def __init__(self, text: str) -> None:
        self._words = [found[1] for found in re.finditer(_LEXEME, text.partition("\0")[0])]
        self._at = 0

    def peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else _END

    def take(self) -> str:
        word = self.peek()
        self._at += 1
        return word


def _requirement(words: _Words) -> Requirement:
    absent = words.peek() == "!" and words.take()
    key = words.take()
    if key in _SYMBOLS or not _is_qualified(key):
        raise ValueError("invalid label key")
    if absent or words.peek() in (_END, ","):
        return Requirement(key, absent or "exists")
    operator = words.take()
    values = _listed(words) if operator in ("in", "notin") else frozenset([_compared_to(words, operator)])
    if any(value and (len(value) > 63 or not re.fullmatch(_LABEL, value)) for value in values):
        raise ValueError("invalid label value")
    return Requirement(key, operator, values)


def _compared_to(words: _Words, operator: str) -> str:
    if operator not in ("=", "==", "!=", "<", ">"):
        raise ValueError("expected an operator")
    value = "" if words.peek() in (_END, ",") else words.take()
    if value in _SYMBOLS or (operator in "<>" and not is_int64(value)):
        raise ValueError("expected a value")
    return value


def _listed(words: _Words) -> frozenset[str]:
    """`(a,b)`; between commas there may be nothing, which is the empty value."""
    if words.take() != "(":
        raise ValueError("expected '('")
    inside: list[str] = []
    while (word := words.take()) != ")":
        if word == _END or word in _SYMBOLS - {","}:
            raise ValueError("expected a value")
        if inside and word != "," != inside[-1]:
            raise ValueError("expected ',' or ')'")
        inside.append(word)
    return frozenset("".join(inside).split(","))


def _is_qualified(key: str) -> bool:
    """validation.IsQualifiedName: an optional DNS prefix, a slash, a name of at most 63 characters."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not re.fullmatch(_SUBDOMAIN, prefix)):
        return False
    return len(name) <= 63 and bool(re.fullmatch(_LABEL, name))
