"""Times of the log as numbers: a stranger may have written what stands in their place."""

from __future__ import annotations

from typing import Final

from kaudit_setup.auditlog.timestamps import seconds, stamp_or_nothing

_BEGINNING: Final = "2000-01-01T00:00:00Z"


def moment_of(time: str) -> float:
    """Seconds since 1970; 0 for what is not a time."""
    return seconds(time) if stamp_or_nothing(time) else 0.0


def whole(step: str) -> str:
    """A step of time, `2026-11-25T14`, as the time at which it begins; empty for none."""
    return step + _BEGINNING[len(step) :] if step else ""
