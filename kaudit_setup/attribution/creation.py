"""The request that made one object: the one that names it, or, where names are generated, the one that fits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kaudit_setup.attribution.controllers.preassigned_pods import unbound, unclaimed
from kaudit_setup.attribution.evidence.actors import SCHEDULER
from kaudit_setup.attribution.evidence.index import EventIndex, named, nameless_requests
from kaudit_setup.attribution.evidence.lifetimes import Lifetime, lifetimes
from kaudit_setup.attribution.evidence.owner_names import Guess, generated_from, guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.timing import BURST, KUBELET_REPORTED, KUBELET_STARTED, PROMPT, QUEUED

Confidence = Literal["certain", "inferred", "unknown"]


@dataclass(frozen=True, slots=True)
class Creation:
    """How an object was made: its create, or None with what is known about it in `why`."""

    request: Request | None
    confidence: Confidence
    why: str
    note: str = ""


def creation_of(index: EventIndex, obj: Object, before: float, there: float = 0.0) -> Creation:
    """The request that made `obj`: the one that names it, else the one that fits.

    `there`: when `obj` is known to have been there from elsewhere (a child that bears its name), 0.0 if it is not.
    """
    found = lifetimes([request for request in index.on(obj) if request.done and request.at <= before])
    current = next((lifetime for lifetime in reversed(found) if lifetime.use is None), Lifetime(0.0))
    makers = [lifetime.creation for lifetime in found if lifetime.creation is not None]
    if current.creation is None:
        unnamed = is_generated(obj.name)
        creation = _nameless_creation(index, obj, before, there) if unnamed else _by_name(index, list(guesses(obj)))
        if makers:
            other = f"{actor(makers[-1])} made another object of this name, with another UID, at {makers[-1].time}"
            creation = replace(creation, note=other)
        return creation
    how = "the request names it" if made_name(current.creation) else "the answer to the request names it"
    note = ""
    if len(makers) > 1:
        others = ", ".join(f"{actor(request)} at {request.time}" for request in makers[:-1][-5:])
        note = f"another {obj} was made before: by {others}"
    if doubt := in_doubt(found[-1].gone, found[-1].use):
        return Creation(current.creation, "inferred", f"{how}; {doubt}", note)
    return Creation(current.creation, "certain", how, note)


def in_doubt(gone: Request | None, use: Request | None) -> str:
    """Why an object that `use` met may be the one that `gone` deleted; empty if there is no doubt."""
    if gone is None or use is None:
        return ""
    said = f"{actor(gone)} deleted it at {gone.time}, but {actor(use)} still met it at {use.time}"
    why = "it was made again by a request that is not in this log, or that deletion took long (a finalizer, maybe)"
    unsure = "" if gone.facts.dry_run is False else ", or was a dry run maybe: its options are not in the log"
    return f"{said}: {why}{unsure}"


def made_name(request: Request) -> bool:
    """Whether the request itself carried the name, rather than its answer."""
    return not request.facts.generate_name


def _nameless_creation(index: EventIndex, obj: Object, before: float, there: float) -> Creation:
    """At level Metadata and Request, the create of an object with a generated name does not hold that name."""
    told = announcement(index, obj)
    mentions = [request.at for request in index.on(obj) if request.done] + [
        at for at in (told.at if told else 0.0, there) if at
    ]
    # a generated name is used once: whatever mentions it later, it was made before that
    first = min(mentions, default=0.0)
    latest = min(before, first) if first else before
    kinds = list(guesses(obj))
    # the request of a person carries a query, and any request without a body may be a rival
    index.look_up([nameless_requests(obj)])
    fitting = {guess.controller: guess.scheme for guess in reversed(kinds) if index.on(guess.owner) or guess.prefix}
    if kinds and not fitting:
        seen = {request.object for request in met(index, [guess.owner for guess in kinds])}
        fitting = {guess.controller: guess.scheme for guess in reversed(kinds) if guess.owner in seen}
    makers = _unnamed(index, obj, latest)
    by_hand = unclaimed(index, obj, makers) if unbound(index, obj) else []
    if by_hand:
        makers = by_hand
        if not makers[-1].facts.generate_name and first - makers[-1].at < KUBELET_STARTED:
            return _without_scheduler(index, obj, makers, first)
    asked = [request for request in makers if generated_from(request.facts.generate_name, obj.name)]
    silent = [request for request in makers if not request.facts.generate_name]
    likely = _likely(index, obj, silent, kinds, fitting, first) if first and silent else []

    def telling(request: Request) -> tuple[bool, bool, float]:
        return _fresh(index, obj, request), request in asked or request.controller in fitting, request.at

    if asked and not (likely and telling(likely[-1]) > telling(asked[-1])):
        return _asked_for(index, obj, asked, latest)
    if not likely:
        return _by_name(index, kinds)
    chosen = likely[-1]
    why = f"a request without a name by {actor(chosen)}, {first - chosen.at:.3f} s before the log first names it"
    why += f"; its name follows {fitting[chosen.controller]}" if chosen.controller in fitting else ""
    return Creation(chosen, "inferred", why, _burst(index, likely, obj))


def _without_scheduler(index: EventIndex, obj: Object, makers: Sequence[Request], first: float) -> Creation:
    """The last of `makers`, which are those that can have made a Pod with its node's name in it."""
    chosen = makers[-1]
    why = f"a request without a name by {actor(chosen)}, {first - chosen.at:.3f} s before the log first names it"
    unlike = "it was not bound to its node, unlike the Pods that others asked for then"
    return Creation(chosen, "inferred", f"{why}; {unlike}", _burst(index, makers, obj))


def _asked_for(index: EventIndex, obj: Object, asked: Sequence[Request], latest: float) -> Creation:
    """The last of `asked`, whose bodies ask for such a name: certain if nobody else's request can have made `obj`."""
    chosen = asked[-1]
    since = latest - QUEUED if _fresh(index, obj, chosen) else 0.0
    around = [request for request in index.nameless(obj) if request.done and creates(request)]
    around = [request for request in around if since <= request.at <= latest + index.tolerance]
    owners = {_owner(request) for request in around if generated_from(request.facts.generate_name, obj.name)}
    silent = [request for request in around if not request.facts.generate_name]
    why = f"its request asked for a name beginning with {chosen.facts.generate_name}"
    note = _burst(index, asked, obj)
    if silent:
        others = ", ".join(list(dict.fromkeys(actor(request) for request in silent))[:5])
        said = f"a request without a name by {others}, whose body is not in the log, may have made {obj} as well"
        note = f"{note}; {said}" if note else said
    proven = len(owners) == 1 and not silent and chosen.at <= latest and not (index.left_out and not since)
    return Creation(chosen, "certain" if proven else "inferred", why, note)


def _owner(request: Request) -> tuple[str, ...]:
    """For whom a request was made: whichever of one controller's, or one person's, requests it was, it is theirs."""
    owner = request.facts.controller
    return (owner.uid,) if owner else (request.user, request.impersonator)


def _likely(
    index: EventIndex,
    obj: Object,
    silent: Sequence[Request],
    kinds: Sequence[Guess],
    fitting: Collection[str],
    first: float,
) -> list[Request]:
    """Which of the requests without name and body can have made `obj`, the likeliest last; none if none is likely."""
    likely = [request for request in silent if request.controller in fitting] or list(silent)
    if likely[-1].controller not in fitting and _by_name(index, kinds).why and not _fresh(index, obj, likely[-1]):
        # the controllers are not in the log: a request that some person made without a name proves nothing
        return []
    likely = _own(index, obj, likely) or likely
    # a person may have asked for a name that begins like a controller's: theirs is met as promptly
    by_hand = [request for request in silent if not request.by_kubernetes and request.at > likely[-1].at]
    prompt = bool(by_hand) and _fresh(index, obj, by_hand[-1])
    if prompt and (not _fresh(index, obj, likely[-1]) or first - by_hand[-1].at < (first - likely[-1].at) / 5):
        return by_hand
    return likely


def _own(index: EventIndex, obj: Object, makers: Sequence[Request]) -> list[Request]:
    """The requests that can have been for `obj`'s owner: not those that followed the wish of another at once.

    A Pod meets the scheduler right after it is made, so that the last request before that is its own. Where the log
    names it first in another way, maybe long after, those count that followed its own owner's wish at once.
    """
    kinds = list(guesses(obj))
    owners = {guess.owner for guess in kinds}
    owners |= {owner for guess in kinds if guess.prefix for owner in index.starting(guess.owner)}
    wishes = sorted(
        (request.at, request.object in owners)
        for owner in {*owners, *index.starting(Object("apps", "replicasets", obj.namespace, ""))}
        for request in index.on(owner)
        if request.done and (creates(request) or changes(request))
    )
    prompt: list[Request] = []
    possible: list[Request] = []
    for request in makers:
        last = bisect_right(wishes, (request.at, True)) - 1
        followed = wishes[last] if last >= 0 and request.at - wishes[last][0] < PROMPT else None
        if followed is None or followed[1]:
            possible.append(request)
        if followed is not None and followed[1]:
            prompt.append(request)
    if possible and _fresh(index, obj, possible[-1]):
        return possible
    return prompt or [request for request in possible if not request.by_kubernetes] or possible


def _fresh(index: EventIndex, obj: Object, maker: Request) -> bool:
    """Whether the scheduler or a kubelet met the Pod so soon after `maker` that this must have made it."""
    met = [
        request.at - maker.at < (KUBELET_REPORTED if request.node else PROMPT)
        for request in index.on(obj)
        if request.node or request.subresource == "binding" or request.controller == SCHEDULER
    ]
    return bool(met) and met[0]


def _unnamed(index: EventIndex, obj: Object, latest: float) -> list[Request]:
    """Creates, up to `latest`, of objects of this kind and place whose names the log does not have."""
    makers = [request for request in index.nameless(obj) if request.done and creates(request)]
    return [d for d in makers if d.at <= latest] or [d for d in makers if d.at <= latest + index.tolerance]


def _by_name(index: EventIndex, kinds: Sequence[Guess]) -> Creation:
    """Nothing but a name that a controller would have given, if the log knows its owner or what is above that."""
    for guess in kinds:
        if any(index.on(owner) for owner in (guess.owner, *above(guess.owner))):
            return Creation(None, "inferred", f"its name follows {guess.scheme}")
    return Creation(None, "unknown", "")


def above(owner: Object) -> list[Object]:
    return [guess.owner for guess in guesses(owner)]


def _burst(index: EventIndex, makers: Sequence[Request], obj: Object) -> str:
    """What to say where other requests are as likely: those of the same moment, or of another one."""
    near = [request for request in makers if makers[-1].at - request.at < BURST]
    if len(near) < len(makers) and not _fresh(index, obj, makers[-1]):
        span = f"between {makers[0].time} and {makers[-1].time}"
        return f"which of {len(makers)} such requests {span} made {obj} is not in the log: it may be an earlier one"
    if len(near) < 2:
        return ""
    return f"{len(near)} such requests came within two seconds; which of them made {obj} is not in the log"


def announcement(index: EventIndex, obj: Object) -> Request | None:
    """The controller's own event `Created pod: <name>`, whose body was logged."""
    said = f"Created pod: {obj.name}"
    told = [d for d in index.all() if d.facts.message == said and d.controller and d.namespace == obj.namespace]
    return min(told, key=lambda request: request.at, default=None)


def first_mention(index: EventIndex, obj: Object, before: float = float("inf")) -> float:
    """When the log first shows that `obj` exists, 0.0 if it does not."""
    return min((request.at for request in index.on(obj) if request.done and request.at <= before), default=0.0)


def met(index: EventIndex, objects: Sequence[Object]) -> list[Request]:
    """What shows that there were such objects, in order of time: controllers' reports and reads, too, which a search
    for something else leaves out.
    """
    literals = [literal for one in objects for literal in named(one)]
    return index.sift(literals, lambda d: d.done and d.object in objects and d.verb not in {"list", "watch"})


def doing(request: Request) -> str:
    """What a request did, in the past tense, for sentences with an object."""
    if deletes(request):
        return "evicted" if request.subresource == "eviction" else "deleted"
    if creates(request):
        return "created"
    return "scaled" if request.subresource == "scale" else "changed"


def actor(request: Request) -> str:
    """Who did it, for sentences: the one acted as, and who was behind that name."""
    return f"{request.user or 'an unauthenticated client'}" + (
        f" (impersonated by {request.impersonator})" if request.impersonator else ""
    )
