"""A step through all lists of a record. What is odd in any way (a field that is not known yet, a record that somebody
else wrote) is left to the steps that look at one level each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain, repeat

from kaudit_setup.auditlog.literals import OWN_ORDER, Find
from kaudit_setup.auditlog.shapes.events import STRING
from kaudit_setup.auditlog.shapes.forms import Strings, Values, finder
from kaudit_setup.auditlog.shapes.lists.way import ODD, Way
from kaudit_setup.auditlog.shapes.reading import Step, Texts
from kaudit_setup.auditlog.shapes.search_terms import escaped
from kaudit_setup.auditlog.shapes.steps import Each, Field, Item


def nested(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, those that lead through lists as one; all of them if there are none."""
    size = 0
    while [type(step) for step in steps[size : size + 2]] == [Field, Each]:
        size += 2
    if not size:
        return steps
    size += len(steps) > size and _is_leaf(steps[size])
    return (Nested(steps[:size]), *steps[size:])


def _is_leaf(step: Step) -> bool:
    return isinstance(step, Item) or (isinstance(step, Field) and step.string and bool(step.path))


class Nested:
    """A run of steps through lists: of each record the events in it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """See `Way`."""
        self._steps = tuple(steps)
        self._way = Way(steps)

    def __call__(self, found: Texts, /) -> Texts:
        made = self._at_once(found)
        if made is None:
            made = found
            for step in self._steps:
                made = step(made)
        return made

    def _at_once(self, found: Texts) -> Texts | None:
        """None if anything is odd."""
        try:
            inside = self._way.read(found.encoded, found.count, raw=False)
        except ODD:
            return None
        form = Strings(inside.values) if self._way.strings else Values.of(inside.values)
        if form is None:
            return None
        made = Texts.of(form, lambda: list(chain.from_iterable(map(repeat, found.origins, inside.counts))))
        return made if made.own else None

    def holding(self, found: Texts, depth: int, finders: Sequence[Find]) -> Texts | None:
        """The events in which something is found, if each event of these lines begins and ends as kube-apiserver
        writes it; None otherwise. `depth`: see `Reading`.
        """
        try:
            counts, values = self._way.read(found.encoded, found.count, raw=True)
        except ODD:
            return None
        quote = b'"' if self._way.strings else b""
        lines = b"\n".join([*values, b""])
        if not _all_own(lines, len(values), quote + escaped(OWN_ORDER + b'v1"', depth)[0], b"}" + quote + b"\n"):
            return None
        ends = list(accumulate(map(len, values), lambda end, size: end + size + 1, initial=-1))[1:]
        hits = {start for find in finders for _, start, _ in find(memoryview(lines))}
        held = sorted({bisect_right(ends, hit) for hit in hits})
        try:
            events = [STRING.decode(values[at]).encode() if quote else bytes(values[at]) for at in held]
        except ODD:  # bytes that are not UTF-8, say
            return None
        behind = list(accumulate(counts))
        origins = [found.origins[bisect_right(behind, at)] for at in held]
        return Texts(events, origins, len(values) - len(held))


def _all_own(lines: bytes, count: int, begin: bytes, end: bytes) -> bool:
    """Whether each of so many values, with a newline between two, begins and ends so."""
    between = len(finder(end + begin)(memoryview(lines)))
    return lines.startswith(begin) and lines.endswith(end) and between == count - 1
