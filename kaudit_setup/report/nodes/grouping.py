"""What is alike on several nodes is said once, with their names."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from kaudit_setup.report.escape import safe

_MOST_NAMES = 12
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def gather(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Everything under its key, in the order in which it comes."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def names(hosts: Sequence[str]) -> str:
    """Their names, each once, the first ones if there are many; safe to print."""
    unique = list(dict.fromkeys(hosts))
    more = len(unique) - _MOST_NAMES
    if more <= 1:
        return ", ".join(map(safe, unique))
    return f"{', '.join(map(safe, unique[:_MOST_NAMES]))} and {more} more"


def only(hosts: Sequence[str], of: int) -> str:
    """` (cp1, cp2)` where these are not all `of` them, else nothing."""
    return f" ({names(hosts)})" if len(hosts) < of else ""
