"""Moments as people read them: in local time, or in UTC with --utc, and as an age where kubectl shows one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from kaudit_setup.report.presentation import presentation

_MOMENT = re.compile(r"(?<![\w./:-])(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z| UTC)(?![\w/-]|\.\w)")


def zone() -> str:
    """What the heading of a column of times says."""
    return "UTC" if presentation().utc else datetime.now().astimezone().tzname() or "local"


def shown(moment: str) -> str:
    """`2026-11-23T16:17:36.781678Z` as `2026-11-23 17:17:36`; what is not a time comes back as it is."""
    found = parsed(moment)
    if found is None:
        return moment
    there = found.astimezone(UTC) if presentation().utc else found.astimezone()
    return f"{there:%Y-%m-%d %H:%M:%S}"


def localized(text: str) -> str:
    """A sentence with each moment in it (`2022-04-11T22:21:15.910428Z`, `2022-04-11 22:21:15 UTC`) as `shown` shows
    it, with its zone; seconds are enough for people. What is only a part of a longer word stays as it is.
    """
    return _MOMENT.sub(_with_zone, text)


def _with_zone(found: re.Match[str]) -> str:
    moment = parsed(f"{found[1]}T{found[2]}Z")
    if moment is None:
        return found[0]
    there = moment if presentation().utc else moment.astimezone()
    return f"{there:%Y-%m-%d %H:%M:%S} {there.tzname() or 'local'}"


def clock(now: datetime | None = None) -> str:
    """The time of day with its zone, for what is shown again and again."""
    return f"{shown((now or datetime.now(UTC)).isoformat())} {zone()}"


def age(moment: str, now: datetime | None = None) -> str:
    """How long ago, as kubectl writes it: `45s`, `12m`, `3h`, `5d`; `-` for what is not a time."""
    found = parsed(moment)
    if found is None:
        return "-"
    seconds = max(((now or datetime.now(UTC)) - found) / timedelta(seconds=1), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"


def parsed(moment: str) -> datetime | None:
    """RFC 3339 as a moment, None for anything else."""
    try:
        found = datetime.fromisoformat(moment)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
