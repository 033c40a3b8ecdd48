"""The time that the logs of several API servers cover: each writes its own, and some may begin late or end early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.scan_statistics import GAP_SECONDS
from kaudit_setup.auditlog.timestamps import seconds
from kaudit_setup.unlogged_servers import UnloggedServer
from kaudit_setup.values import replace

_LONG: Final = 2
"""A log is silent for long if it was never silent for half as long before."""


class _Written(msgspec.Struct, frozen=True):
    """The logs that one server wrote one after the other, as far as their times tell."""

    name: str
    first: str
    last: str
    pause: float

    def unlogged(self, begin: str, end: str) -> Iterator[UnloggedServer]:
        """What is missing of the time from `begin` to `end`."""
        if _apart(self.last, end) > self.pause:
            yield UnloggedServer(self.name, "its log ends then", since=self.last)
        if _apart(begin, self.first) > self.pause:
            yield UnloggedServer(self.name, "its log begins then", until=self.first)


def by_coverage(coverage: Sequence[Coverage]) -> list[UnloggedServer]:
    """The servers whose logs begin long after the others', end long before, hold nothing, or could not be read."""
    empty = [UnloggedServer(one.name, _nothing(one)) for one in coverage if one.unknown]
    written = _written([one for one in coverage if not one.unknown])
    begin = min((one.first for one in written), default="")
    end = max((one.last for one in written), default="")
    partly = [found for one in written for found in one.unlogged(begin, end)]
    return [*empty, *partly] if written else []


def _nothing(one: Coverage) -> str:
    if one.lost:
        return "its log could not be read"
    return "its log holds no events" if one.files else "no audit log was found there"


def _written(coverage: Sequence[Coverage]) -> list[_Written]:
    """By whom the logs were written: one that begins just where another one ends goes on with that."""
    found: list[_Written] = []
    for one in sorted(coverage, key=lambda one: one.first):
        pause = max(GAP_SECONDS, _LONG * max((_apart(*gap) for gap in one.gaps), default=0.0))
        before = next((old for old in found if 0 <= _apart(old.last, one.first) <= GAP_SECONDS), None)
        if before is None:
            found.append(_Written(one.name, one.first, one.last, pause))
        else:
            found[found.index(before)] = replace(before, last=one.last, pause=max(before.pause, pause))
    return found


def common_span(coverage: Sequence[Coverage]) -> tuple[str, str]:
    """From when to when every log that holds events has them, where one begins or ends long after or before the
    others, else what they cover together; the first is the later one if there is no such time.
    """
    held = [one for one in coverage if one.first]
    partly = by_coverage(coverage)
    begin = max(min(one.first for one in held), *(one.until for one in partly), "")
    end = min([max(one.last for one in held), *filter(None, (one.since for one in partly))])
    return begin, end


def _apart(earlier: str, later: str) -> float:
    try:
        return seconds(later) - seconds(earlier)
    except ValueError:
        return 0.0
