"""The request that made one object: the one that names it, or, where names are generated, the one that fits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kaudit_setup.attribution.controllers.preassigned_pods import unbound, unclaimed
from kaudit_setup.attribution.evidence.actors import SCHEDULER
from kaudit_setup.attribution.evidence.index import Book, named, nameless_requests
from kaudit_setup.attribution.evidence.lifetimes import Life, lives
from kaudit_setup.attribution.evidence.owner_names import Guess, generated_from, guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Deed, Object, changes, creates, deletes

Confidence = Literal["certain", "inferred", "unknown"]

_REPORTED = 5.0
_PROMPT = 1.0
"""Seconds within which a controller fulfils a wish, if nothing keeps it."""
_QUEUED = 60.0
"""Seconds that a Pod may have to wait for the scheduler if the cluster is busy."""


_STARTED = 15.0
"""Seconds within which a kubelet reports on a Pod that needs no scheduler."""


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
    found = lives([deed for deed in book.on(obj) if deed.done and deed.at <= before])
    born = next((life for life in reversed(found) if life.use is None), Life(0.0))
    makers = [life.birth for life in found if life.birth is not None]
    if born.birth is None:
        unnamed = is_generated(obj.name)
        birth = _nameless_birth(book, obj, before, there) if unnamed else _by_name(book, list(guesses(obj)))
        if makers:
            other = f"{actor(makers[-1])} made another object of this name, with another UID, at {makers[-1].time}"
            birth = replace(birth, note=other)
        return birth
    how = "the request names it" if made_name(born.birth) else "the answer to the request names it"
    note = ""
    if len(makers) > 1:
        others = ", ".join(f"{actor(deed)} at {deed.time}" for deed in makers[:-1][-5:])
        note = f"another {obj} was made before: by {others}"
    if doubt := in_doubt(found[-1].gone, found[-1].use):
        return Birth(born.birth, "inferred", f"{how}; {doubt}", note)
    return Birth(born.birth, "certain", how, note)


def in_doubt(gone: Deed | None, use: Deed | None) -> str:
    """Why an object that `use` met may be the one that `gone` deleted; empty if there is no doubt."""
    if gone is None or use is None:
        return ""
    said = f"{actor(gone)} deleted it at {gone.time}, but {actor(use)} still met it at {use.time}"
    why = "it was made again by a request that is not in this log, or that deletion took long (a finalizer, maybe)"
    unsure = "" if gone.facts.dry_run is False else ", or was a dry run maybe: its options are not in the log"
    return f"{said}: {why}{unsure}"


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
    # the request of a person carries a query, and any request without a body may be a rival
    book.look_up([nameless_requests(obj)])
    fitting = {guess.controller: guess.scheme for guess in reversed(kinds) if book.on(guess.owner) or guess.prefix}
    if kinds and not fitting:
        seen = {deed.object for deed in met(book, [guess.owner for guess in kinds])}
        fitting = {guess.controller: guess.scheme for guess in reversed(kinds) if guess.owner in seen}
    makers = _unnamed(book, obj, latest)
    by_hand = unclaimed(book, obj, makers) if unbound(book, obj) else []
    if by_hand:
        makers = by_hand
        if not makers[-1].facts.generate_name and first - makers[-1].at < _STARTED:
            return _without_scheduler(book, obj, makers, first)
    asked = [deed for deed in makers if generated_from(deed.facts.generate_name, obj.name)]
    silent = [deed for deed in makers if not deed.facts.generate_name]
    likely = _likely(book, obj, silent, kinds, fitting, first) if first and silent else []

    def telling(deed: Deed) -> tuple[bool, bool, float]:
        return _fresh(book, obj, deed), deed in asked or deed.controller in fitting, deed.at

    if asked and not (likely and telling(likely[-1]) > telling(asked[-1])):
        return _asked_for(book, obj, asked, latest)
    if not likely:
        return _by_name(book, kinds)
    chosen = likely[-1]
    why = f"a request without a name by {actor(chosen)}, {first - chosen.at:.3f} s before the log first names it"
    why += f"; its name follows {fitting[chosen.controller]}" if chosen.controller in fitting else ""
    return Birth(chosen, "inferred", why, _burst(book, likely, obj))


def _without_scheduler(book: Book, obj: Object, makers: Sequence[Deed], first: float) -> Birth:
    """The last of `makers`, which are those that can have made a Pod with its node's name in it."""
    chosen = makers[-1]
    why = f"a request without a name by {actor(chosen)}, {first - chosen.at:.3f} s before the log first names it"
    unlike = "it was not bound to its node, unlike the Pods that others asked for then"
    return Birth(chosen, "inferred", f"{why}; {unlike}", _burst(book, makers, obj))


def _asked_for(book: Book, obj: Object, asked: Sequence[Deed], latest: float) -> Birth:
    """The last of `asked`, whose bodies ask for such a name: certain if nobody else's request can have made `obj`."""
    chosen = asked[-1]
    since = latest - _QUEUED if _fresh(book, obj, chosen) else 0.0
    around = [deed for deed in book.nameless(obj) if deed.done and creates(deed)]
    around = [deed for deed in around if since <= deed.at <= latest + book.tolerance]
    owners = {_owner(deed) for deed in around if generated_from(deed.facts.generate_name, obj.name)}
    silent = [deed for deed in around if not deed.facts.generate_name]
    why = f"its request asked for a name beginning with {chosen.facts.generate_name}"
    note = _burst(book, asked, obj)
    if silent:
        others = ", ".join(list(dict.fromkeys(actor(deed) for deed in silent))[:5])
        said = f"a request without a name by {others}, whose body is not in the log, may have made {obj} as well"
        note = f"{note}; {said}" if note else said
    proven = len(owners) == 1 and not silent and chosen.at <= latest and not (book.left_out and not since)
    return Birth(chosen, "certain" if proven else "inferred", why, note)


def _owner(deed: Deed) -> tuple[str, ...]:
    """For whom a request was made: whichever of one controller's, or one person's, requests it was, it is theirs."""
    owner = deed.facts.controller
    return (owner.uid,) if owner else (deed.user, deed.impersonator)


def _likely(
    book: Book, obj: Object, silent: Sequence[Deed], kinds: Sequence[Guess], fitting: Collection[str], first: float
) -> list[Deed]:
    """Which of the requests without name and body can have made `obj`, the likeliest last; none if none is likely."""
    likely = [deed for deed in silent if deed.controller in fitting] or list(silent)
    if likely[-1].controller not in fitting and _by_name(book, kinds).why and not _fresh(book, obj, likely[-1]):
        # the controllers are not in the log: a request that some person made without a name proves nothing
        return []
    likely = _own(book, obj, likely) or likely
    # a person may have asked for a name that begins like a controller's: theirs is met as promptly
    by_hand = [deed for deed in silent if not deed.by_kubernetes and deed.at > likely[-1].at]
    prompt = bool(by_hand) and _fresh(book, obj, by_hand[-1])
    if prompt and (not _fresh(book, obj, likely[-1]) or first - by_hand[-1].at < (first - likely[-1].at) / 5):
        return by_hand
    return likely


def _own(book: Book, obj: Object, makers: Sequence[Deed]) -> list[Deed]:
    """The requests that can have been for `obj`'s owner: not those that followed the wish of another at once.

    A Pod meets the scheduler right after it is made, so that the last request before that is its own. Where the log
    names it first in another way, maybe long after, those count that followed its own owner's wish at once.
    """
    kinds = list(guesses(obj))
    owners = {guess.owner for guess in kinds}
    owners |= {owner for guess in kinds if guess.prefix for owner in book.starting(guess.owner)}
    wishes = sorted(
        (deed.at, deed.object in owners)
        for owner in {*owners, *book.starting(Object("apps", "replicasets", obj.namespace, ""))}
        for deed in book.on(owner)
        if deed.done and (creates(deed) or changes(deed))
    )
    prompt: list[Deed] = []
    possible: list[Deed] = []
    for deed in makers:
        last = bisect_right(wishes, (deed.at, True)) - 1
        followed = wishes[last] if last >= 0 and deed.at - wishes[last][0] < _PROMPT else None
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


def met(book: Book, objects: Sequence[Object]) -> list[Deed]:
    """What shows that there were such objects, in order of time: controllers' reports and reads, too, which a search
    for something else leaves out.
    """
    literals = [literal for one in objects for literal in named(one)]
    return book.sift(literals, lambda d: d.done and d.object in objects and d.verb not in {"list", "watch"})


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
