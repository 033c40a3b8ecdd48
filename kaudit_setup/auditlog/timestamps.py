"""Timestamps: as users write them, and as the log writes them.

kube-apiserver writes every timestamp as RFC 3339 in UTC with six digits (metav1.MicroTime), so two of them compare as
text. That is what the readers do; only gaps and rates are computed from numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import msgspec

from kaudit_setup.errors import InputError
from kaudit_setup.units import is_duration, parse_duration

_FIRST_YEAR = 2014
"""Kubernetes is no older: a clock that shows an earlier year was never set."""
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}Z")
_NEARER = "give a time between the years 1 and 9999"
_LATEST = "~"  # sorts after every digit

_BEGIN = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()

Span = tuple[float, float]
"""From and to, in seconds since 1970; empty if it ends before it begins."""


def stamp(moment: datetime) -> str:
    """`moment` as the log spells it, e.g. `2026-11-23T16:06:07.695005Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def restamp(text: str) -> str:
    """A moment in RFC 3339 as the log spells it. Raises InputError if `text` is none."""
    try:
        found = datetime.fromisoformat(text) if text.endswith("Z") and text[10:11] == "T" else None
    except ValueError:
        found = None
    return stamp(moment(text) if found is None else found)


def stamp_or_nothing(text: str) -> str:
    """`text` if it is a timestamp as the log spells them, else empty: damaged lines hold anything."""
    if not _STAMP.fullmatch(text):
        return ""
    try:
        seconds(text)
    except ValueError:  # the 99th of a month
        return ""
    return text


def seconds(text: str) -> float:
    """Seconds since 1970 of a timestamp of the log. Raises ValueError if it is not one."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def latest_credible(now: datetime) -> str:
    """The end of the year after `now`, in the log's spelling: nothing was logged later, however wrong a clock is."""
    return f"{now.year + 1}-12-31T23:59:59.999999Z"


def credible(text: str, latest: str) -> bool:
    """Whether `text` is a time of the log, in any spelling of RFC 3339, at which a cluster can have written it: none
    before Kubernetes was there, and none after `latest`. What is not tells nothing of what came before or after it.
    """
    try:
        return seconds(text) >= _BEGIN and text <= latest
    except (ValueError, OverflowError):
        return False


def moment(text: str, now: datetime | None = None) -> datetime:
    """From RFC 3339 (a missing zone means UTC, a missing time midnight) or a time ago like `2h`.

    Raises InputError if it is neither.
    """
    try:
        if is_duration(text):
            return (now or datetime.now(UTC)) - parse_duration(text)
        parsed = datetime.fromisoformat(text.strip().upper())  # RFC 3339 allows t and z
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise InputError(f"{text!r} is too far away", hint=_NEARER) from None
    except ValueError:
        raise InputError(
            f"invalid time {text!r}", hint="write RFC 3339, like 2026-11-23T16:00:00Z, or a time ago, like 2h"
        ) from None


class Window(msgspec.Struct, frozen=True):
    """A span of time in the log's format, both ends included; the default is all time."""

    since: str = ""
    until: str = _LATEST

    @classmethod
    def of(cls, since: str | None, until: str | None, now: datetime | None = None) -> Window:
        """From what the user typed for --since and --until; raises InputError."""
        window = cls(
            stamp(moment(since, now)) if since is not None else "",
            stamp(moment(until, now)) if until is not None else _LATEST,
        )
        if window.since > window.until:
            raise InputError(
                f"--since {since} is later than --until {until}", hint="swap them, or leave one of them out"
            )
        return window

    @classmethod
    def around(cls, begin: float, end: float) -> Window:
        """At least the time from `begin` to `end`, in seconds since 1970; 0 and infinity are all time."""
        since = stamp(datetime.fromtimestamp(begin - 1, UTC)) if begin > 1 else ""
        return cls(since, stamp(datetime.fromtimestamp(end + 1, UTC)) if end < inf else _LATEST)

    @property
    def open(self) -> bool:
        """Whether it is all time."""
        return not self.since and self.until == _LATEST

    def holds(self, text: str) -> bool:
        """Whether a timestamp of the log lies inside."""
        return self.since <= text <= self.until

    def clip(self, first: str, last: str) -> Span:
        """The part of `first` to `last`, two timestamps of the log, that lies inside."""
        return seconds(max(first, self.since)), seconds(min(last, self.until))


ALWAYS = Window()


def without(spans: Iterable[Span], holes: Iterable[Span] = ()) -> list[Span]:
    """The time that at least one of `spans` covers and none of `holes` does: disjoint, non-empty spans, in order."""
    edges = sorted(
        (at, kind, step)
        for kind, several in enumerate((spans, holes))
        for begin, end in several
        if begin < end
        for at, step in ((begin, 1), (end, -1))
    )
    found: list[Span] = []
    depth = [0, 0]  # how many spans and how many holes lie here
    for (begin, kind, step), (end, _, _) in pairwise(edges):
        depth[kind] += step
        if begin == end or not depth[0] or depth[1]:
            continue
        if found and found[-1][1] == begin:
            begin = found.pop()[0]
        found.append((begin, end))
    return found
