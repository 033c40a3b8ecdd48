"""What is looked for once more where the first reading of a log told nothing: all of it found in one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.literals import MOST_SAMPLED, holder
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit, candidates

_MOST_BYTES = 32 << 20
"""Of lines that are kept. Of more, each search reads the log by itself."""


class Expected(msgspec.Struct, frozen=True):
    """Literals that may be looked for; `samples`: those of which a thousand lines tell enough."""

    literals: frozenset[bytes]
    samples: frozenset[bytes] = frozenset()


class SecondReading:
    """The lines that hold what is expected; read when they are first asked for."""

    def __init__(self, files: Sequence[LogFile], expected: Callable[[], Expected], tallies: dict[str, Tally]) -> None:
        """`expected` is asked when it matters. `files`, `tallies`: see `candidates`."""
        self._files = files
        self._ask = expected
        self._tallies = tallies

    @cached_property
    def _expected(self) -> Expected:
        return self._ask()

    def lines(self, literals: Sequence[bytes]) -> list[Hit] | None:
        """Those that hold one of `literals`; None if that was not expected, or there are too many."""
        known = self._expected.literals | self._expected.samples
        if not literals or not known.issuperset(literals) or self._lines is None:
            return None
        holds = holder(literals)
        return [hit for hit in self._lines if holds(hit.text)]

    @cached_property
    def _lines(self) -> list[Hit] | None:
        kept: list[Hit] = []
        size = 0
        for hit in self._found():
            size += len(hit.text)
            if size > _MOST_BYTES:
                return None
            kept.append(hit)
        return kept

    def _found(self) -> Iterator[Hit]:
        literals = [*self._expected.literals]
        # whatever holds a literal that is in a sample is found by that
        samples = [one for one in self._expected.samples if not any(literal in one for literal in literals)]
        holds, left = holder(literals), {holder([one]): MOST_SAMPLED for one in samples}
        for hit in candidates(self._files, literals, tallies=self._tallies, samples=samples):
            if holds(hit.text):
                yield hit
            elif held := [one for one, count in left.items() if count and one(hit.text)]:
                left.update({one: left[one] - 1 for one in held})
                yield hit
