"""The way through the lists of a record, decoded at once: level by level it takes as long, at each, as to decode the
events themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.shapes.events import REFUSED
from kaudit_setup.auditlog.shapes.reading import Step
from kaudit_setup.auditlog.shapes.records import record_type
from kaudit_setup.auditlog.shapes.steps import Each, Field, Item

ODD: Final = (*REFUSED, AttributeError, TypeError)
"""What `Way.read` raises of records that are not all of one kind: a level is missing, a field is not known yet."""
_ITEM: Final = attrgetter("value")


class Inside(NamedTuple):
    """How many events each record has, and all of them."""

    counts: list[int]
    values: list[Any]


class Way:
    """Through a run of steps, of which the fields learn the names that are beside them."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """`steps`: `Field` and `Each` by turns, and then perhaps a `Field` or an `Item` with a string."""
        fields = [step.records for step in steps if isinstance(step, Field)]
        lists = sum(isinstance(step, Each) for step in steps)
        last = steps[-1]
        self.strings = not isinstance(last, Each)
        """Whether events are in strings."""
        self._fields = fields
        self._lists = fields[:lists]
        self._leaves = fields[lists:]
        self._item = last.index if isinstance(last, Item) else -1
        self._made: dict[bool, tuple[int, msgspec.json.Decoder[Any]]] = {}

    def read(self, lines: bytes | bytearray | memoryview, count: int, *, raw: bool) -> Inside:
        """What is in so many records, one a line. `raw`: strings as they stand. Raises one of ODD for records that
        cannot be read so, or that somebody else wrote.
        """
        records: list[Any] = self._decoder(raw).decode_lines(lines)
        if len(records) != count:
            raise ValueError("a line that is no record")
        sizes: list[list[int]] = []
        for one in self._lists:
            lists = one.own_values(records)
            sizes.append(list(map(len, lists)))
            records = list(chain.from_iterable(lists))
        for leaf in self._leaves:
            records = leaf.own_values(records)
        return Inside(_sums(sizes), list(map(_ITEM, records)) if self._item >= 0 else records)

    def _decoder(self, raw: bool) -> msgspec.json.Decoder[Any]:
        """For the names of fields that are known now."""
        known = sum(one.size for one in self._fields)
        made = self._made.get(raw)
        if made is None or made[0] != known:
            made = self._made[raw] = known, msgspec.json.Decoder(self._type(raw))
        return made[1]

    def _type(self, raw: bool) -> object:
        kind: Any = str if self.strings and not raw else msgspec.Raw
        if self._item >= 0:
            before = [(f"c{at}", msgspec.Raw) for at in range(self._item)]
            kind = msgspec.defstruct("Item", [*before, ("value", kind)], gc=False, array_like=True)
        for leaf in self._leaves:
            kind = record_type(leaf.path, leaf.names, kind)
        for one in reversed(self._lists):
            kind = record_type(one.path, one.names, list[kind])
        return kind


def _sums(sizes: Sequence[Sequence[int]]) -> list[int]:
    """Of each record how many there are in the lists of the last level. `sizes`: of the lists of each level."""
    counts = list(sizes[-1])
    for outer in reversed(sizes[:-1]):
        at = iter(counts)
        counts = [sum(next(at) for _ in range(size)) for size in outer]
    return counts
