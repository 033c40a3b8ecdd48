"""Creates whose bodies ask for a name that begins like the object's: which of them made it, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.chain import both, certain_if
from kaudit_setup.attribution.creation.candidates import Candidates, creates_without_name
from kaudit_setup.attribution.creation.missing_requests import lacking_requests
from kaudit_setup.attribution.creation.result import Creation
from kaudit_setup.attribution.creation.rivals import or_others, rivals_note, rivals_without_body
from kaudit_setup.attribution.evidence.first_seen import first_mention
from kaudit_setup.attribution.evidence.owner_names import generated_from
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import QUEUED
from kaudit_setup.values import replace


class _Possible(msgspec.Struct, frozen=True):
    """Every create without a name that can have made the object, whatever speaks for it.

    `around`: those that came so late that the scheduler may have met theirs with it; `waiting`: earlier ones that may
    have waited for the scheduler. `complete`: whether the log is known to hold all of them.
    """

    around: Sequence[Request]
    waiting: Sequence[Request]
    complete: bool

    @property
    def without_body(self) -> list[str]:
        """Who sent those whose bodies are not in the log."""
        return list(dict.fromkeys(actor(request) for request in self.around if not request.facts.generate_name))

    def owners(self, name: str) -> set[tuple[str, ...]]:
        """For whom those were made that asked for a name that begins like `name`."""
        both = (*self.around, *self.waiting)
        return {_owner(request) for request in both if generated_from(request.facts.generate_name, name)}


def creation_by_prefix(candidates: Candidates, asked: Sequence[Request]) -> Creation:
    """The last of `asked`, whose bodies ask for such a name: certain if nobody else's request can have made it."""
    chosen = asked[-1]
    possible = _possible(candidates, chosen)
    without_body = possible.without_body
    alone = len(possible.owners(candidates.object.name)) == 1 and not without_body
    proven = alone and chosen.at <= candidates.latest and possible.complete
    lacking = lacking_requests(candidates, chosen) if proven else ""
    why = f"its request asked for a generated name with the prefix {chosen.facts.generate_name}"
    notes = (rivals_note(candidates, asked), rivals_without_body(candidates.object, without_body))
    provisos = both(or_others(candidates, asked, without_body), lacking)
    return Creation(chosen, certain_if(proven and not lacking), why, both(*notes), provisos)


def _possible(candidates: Candidates, chosen: Request) -> _Possible:
    since = candidates.latest - QUEUED if candidates.fresh(chosen) else 0.0
    until = candidates.latest + candidates.index.tolerance
    creates = [r for r in creates_without_name(candidates.index, candidates.object) if r.at <= until]
    waiting = _waiting(candidates, [request for request in creates if request.at < since], since)
    complete = bool(since) or not candidates.index.left_out
    return _Possible([request for request in creates if since <= request.at], waiting, complete)


def _waiting(candidates: Candidates, earlier: Sequence[Request], until: float) -> list[Request]:
    """What somebody made by hand before `until`, and may have met the scheduler only after that: a Pod waits for as
    long as its maker likes (schedulingGates, for instance). None of it where the log has a name for each request.
    """
    by_hand = [request for request in earlier if not request.by_kubernetes]
    if not by_hand:
        return []
    index, obj, length = candidates.index, candidates.object, len(candidates.object.name)
    alike = index.starting(replace(obj, name=obj.name.rpartition("-")[0]))
    met = [one for one in alike if len(one.name) == length and 0.0 < first_mention(index, one) < until]
    return by_hand if len(earlier) > len(met) else []


def _owner(request: Request) -> tuple[str, ...]:
    """For whom a request was made: whichever of one controller's, or one person's, requests it was, it is theirs."""
    owner = request.facts.controller
    return (owner.uid,) if owner else (request.user, request.impersonator)
