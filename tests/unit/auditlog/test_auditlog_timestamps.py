"""Spans of time and the holes in them, beside a count of the seconds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from kaudit_setup.auditlog.timestamps import Span, without

SPAN = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda ends: (float(ends[0]), float(ends[1])))
SPANS = st.lists(SPAN, max_size=6)


def seconds_in(spans: list[Span]) -> set[int]:
    return {second for begin, end in spans for second in range(int(begin), int(end))}


@given(SPANS, SPANS)
@example([(0.0, 9.0), (3.0, 3.0), (9.0, 4.0)], [(2.0, 5.0), (4.0, 6.0)])
def test_spans_without_holes_are_the_seconds_that_are_left(spans: list[Span], holes: list[Span]) -> None:
    left = without(spans, holes)
    assert seconds_in(left) == seconds_in(spans) - seconds_in(holes)
    assert all(begin < end for begin, end in left)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(left)), "in order, none touches the next"
