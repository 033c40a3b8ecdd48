"""Which of the creates without a name made an object: how they are told apart."""

from __future__ import annotations

from kaudit_setup.attribution.chain import both
from kaudit_setup.attribution.creation.candidates import Candidates
from kaudit_setup.attribution.creation.living import creation_of_the_living, made_in_its_second
from kaudit_setup.attribution.creation.missing_requests import lacking_requests
from kaudit_setup.attribution.creation.owner_changes import for_the_owner
from kaudit_setup.attribution.creation.prefix import creation_by_prefix
from kaudit_setup.attribution.creation.result import Creation, by_name
from kaudit_setup.attribution.creation.rivals import or_others, rivals_note, rivals_without_body
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import KUBELET_STARTED


def nameless_creation(candidates: Candidates) -> Creation:
    """The likeliest of the creates without a name."""
    candidates = made_in_its_second(candidates)
    return creation_of_the_living(candidates) or _preassigned(candidates) or _told_apart(candidates)


def _preassigned(candidates: Candidates) -> Creation | None:
    """The last of the creates that may have named the node of a Pod; None if its kubelet did not start it at once."""
    if not candidates.preassigned:
        return None
    last = candidates.makers[-1]
    if last.facts.generate_name or candidates.first - last.at >= KUBELET_STARTED:
        return None
    why = (
        f"{_before_first(candidates, last)}; it was not bound to its node, unlike the Pods that others asked for then"
    )
    rivals = rivals_note(candidates, candidates.makers)
    return Creation(last, "inferred", why, rivals, or_others(candidates, candidates.makers))


def _told_apart(candidates: Candidates) -> Creation:
    """The likeliest by what it asked for, by whom it was for, and by what met the object first."""
    asked, likely = candidates.asked, _likely(candidates)
    if asked and not (likely and candidates.rank(likely[-1]) > candidates.rank(asked[-1])):
        return creation_by_prefix(candidates, asked)
    if not likely:
        return by_name(candidates.index, candidates.guesses)
    chosen = likely[-1]
    scheme = candidates.schemes.get(chosen.controller)
    why = f"{_before_first(candidates, chosen)}{f'; its name follows {scheme}' if scheme else ''}"
    without_body = _met_as_promptly(candidates, chosen)
    notes = (rivals_note(candidates, likely), rivals_without_body(candidates.object, without_body))
    lacking = "" if chosen.by_kubernetes else lacking_requests(candidates, chosen)
    return Creation(chosen, "inferred", why, both(*notes), both(or_others(candidates, likely, without_body), lacking))


def _met_as_promptly(candidates: Candidates, chosen: Request) -> list[str]:
    """People whose requests without a name were met by the object as promptly as that of the controller `chosen`:
    anybody may ask for a name that begins like a controller's.
    """
    if not chosen.by_kubernetes:
        return []
    return list(dict.fromkeys(map(actor, filter(candidates.fresh, candidates.by_hand))))


def _before_first(candidates: Candidates, maker: Request) -> str:
    lag = candidates.first - maker.at
    return f"a request without a name by {actor(maker)}, {lag:.3f} s before the log first names it"


def _likely(candidates: Candidates) -> list[Request]:
    """Which of the creates without name and body can have made the object, the likeliest last."""
    without_body = candidates.without_body
    if not candidates.first or not without_body:
        return []
    likely = [request for request in without_body if request.controller in candidates.schemes] or without_body
    fits = likely[-1].controller in candidates.schemes or candidates.fresh(likely[-1])
    if not fits and by_name(candidates.index, candidates.guesses).why:
        # the controllers are not in the log: a request that some person made without a name proves nothing
        return []
    likely = for_the_owner(candidates, likely) or likely
    return _by_hand_after(candidates, likely[-1]) or likely


def _by_hand_after(candidates: Candidates, chosen: Request) -> list[Request]:
    """What people sent after `chosen`, if the last of it rather made the object; empty if it did not.

    A person may have asked for a name that begins like a controller's: theirs is met as promptly.
    """
    later = [request for request in candidates.by_hand if request.at > chosen.at]
    return later if later and _met_sooner(candidates, later[-1], chosen) else []


def _met_sooner(candidates: Candidates, by_hand: Request, other: Request) -> bool:
    """Whether the object was met so promptly after `by_hand` that this made it rather than `other` before that."""
    if not candidates.fresh(by_hand):
        return False
    return not candidates.fresh(other) or candidates.first - by_hand.at < (candidates.first - other.at) / 5
