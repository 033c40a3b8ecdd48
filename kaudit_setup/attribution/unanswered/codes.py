"""Why nobody is named, for programs: one word for each kind of sentence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why nobody is named; a question may have several reasons, the weightiest first."""

    unreadable = "unreadable"
    """Some of the log could not be read."""
    log_missing = "log-missing"
    """A gap, or an API server whose log is not here."""
    no_events = "no-events"
    """The log holds no events."""
    not_found = "not-found"
    """Nothing in the log names the object, or the user."""
    other_namespace = "other-namespace"
    """Nothing names it here; in another namespace there is one of that name."""
    not_done = "not-done"
    """The log names it, and has no successful request of the kind asked for."""
    not_in_log = "not-in-log"
    """It was done, and who did it is not in the log: it was before the log begins, or was not logged."""
    not_logged = "not-logged"
    """The policy leaves such requests out."""
    no_effect = "no-effect"
    """There are only requests that had no effect: they changed nothing, or were dry runs."""
    unclear = "unclear"
    """Somebody asked for it, and the log does not tell whether it took effect."""
    another_time = "another-time"
    """Somebody did it outside of the time asked for."""


class Because(NamedTuple):
    """A sentence that says why nobody is named; `reason` is None for advice."""

    reason: Reason | None
    said: str


def codes(because: Iterable[Because]) -> tuple[Reason, ...]:
    """The reasons among some sentences, each once."""
    return tuple(dict.fromkeys(one.reason for one in because if one.reason is not None))


def sentences(because: Iterable[Because]) -> list[str]:
    """What people are told."""
    return [one.said for one in because]
