"""The request that made one object: the one that names it, or, where names are generated, the one that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kaudit_setup.trail.actors import SCHEDULER
from kaudit_setup.trail.book import Book, nameless_requests
from kaudit_setup.trail.deeds import Deed, Object, changes, creates, deletes
from kaudit_setup.trail.naming import Guess, generated_from, guesses, is_generated

Confidence = Literal["certain", "inferred", "unknown"]

_REPORTED = 5.0
_PROMPT = 1.0
"""Seconds within which a controller fulfils a wish, if nothing keeps it."""


@dataclass(frozen=True, slots=True)
class Birth:
    """How an object was made: its create, or None with what is known about it in `why`."""

    deed: Deed | None
    confidence: Confidence
    why: str
    note: str = ""


def birth_of(book: Book, obj: Object, before: float, there: float = 0.0) -> Birth:
    """The request that made `obj`: the one that names it, else the one that fits.

    `there`: when `obj` is known to have been there from elsewhere (a child that bears its name), 0.0 if it is not.
    """
    deeds = [deed for deed in book.on(obj) if deed.done and deed.at <= before]
    makers = [deed for deed in deeds if creates(deed)]
    if makers:
        note = ""
        if len(makers) > 1:
            others = ", ".join(f"{actor(deed)} at {deed.time}" for deed in makers[:-1][-5:])
            note = f"another {obj} was made before: by {others}"
        how = "the request names it" if made_name(makers[-1]) else "the answer to the request names it"
        return Birth(makers[-1], "certain", how, note)
    if not is_generated(obj.name):
        return _by_name(book, list(guesses(obj)))
    return _nameless_birth(book, obj, before, there)


def made_name(deed: Deed) -> bool:
    """Whether the request itself carried the name, rather than its answer."""
    return not deed.facts.generate_name


def _nameless_birth(book: Book, obj: Object, before: float, there: float) -> Birth:
    """At level Metadata and Request, the create of an object with a generated name does not hold that name."""
    told = announcement(book, obj)
    mentions = [deed.at for deed in book.on(obj) if deed.done] + [
        at for at in (told.at if told else 0.0, there) if at
    ]
    # a generated name is used once: whatever mentions it later, it was made before that
    first = min(mentions, default=0.0)
    latest = min(before, first) if first else before
    kinds = list(guesses(obj))
    fitting = {guess.controller: guess.scheme for guess in reversed(kinds) if book.on(guess.owner) or guess.prefix}
    makers = _unnamed(book, obj, latest)
    if not any(generated_from(d.facts.generate_name, obj.name) or d.controller in fitting for d in makers):
        # its owner is not in the log, or it has none: the request of a person carries a query
        book.look_up([nameless_requests(obj)])
        makers = _unnamed(book, obj, latest)
    bodies = [deed for deed in makers if generated_from(deed.facts.generate_name, obj.name)]
    if bodies:
        owners = {deed.facts.controller.uid if deed.facts.controller else deed.user for deed in bodies}
        confidence: Confidence = "certain" if len(owners) == 1 else "inferred"
        why = f"its request asked for a name beginning with {bodies[-1].facts.generate_name}"
        return Birth(bodies[-1], confidence, why, _burst(book, bodies, obj))
    makers = [deed for deed in makers if not deed.facts.generate_name]
    likely = [deed for deed in makers if deed.controller in fitting] or makers
    told_by_name = _by_name(book, kinds)
    if not first or not likely:
        return told_by_name
    if likely[-1].controller not in fitting and told_by_name.why and not _fresh(book, obj, likely[-1]):
        # the controllers are not in the log: a request that some person made without a name proves nothing
        return told_by_name
    likely = _own(book, obj, likely) or likely
    # a person may have asked for a name that begins like a controller's: theirs is met as promptly
    by_hand = [deed for deed in makers if not deed.by_kubernetes and deed.at > likely[-1].at]
    prompt = bool(by_hand) and _fresh(book, obj, by_hand[-1])
    if prompt and (not _fresh(book, obj, likely[-1]) or first - by_hand[-1].at < (first - likely[-1].at) / 5):
        likely = by_hand
    makers = likely
    chosen = makers[-1]
    why = f"a request without a name by {actor(chosen)}, {first - chosen.at:.3f} s before the log first names it"
    why += f"; its name follows {fitting[chosen.controller]}" if chosen.controller in fitting else ""
    return Birth(chosen, "inferred", why, _burst(book, makers, obj))


def _own(book: Book, obj: Object, makers: Sequence[Deed]) -> list[Deed]:
    """The requests that can have been for `obj`'s owner: not those that followed the wish of another at once.

    A Pod meets the scheduler right after it is made, so that the last request before that is its own. Where the log
    names it first in another way, maybe long after, those count that followed its own owner's wish at once.
    """
    kinds = list(guesses(obj))
    owners = {guess.owner for guess in kinds}
    owners |= {owner for guess in kinds if guess.prefix for owner in book.starting(guess.owner)}
    wishes = [
        (deed.at, deed.object in owners)
        for owner in {*owners, *book.starting(Object("apps", "replicasets", obj.namespace, ""))}
        for deed in book.on(owner)
        if deed.done and (creates(deed) or changes(deed))
    ]
    prompt: list[Deed] = []
    possible: list[Deed] = []
    for deed in makers:
        followed = max((wish for wish in wishes if 0 <= deed.at - wish[0] < _PROMPT), default=None)
        if followed is None or followed[1]:
            possible.append(deed)
        if followed is not None and followed[1]:
            prompt.append(deed)
    if possible and _fresh(book, obj, possible[-1]):
        return possible
    return prompt or [deed for deed in possible if not deed.by_kubernetes] or possible


def _fresh(book: Book, obj: Object, maker: Deed) -> bool:
    """Whether the scheduler or a kubelet met the Pod so soon after `maker` that this must have made it."""
    met = [
        deed.at - maker.at < (_REPORTED if deed.node else _PROMPT)
        for deed in book.on(obj)
        if deed.node or deed.subresource == "binding" or deed.controller == SCHEDULER
    ]
    return bool(met) and met[0]


def _unnamed(book: Book, obj: Object, latest: float) -> list[Deed]:
    """Creates, up to `latest`, of objects of this kind and place whose names the log does not have."""
    makers = [deed for deed in book.nameless(obj) if deed.done and creates(deed)]
    return [d for d in makers if d.at <= latest] or [d for d in makers if d.at <= latest + book.tolerance]


def _by_name(book: Book, kinds: Sequence[Guess]) -> Birth:
    """Nothing but a name that a controller would have given, if the log knows its owner or what is above that."""
    for guess in kinds:
        if any(book.on(owner) for owner in (guess.owner, *above(guess.owner))):
            return Birth(None, "inferred", f"its name follows {guess.scheme}")
    return Birth(None, "unknown", "")


def above(owner: Object) -> list[Object]:
    return [guess.owner for guess in guesses(owner)]


def _burst(book: Book, makers: Sequence[Deed], obj: Object) -> str:
    """What to say where other requests are as likely: those of the same moment, or of another one."""
    near = [deed for deed in makers if makers[-1].at - deed.at < 2.0]
    if len(near) < len(makers) and not _fresh(book, obj, makers[-1]):
        span = f"between {makers[0].time} and {makers[-1].time}"
        return f"which of {len(makers)} such requests {span} made {obj} is not in the log: it may be an earlier one"
    if len(near) < 2:
        return ""
    return f"{len(near)} such requests came within two seconds; which of them made {obj} is not in the log"


def announcement(book: Book, obj: Object) -> Deed | None:
    """The controller's own event `Created pod: <name>`, whose body was logged."""
    said = f"Created pod: {obj.name}"
    told = [d for d in book.all() if d.facts.message == said and d.controller and d.namespace == obj.namespace]
    return min(told, key=lambda deed: deed.at, default=None)


def first_mention(book: Book, obj: Object, before: float = float("inf")) -> float:
    """When the log first shows that `obj` exists, 0.0 if it does not."""
    return min((deed.at for deed in book.on(obj) if deed.done and deed.at <= before), default=0.0)


def doing(deed: Deed) -> str:
    """What a deed did, in the past tense, for sentences with an object."""
    if deletes(deed):
        return "evicted" if deed.subresource == "eviction" else "deleted"
    if creates(deed):
        return "created"
    return "scaled" if deed.subresource == "scale" else "changed"


def actor(deed: Deed) -> str:
    """Who did it, for sentences: the one acted as, and who was behind that name."""
    return f"{deed.user or 'an unauthenticated client'}" + (
        f" (impersonated by {deed.impersonator})" if deed.impersonator else ""
    )
