"""How an object was created, as far as the log tells; by its name alone, where nothing else is known."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.chain import Confidence
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.owner_names import Guess, possible_owners
from kaudit_setup.attribution.evidence.requests import Request


class Creation(msgspec.Struct, frozen=True):
    """How an object was created: its create, or None with what is known about it in `why`. `proviso`: who else may
    have created it, if the log tells them apart no better.
    """

    request: Request | None
    confidence: Confidence
    why: str
    note: str = ""
    proviso: str = ""


def by_name(index: EventIndex, kinds: Sequence[Guess]) -> Creation:
    """Nothing but a name that a controller would have given, if the log knows its owner or what is above that."""
    for guess in kinds:
        if any(index.on(owner) for owner in (guess.owner, *possible_owners(guess.owner))):
            return Creation(None, "inferred", f"its name follows {guess.scheme}")
    return Creation(None, "unknown", "")
