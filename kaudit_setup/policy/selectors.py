"""Field and label selectors, as far as they decide what a list request is called in the audit log.

Source: apimachinery/pkg/fields/selector.go (parseSelector, UnescapeValue, RequiresExactMatch) and
apimachinery/pkg/labels/selector.go (Parser, NewRequirement).
"""

from __future__ import annotations

import re
from typing import Final

_TERMS: Final = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_TERM: Final = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)
_VALUE: Final = re.compile(r"(?:[^\\,=]|\\[\\,=])*", re.DOTALL)
_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_LABEL: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INT64: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_SYMBOLS: Final = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_END: Final = ""


def exact_field(selector: str, field: str) -> str | None:
    """The value that the field selector demands of `field`, None if none; ValueError if it is malformed."""
    demanded: list[str] = []
    for part in sorted(_TERMS.findall(selector)):
        term = _TERM.fullmatch(part)
        if not term or not _VALUE.fullmatch(term[3]):
            raise ValueError(f"invalid selector: {selector!r}")
        if term[1] == field and term[2] != "!=":
            demanded.append(re.sub(r"\\(.)", r"\1", term[3]))
    return demanded[0] if demanded else None


def is_int64(text: str) -> bool:
    """Whether strconv.ParseInt(text, 10, 64) takes it."""
    return len(text) < 100 and bool(_INT64.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def check_labels(selector: str) -> None:
    """Raises ValueError if the label selector is malformed."""
    _Labels(selector).selector()


class _Labels:
    def __init__(self, text: str) -> None:
        self._tokens = [found[1] for found in _TOKEN.finditer(text.partition("\0")[0])]
        self._pos = 0

    def _peek(self) -> str:
        return self._tokens[self._pos] if self._pos < len(self._tokens) else _END

    def _take(self) -> str:
        word = self._peek()
        self._pos += 1
        return word

    def selector(self) -> None:
        while self._peek() != _END:
            if self._peek() in _SYMBOLS - {"!"}:
                raise ValueError("expected an identifier")
            self._requirement()
            word = self._take()
            if word == _END:
                return
            if word != "," or self._peek() in (_SYMBOLS - {"!"}) | {_END}:
                raise ValueError("expected an identifier after ','")

    def _requirement(self) -> None:
        absent = self._peek() == "!"
        if absent:
            self._take()
        key = self._take()
        if key in _SYMBOLS or not _is_qualified(key):
            raise ValueError("invalid label key")
        if absent or self._peek() in (_END, ","):
            return
        operator = self._take()
        if operator in ("in", "notin"):
            values = self._values()
        elif operator in ("=", "==", "!=", "<", ">"):
            values = [""] if self._peek() in (_END, ",") else [self._take()]
            if values[0] in _SYMBOLS or (operator in "<>" and not is_int64(values[0])):
                raise ValueError("expected a value")
        else:
            raise ValueError("expected an operator")
        if any(value and (len(value) > 63 or not _LABEL.fullmatch(value)) for value in values):
            raise ValueError("invalid label value")

    def _values(self) -> list[str]:
        if self._take() != "(":
            raise ValueError("expected '('")
        if self._peek() == ")":
            self._take()
            return [""]
        values: list[str] = []
        while True:
            word = self._take()
            if word == ",":
                if self._peek() == ")":
                    break
                if self._peek() == ",":
                    self._take()
            elif word == _END or word in _SYMBOLS:
                raise ValueError("expected a value")
            else:
                values.append(word)
                if self._peek() == ")":
                    break
                if self._peek() != ",":
                    raise ValueError("expected ',' or ')'")
        self._take()
        return values


def _is_qualified(key: str) -> bool:
    """validation.IsQualifiedName: an optional DNS prefix, a slash, a name of at most 63 characters."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and bool(_LABEL.fullmatch(name))
