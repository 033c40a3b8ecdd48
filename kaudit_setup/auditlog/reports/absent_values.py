"""Values of a filter that no event of a log has: a word in another case, half a name, or an option misunderstood."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, runtime_checkable

import msgspec

from kaudit_setup.auditlog.decode import decode_leniently, project
from kaudit_setup.auditlog.fields import DIMENSIONS
from kaudit_setup.auditlog.filters import Filter, is_pattern
from kaudit_setup.auditlog.literals import Sought, spelled
from kaudit_setup.auditlog.reports.every_line import EveryLine
from kaudit_setup.auditlog.reports.top import Top
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource

_LOOKED_AT = ("namespace", "user", "impersonator", "verb", "name")
_READ_BELOW_BYTES = 256 << 20
"""Bytes of lines. Up to this size all values of a log are read; in a larger one, and in one that is elsewhere, only
other cases of a word are looked for, and words that begin alike.
"""
_KEYS = {
    "namespace": b'"namespace":"',
    "user": b'"username":"',
    "impersonator": b'"username":"',
    "verb": b'"verb":"',
    "name": b'"name":"',
}
"""What stands before the values of a dimension in a line as kube-apiserver writes it."""
_BEGINNING = 3  # a third of a word is taken to be typed well
_GZIPPED = 20  # times as many bytes of lines; audit logs compress 10 to 35 times
_MOST_VALUES = 5000
_MOST_HITS = 1000
_FEW = 3
_SHORT = 2
_ALIKE = 0.7  # of 1: `shpo` for `shop`


class AbsentValue(msgspec.Struct, frozen=True):
    """A value that no event has in its dimension, and those that are there and look like it, the likeliest first."""

    dimension: str
    value: str
    similar: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """As a sentence of its own."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        said = f"no event has the {self.dimension} {self.value!r}"
        if self.similar:
            return f"{said}; did you mean {' or '.join(self.similar)}?"
        a_number = self.dimension == "namespace" and self.value.isdigit()
        return f"{said}: -n is the namespace, not a number of rows" if a_number else said


@runtime_checkable
class Counting(Protocol):
    """Logs that are counted where they are."""

    @property
    def counting(self) -> bool:
        """Whether they can be."""
        ...

    def top(self, by: Sequence[str], wanted: Filter, limit: int) -> Top:
        """See `top`."""
        ...

    def has_lately(self, dimension: str, value: str) -> bool:
        """Whether an event of the last day has this value; quickly told."""
        ...


def absent_values(logs: LogSource, wanted: Filter, every: EveryLine | None = None) -> list[AbsentValue]:
    """Which values of `wanted` no event of `logs` has, whatever else is asked for; patterns are no values.

    `every`: as `every_line` gives it, if it was asked for before.
    """
    every = every or every_line(logs, wanted)
    found: list[AbsentValue] = []
    for dimension, plain in _plain(wanted).items():
        known = _known(logs, dimension, plain, wanted, every)
        found += [AbsentValue(dimension, value, similar(value, known)) for value in plain if value not in known]
    return found


def every_line(logs: LogSource, wanted: Filter) -> EveryLine:
    """All lines of `logs`; if they are on this machine and not too many, with the values of which `absent_values`
    looks for the words of `wanted`.
    """
    small = isinstance(logs, LocalLogs) and _is_small(logs)
    return EveryLine(logs, {one: _alike(one, wanted) for one in _plain(wanted)} if small else {})


def looked_for(logs: LogSource, wanted: Filter) -> frozenset[bytes]:
    """The literals for which `absent_values` searches `logs`; none if it reads all their values."""
    if _is_small(logs):
        return frozenset()
    words = [(dimension, value) for dimension, plain in _plain(wanted).items() for value in plain]
    return frozenset(case.own[0] for dimension, value in words for case in _cases(dimension, value))


def _plain(wanted: Filter) -> dict[str, list[str]]:
    """The values that are looked for, by dimension."""
    each = {dimension: wanted.by[dimension].wanted for dimension in _LOOKED_AT if dimension in wanted.by}
    plain = {dimension: [one for one in values if not is_pattern(one)] for dimension, values in each.items()}
    return {dimension: values for dimension, values in plain.items() if values}


def _alike(dimension: str, wanted: Filter) -> Filter:
    """The events whose values may be meant: a name is like those of its kind."""
    return Filter({"resource": wanted.by["resource"]} if dimension == "name" and "resource" in wanted.by else {})


def similar(value: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those of `known` that somebody may mean who says `value`, the likeliest first."""
    names = list(islice(known, _MOST_VALUES))
    close = difflib.get_close_matches(value, names, n=_FEW, cutoff=_ALIKE) if len(value) > _SHORT else []
    meant = [*filter(_said_as(value), names), *close]
    return tuple(dict.fromkeys(meant))[:_FEW]


def _said_as(value: str) -> Callable[[str], bool]:
    """Whether a name is the same but for its case, or a service account's whose own name is `value`."""
    folded, ending = value.casefold(), f":{value}"
    return lambda name: name.casefold() == folded or name.endswith(ending)


def _known(logs: LogSource, dimension: str, plain: Sequence[str], wanted: Filter, every: EveryLine) -> frozenset[str]:
    """The values that a log has in `dimension`, as far as they matter."""
    values = every.values(dimension)
    if values is not None:
        return frozenset(value for value, _ in values.most_common(_MOST_VALUES)) - {""}
    if isinstance(logs, Counting) and _is_small(logs):
        rows = logs.top((dimension,), _alike(dimension, wanted), _MOST_VALUES).rows
        return frozenset(key[0] for key, _, _ in rows) - {""}
    one = plain[0] if len(plain) == 1 and dimension != "name" else ""
    if one and isinstance(logs, Counting) and logs.counting and logs.has_lately(dimension, one):
        return frozenset(plain)
    return frozenset(_in_other_cases(logs, dimension, plain)) - {""}


def _is_small(logs: LogSource) -> bool:
    """Whether all values of a log can be read."""
    if isinstance(logs, LocalLogs):
        lines = sum(file.size * (_GZIPPED if file.gzipped else 1) for file in logs.files)
        return lines <= _READ_BELOW_BYTES
    counts = isinstance(logs, Counting) and logs.counting
    return counts and sum(cover.size for cover in logs.coverage()) <= _READ_BELOW_BYTES


def _in_other_cases(logs: LogSource, dimension: str, plain: Sequence[str]) -> Iterator[str]:
    """The values of the events that have one of `plain` somewhere, in this case or another, or a value that begins
    alike; of each case the first thousand events. Of a single word that is there as it was said nothing more is
    looked for.
    """
    for value in plain:
        for one in _values(logs, dimension, _cases(dimension, value)):
            yield one
            if [one] == plain:
                return


def _cases(dimension: str, value: str) -> list[Sought]:
    cases = (value, value.lower(), value.upper(), value.title(), value.capitalize())
    found = [Sought.of(b'"' + spelled(case) + b'"') for case in dict.fromkeys(cases)]
    return [*found, Sought.of(_KEYS[dimension] + spelled(_beginning(value)))]


def _beginning(value: str) -> str:
    """The part of a word, after its last colon a third, that is taken to be typed well."""
    own = value.rpartition(":")[2]
    return value[: len(value) - len(own) + max(_SHORT, len(own) // _BEGINNING)]


def _values(logs: LogSource, dimension: str, cases: Sequence[Sought]) -> Iterator[str]:
    """What is in `dimension` of the first events that hold each of `cases`, which are found in one pass."""
    decoder, get = project(DIMENSIONS[dimension].fields, with_id=False), DIMENSIONS[dimension].get
    left = dict.fromkeys(cases, _MOST_HITS)
    for hit in logs.candidates([case.own[0] for case in cases]):
        held = [case for case in cases if case.said_in(hit.text)]
        if any(left[case] > 0 for case in held):
            event, _ = decode_leniently(decoder, hit.text)
            yield get(event) if event is not None else ""
        left.update({case: left[case] - 1 for case in held})
        if all(count <= 0 for count in left.values()):
            return
