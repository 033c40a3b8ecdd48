"""Lengths of time and numbers, alone or with a noun, as people write them. The flags of kube-apiserver take Go's: see
manifest/govalues.
"""

from __future__ import annotations

import re
from datetime import timedelta

from kaudit_setup.errors import InputError

_DURATION = r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?"
_MOST_DIGITS = 20
_HINT = "write it like 30m, 2h or 1d12h"


def natural(text: str) -> int | None:
    """The number in `text`, if that is nothing but digits and the number has 64 bits at the most."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else None


def is_duration(text: str) -> bool:
    """Whether `text` is written as a duration: `90s`, `2h`, `1d12h`, `3w`."""
    return bool(text.strip()) and re.fullmatch(_DURATION, text.strip()) is not None


def parse_duration(text: str) -> timedelta:
    """From `90s`, `2h`, `1d12h`, `3w`; raises InputError on anything else, and beyond a million years or so."""
    found = re.fullmatch(_DURATION, text.strip())
    if found is None or not found[0]:
        raise InputError(f"{text!r} is not a duration", hint=_HINT)
    try:
        # more digits than a number may have: ValueError
        weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (OverflowError, ValueError):
        raise InputError(f"{text!r} is too long", hint=_HINT) from None


def counted(number: int, noun: str) -> str:
    """`1 gap`, `2 gaps`, `0 policies`: a number with its regular noun, whose last word takes the plural."""
    if number == 1:
        return f"1 {noun}"
    ending = noun[-2:]
    if ending[-1] == "y" and ending[0] not in "aeou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
