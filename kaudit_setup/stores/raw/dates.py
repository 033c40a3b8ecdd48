"""What the dates in an object's key tell of the time of its events: enough to leave many objects where they are.

A date in a folder is the day of the events. One in the name of a file may be the day on which it was begun, or that
on which it was rotated, with the events of weeks before; so it tells only that nothing in it is much later. Anything
else that looks like a date (of a cluster's name, or within a number) must not hide a log: if a key has several dates,
one that fits is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.stores.s3 import Stored

_DATE = re.compile(
    r"(?<![0-9A-Za-z])(20\d\d)(?:[-/_.]?|/month=|/m=|/)(?:month=|mm=|m=)?(0[1-9]|1[0-2])"
    r"(?:[-/_.]?|/day=|/d=)(?:day=|dd=|d=)?(0[1-9]|[12]\d|3[01])(?!\d)"
)
_ROTATED = re.compile(r"-20\d\d-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\b")
"""As lumberjack, which kube-apiserver rotates its log with, names a file that it closes."""
_DAY = len("2026-11-23")
_LATE = timedelta(days=1)
"""How much later than its events an object may be named and written: shippers wait until they have enough."""
_OTHER = (".parquet", ".json.md5", ".sha256", "_SUCCESS")


def days_in(text: str) -> list[date]:
    """The days that a key, or a part of one, names."""
    days = []
    for found in _DATE.finditer(text):
        try:
            days.append(date(*map(int, found.groups())))
        except ValueError:  # the 31st of a shorter month
            continue
    return days


def pruned(objects: Iterable[Stored], window: Window) -> list[Stored]:
    """The objects that may hold something of `window`, by the days in their keys and by when they were written."""
    return [one for one in objects if may_be_a_log(one) and _touches(one, window)]


def may_be_a_log(one: Stored) -> bool:
    """Whether it has contents, and not those of which its name says that they are something else."""
    return one.size > 0 and not one.key.endswith(_OTHER)


def _touches(one: Stored, window: Window) -> bool:
    if one.written < window.since:
        return False
    folder, _, name = one.key.rpartition("/")
    rotated = _ROTATED.search(name) is not None
    of_events = [] if rotated else days_in(f"{folder}/")
    days = of_events or days_in(name)
    if not days:
        return True
    first = date.fromisoformat(window.since[:_DAY]) - _LATE if window.since else date.min
    last = date.max
    if of_events and window.until != ALWAYS.until:
        last = date.fromisoformat(window.until[:_DAY]) + _LATE
    return any(first <= day <= last for day in days)
