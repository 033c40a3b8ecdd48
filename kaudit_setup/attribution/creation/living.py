"""How an object was created, as the living object tells: when it was made, and whether by a controller."""

from __future__ import annotations

from kaudit_setup.attribution.creation.candidates import Candidates
from kaudit_setup.attribution.creation.result import Creation
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.values import replace


def made_in_its_second(candidates: Candidates) -> Candidates:
    """The candidates among those creates only that were under way when, as the living object says, it was made."""
    living, tolerance = candidates.index.living.get(candidates.object), candidates.index.tolerance
    if living is None:
        return candidates
    fitting = tuple(one for one in candidates.makers if living.may_be_made_by(one, tolerance))
    return replace(candidates, makers=fitting) if fitting else candidates


def creation_of_the_living(candidates: Candidates) -> Creation | None:
    """The only create that fits what the living object says; None if there are several, or none."""
    living = candidates.index.living.get(candidates.object)
    if living is None or len(candidates.makers) != 1:
        return None
    maker = candidates.makers[0]
    by_controller = bool(maker.controller) == (living.controller is not None)
    if not by_controller or not living.may_be_made_by(maker, candidates.index.tolerance):
        return None
    why = f"the only request without a name when it was made, at {living.created}, as the living object says"
    return Creation(maker, "certain", why)


def confirmed(index: EventIndex, creation: Creation, create: Request) -> Creation:
    """A creation without its doubt where the living object says that it was made in that very second."""
    living = index.living.get(create.object)
    if living is None or creation.confidence == "certain" or not living.may_be_made_by(create, index.tolerance):
        return creation
    why = f"the request names it, and the living object says that it was made at {living.created}"
    return replace(creation, confidence="certain", why=why, proviso="")
