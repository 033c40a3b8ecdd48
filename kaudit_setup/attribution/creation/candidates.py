"""The creates without a name that may have made an object with a generated name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kaudit_setup.attribution.controllers.preassigned_pods import never_bound, preassigned_by
from kaudit_setup.attribution.evidence.actors import SCHEDULER
from kaudit_setup.attribution.evidence.choose import by_a_clock_ahead, up_to
from kaudit_setup.attribution.evidence.first_seen import announcement, first_mention, mentions
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import nameless_requests
from kaudit_setup.attribution.evidence.owner_names import Guess, generated_from, guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.timing import KUBELET_REPORTED, PROMPT


class Candidates(msgspec.Struct, frozen=True):
    """An object with a generated name, whose own create is to be found among those without a name.

    `first`: when the log first shows the object, 0.0 if it does not. `latest`: when it was created at the latest.
    `guesses`: the owners that its name allows; `schemes`: the naming scheme by controller, where the log knows such
    an owner. `makers`: the creates that can have made it, in order of time; `preassigned`: they are only those that
    may have named its node.
    """

    index: EventIndex
    object: Object
    first: float
    latest: float
    guesses: tuple[Guess, ...]
    schemes: Mapping[str, str]
    makers: tuple[Request, ...]
    preassigned: bool

    @property
    def asked(self) -> list[Request]:
        """The makers whose bodies ask for a name that begins like the object's."""
        return [request for request in self.makers if generated_from(request.facts.generate_name, self.object.name)]

    @property
    def without_body(self) -> list[Request]:
        """The makers whose bodies do not tell the name that they asked for."""
        return [request for request in self.makers if not request.facts.generate_name]

    @property
    def by_hand(self) -> list[Request]:
        """Those of the makers without a body that people sent."""
        return [request for request in self.without_body if not request.by_kubernetes]

    @property
    def owners(self) -> set[Object]:
        """The owners that its name allows, also those of which it has the beginning of the name only."""
        named_in_part = [guess.owner for guess in self.guesses if guess.prefix]
        return {guess.owner for guess in self.guesses}.union(*map(self.index.starting, named_in_part))

    def fresh(self, maker: Request) -> bool:
        """Whether the scheduler or a kubelet met the Pod so soon after `maker` that this must have made it."""
        met = (
            request.at - maker.at < (KUBELET_REPORTED if request.node else PROMPT)
            for request in self.index.on(self.object)
            if request.node or request.subresource == "binding" or request.controller == SCHEDULER
        )
        return next(met, False)

    def rank(self, maker: Request) -> tuple[bool, bool, float]:
        """How much speaks for a maker."""
        fits = maker.controller in self.schemes or generated_from(maker.facts.generate_name, self.object.name)
        return self.fresh(maker), fits, maker.at


def candidates_for(index: EventIndex, obj: Object, before: float, seen_at: float) -> Candidates:
    """What may have made `obj`, whose name looks generated, before `before` (Unix seconds).

    The log is searched for creates without a name. `seen_at`: see `creation_of`.
    """
    said = announcement(index, obj)
    seen = [first_mention(index, obj), said.at if said else 0.0, seen_at]
    # a generated name is used once: whatever mentions it later, it was made before that
    first = min(filter(None, seen), default=0.0)
    latest = min(before, first) if first else before
    kinds = tuple(guesses(obj))
    # the request of a person carries a query, and any request without a body may be a rival
    index.look_up([nameless_requests(obj)])
    schemes = _known_schemes(index, kinds)
    makers = _unnamed(index, obj, latest)
    preassigned = preassigned_by(index, obj, makers) if never_bound(index, obj) else []
    return Candidates(index, obj, first, latest, kinds, schemes, tuple(preassigned or makers), bool(preassigned))


def _known_schemes(index: EventIndex, kinds: Sequence[Guess]) -> dict[str, str]:
    """The naming scheme by controller, the likeliest first choice, of the owners that the log knows."""
    known = [guess for guess in kinds if index.on(guess.owner) or guess.prefix] or _met_guesses(index, kinds)
    return {guess.controller: guess.scheme for guess in reversed(known)}


def _met_guesses(index: EventIndex, kinds: Sequence[Guess]) -> list[Guess]:
    """The owners that only reports and reads show."""
    if not kinds:
        return []
    seen = {request.object for request in mentions(index, [guess.owner for guess in kinds])}
    return [guess for guess in kinds if guess.owner in seen]


def _unnamed(index: EventIndex, obj: Object, latest: float) -> list[Request]:
    """Creates, up to `latest`, of objects of this kind and place whose names the log does not have."""
    makers = creates_without_name(index, obj)
    known = up_to(makers, latest)
    first = next((request for request in index.done(obj) if request.at == latest), None)
    if first is None:
        return known or up_to(makers, latest + index.tolerance)
    return known + by_a_clock_ahead(makers, known, first, index.tolerance)


def creates_without_name(index: EventIndex, obj: Object) -> list[Request]:
    """The creates that took effect, of objects of this kind and place, whose names are not in the log."""
    return [request for request in filter(creates, index.nameless(obj)) if request.done]
