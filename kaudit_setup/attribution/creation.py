"""The request that created one object: the one that names it or, where the server made up its name, that fits it.

At level Metadata and Request, the create of an object with a generated name does not hold that name. Which of the
creates without a name it was is told by the controllers' naming, by their order, and by what met the object first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from kaudit_setup.attribution.chain import Child, Confidence, Finding, Link, both, certain_if, note
from kaudit_setup.attribution.controllers.first_pods import first_pod, is_of_a_new_template
from kaudit_setup.attribution.controllers.preassigned_pods import never_bound, preassigned_by
from kaudit_setup.attribution.evidence.actors import SCHEDULER
from kaudit_setup.attribution.evidence.choose import by_a_clock_ahead, earliest, up_to, writes
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import Lifetime, lifetimes
from kaudit_setup.attribution.evidence.literals import named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import Guess, generated_from, guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import BURST, KUBELET_REPORTED, KUBELET_STARTED, PROMPT, QUEUED
from kaudit_setup.attribution.trust.successions import ITS_CLUSTER, created_elsewhere, not_ended
from kaudit_setup.values import replace

_FEW = 5  # people that a sentence names


class Creation(msgspec.Struct, frozen=True):
    """How an object was created: its create, or None with what is known about it in `why`. `proviso`: who else may
    have created it, if the log tells them apart no better.
    """

    request: Request | None
    confidence: Confidence
    why: str
    note: str = ""
    proviso: str = ""


def creation_of(index: EventIndex, obj: Object, before: float, seen_at: float = 0.0) -> Creation:
    """The request that created `obj`, in its last lifetime before `before` (Unix seconds).

    `seen_at`: when `obj` was there, as something else shows (a child that bears its name); 0.0 if nothing does.
    """
    found = lifetimes(index.done(obj, before))
    current = _current(found)
    creations = [lifetime.creation for lifetime in found if lifetime.creation is not None]
    if current.creation is not None:
        named = _named_creation(index, current.creation, found[-1], creations[:-1])
        return _confirmed(index, named, current.creation)
    if is_generated(obj.name):
        creation = _nameless_creation(_search(index, obj, before, seen_at))
    else:
        creation = _by_name(index, list(guesses(obj)))
    if not creations:
        return creation
    last = creations[-1]
    other = f"{actor(last)} created another object of this name (with another UID) at {last.time}"
    return replace(creation, note=other)


def is_made_by_name(index: EventIndex, obj: Object, before: float) -> bool:
    """Whether the only create of `obj` before `before` (Unix seconds) names it, and no controller sent that: then
    nothing else is asked to know who made it.
    """
    found = lifetimes(index.done(obj, before))
    create = _current(found).creation
    once = sum(lifetime.creation is not None for lifetime in found) == 1
    return once and create is not None and not create.controller


def _current(found: Sequence[Lifetime]) -> Lifetime:
    """The last of some lifetimes that is one for certain."""
    return next((lifetime for lifetime in reversed(found) if lifetime.use is None), Lifetime(0.0))


def creation_step(index: EventIndex, obj: Object, before: float) -> Finding:
    """Who made `obj`, in its last lifetime before `before` (Unix seconds): its own link, and what to ask next."""
    creation = creation_of(index, obj, before)
    create = creation.request
    finding = note(creation.note) + Finding(proviso=creation.proviso)
    if create is None and not creation.why:
        return finding
    finding += Finding((Link(obj, create, creation.confidence, creation.why),))
    if create is not None and not create.controller:
        return finding + Finding(root=create) + note(_static(obj, create))
    confidence = certain_if(creation.confidence == "certain")
    if create is not None:
        return replace(finding, next=Child(index, obj, create.at, create, confidence, create))
    at = first_mention(index, obj, before) or before
    # the scheduler meets a Pod right after it is made
    fresh = any(request.at == at and request.subresource == "binding" for request in index.on(obj))
    pod = first_pod(index, obj, before)
    if pod is not None and pod.at <= at:
        at, fresh = pod.at, is_of_a_new_template(index, obj, pod)
    return replace(finding, next=Child(index, obj, at, None, confidence, timeless=not fresh))


def _confirmed(index: EventIndex, creation: Creation, create: Request) -> Creation:
    """A creation without its doubt where the living object says that it was made in that very second."""
    living = index.living.get(create.object)
    if living is None or creation.confidence == "certain" or not living.may_be_made_by(create, index.tolerance):
        return creation
    why = f"the request names it, and the living object says that it was made at {living.created}"
    return replace(creation, confidence="certain", why=why, proviso="")


def _static(obj: Object, create: Request) -> str:
    """That an object is a static Pod; empty if it is not."""
    if not create.node or obj.resource != "pods":
        return ""
    return (
        f"{obj} is a static Pod: the kubelet of node {create.node} made it from a manifest file on that node,"
        " nobody made it through the API"
    )


def _named_creation(index: EventIndex, create: Request, last: Lifetime, earlier: Sequence[Request]) -> Creation:
    """`create` holds the object's name; `last` is the last lifetime of that name, `earlier` the creates before."""
    obj = create.object
    how = "the request names it" if carries_name(create) else "the answer to the request names it"
    others = ", ".join(f"{actor(request)} at {request.time}" for request in earlier[-5:])
    note = f"an earlier {obj} was created by {others}" if earlier else ""
    lasting = not_ended(index, earlier, create) if earlier else []
    proviso = created_elsewhere(lasting, create)
    if lasting:
        # where they may be of two clusters, none of them is known to be the earlier object
        note = proviso or f"{note}; no deletion between that and the last creation is in this log"
    doubt = both(in_doubt(last.gone, last.use), ITS_CLUSTER if proviso else "")
    return Creation(create, certain_if(not doubt), f"{how}; {doubt}" if doubt else how, note, proviso)


def in_doubt(gone: Request | None, use: Request | None) -> str:
    """Why an object that `use` met may be the one that `gone` deleted; empty if there is no doubt."""
    if gone is None or use is None:
        return ""
    said = f"{actor(gone)} deleted it at {gone.time}, but {actor(use)} still found it at {use.time}"
    why = "it was created again by a request that is not in this log, or the deletion took long (a finalizer)"
    unsure = "" if gone.facts.dry_run is False else ", or the deletion was a dry run (its options are not in the log)"
    return f"{said}: {why}{unsure}"


def carries_name(request: Request) -> bool:
    """Whether the request itself carried the name, rather than its answer."""
    return not request.facts.generate_name


class _Search(msgspec.Struct, frozen=True):
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
    def silent(self) -> list[Request]:
        """The makers whose bodies do not tell the name that they asked for."""
        return [request for request in self.makers if not request.facts.generate_name]

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


def _search(index: EventIndex, obj: Object, before: float, seen_at: float) -> _Search:
    said = announcement(index, obj)
    mentions = [first_mention(index, obj), said.at if said else 0.0, seen_at]
    # a generated name is used once: whatever mentions it later, it was made before that
    first = min(filter(None, mentions), default=0.0)
    latest = min(before, first) if first else before
    kinds = tuple(guesses(obj))
    # the request of a person carries a query, and any request without a body may be a rival
    index.look_up([nameless_requests(obj)])
    schemes = _known_schemes(index, kinds)
    makers = _unnamed(index, obj, latest)
    preassigned = preassigned_by(index, obj, makers) if never_bound(index, obj) else []
    return _Search(index, obj, first, latest, kinds, schemes, tuple(preassigned or makers), bool(preassigned))


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
    makers = _creates_without_name(index, obj)
    known = up_to(makers, latest)
    first = next((request for request in index.done(obj) if request.at == latest), None)
    if first is None:
        return known or up_to(makers, latest + index.tolerance)
    return known + by_a_clock_ahead(makers, known, first, index.tolerance)


def _creates_without_name(index: EventIndex, obj: Object) -> list[Request]:
    return [request for request in filter(creates, index.nameless(obj)) if request.done]


def _nameless_creation(search: _Search) -> Creation:
    """The likeliest of the creates without a name."""
    search = _made_in_its_second(search)
    if (told := _creation_of_the_living(search)) is not None:
        return told
    last = search.makers[-1] if search.makers else None
    if search.preassigned and last is not None and _started_at_once(search, last):
        unlike = "it was not bound to its node, unlike the Pods that others asked for then"
        return Creation(
            last,
            "inferred",
            f"{_before_first(search, last)}; {unlike}",
            _rivals_note(search, search.makers),
            _or_others(search, search.makers),
        )
    asked, likely = search.asked, _likely(search)
    if asked and not (likely and search.rank(likely[-1]) > search.rank(asked[-1])):
        return _asked_for(search, asked)
    if not likely:
        return _by_name(search.index, search.guesses)
    chosen = likely[-1]
    scheme = search.schemes.get(chosen.controller)
    why = f"{_before_first(search, chosen)}{f'; its name follows {scheme}' if scheme else ''}"
    silent = _met_as_promptly(search, chosen)
    notes = (_rivals_note(search, likely), _silent_rivals(search.object, silent))
    return Creation(chosen, "inferred", why, both(*notes), _or_others(search, likely, silent))


def _met_as_promptly(search: _Search, chosen: Request) -> list[str]:
    """People whose requests without a name were met by the object as promptly as that of the controller `chosen`:
    anybody may ask for a name that begins like a controller's.
    """
    if not chosen.by_kubernetes:
        return []
    return list(dict.fromkeys(actor(r) for r in search.silent if not r.by_kubernetes and search.fresh(r)))


def _made_in_its_second(search: _Search) -> _Search:
    """The search among those creates only that were under way when, as the living object says, it was made."""
    living, tolerance = search.index.living.get(search.object), search.index.tolerance
    if living is None:
        return search
    fitting = tuple(one for one in search.makers if living.may_be_made_by(one, tolerance))
    return replace(search, makers=fitting) if fitting else search


def _creation_of_the_living(search: _Search) -> Creation | None:
    """The only create that fits what the living object says; None if there are several, or none."""
    living = search.index.living.get(search.object)
    if living is None or len(search.makers) != 1:
        return None
    maker = search.makers[0]
    by_controller = bool(maker.controller) == (living.controller is not None)
    if not by_controller or not living.may_be_made_by(maker, search.index.tolerance):
        return None
    why = f"the only request without a name when it was made, at {living.created}, as the living object says"
    return Creation(maker, "certain", why)


def _started_at_once(search: _Search, maker: Request) -> bool:
    return not maker.facts.generate_name and search.first - maker.at < KUBELET_STARTED


def _before_first(search: _Search, maker: Request) -> str:
    lag = search.first - maker.at
    return f"a request without a name by {actor(maker)}, {lag:.3f} s before the log first names it"


def _asked_for(search: _Search, asked: Sequence[Request]) -> Creation:
    """The last of `asked`, whose bodies ask for such a name: certain if nobody else's request can have made it."""
    chosen, prefix = asked[-1], asked[-1].facts.generate_name
    since = search.latest - QUEUED if search.fresh(chosen) else 0.0
    until = search.latest + search.index.tolerance
    asked_before = [r for r in _creates_without_name(search.index, search.object) if r.at <= until]
    around = [request for request in asked_before if since <= request.at]
    waiting = _waiting(search, [request for request in asked_before if request.at < since], since)
    named_alike = (r for r in (*around, *waiting) if generated_from(r.facts.generate_name, search.object.name))
    owners = {_owner(request) for request in named_alike}
    silent = list(dict.fromkeys(actor(request) for request in around if not request.facts.generate_name))
    complete = bool(since) or not search.index.left_out
    proven = all((len(owners) == 1, not silent, chosen.at <= search.latest, complete))
    why = f"its request asked for a generated name with the prefix {prefix}"
    notes = (_rivals_note(search, asked), _silent_rivals(search.object, silent))
    return Creation(chosen, certain_if(proven), why, both(*notes), _or_others(search, asked, silent))


def _waiting(search: _Search, earlier: Sequence[Request], until: float) -> list[Request]:
    """What somebody made by hand before `until`, and may have met the scheduler only after that: a Pod waits for as
    long as its maker likes (schedulingGates, for instance). None of it where the log has a name for each request.
    """
    by_hand = [request for request in earlier if not request.by_kubernetes]
    if not by_hand:
        return []
    index, obj, length = search.index, search.object, len(search.object.name)
    alike = index.starting(replace(obj, name=obj.name.rpartition("-")[0]))
    met = [one for one in alike if len(one.name) == length and 0.0 < first_mention(index, one) < until]
    return by_hand if len(earlier) > len(met) else []


def _silent_rivals(obj: Object, silent: Sequence[str]) -> str:
    """That requests whose bodies are not in the log may have made the object as well; empty if there are none."""
    if not silent:
        return ""
    others = ", ".join(silent[:5])
    return f"a request without a name by {others}, whose body is not in the log, may have made {obj} as well"


def _owner(request: Request) -> tuple[str, ...]:
    """For whom a request was made: whichever of one controller's, or one person's, requests it was, it is theirs."""
    owner = request.facts.controller
    return (owner.uid,) if owner else (request.user, request.impersonator)


def _likely(search: _Search) -> list[Request]:
    """Which of the creates without name and body can have made the object, the likeliest last."""
    silent = search.silent
    if not search.first or not silent:
        return []
    likely = [request for request in silent if request.controller in search.schemes] or silent
    fits = likely[-1].controller in search.schemes or search.fresh(likely[-1])
    if not fits and _by_name(search.index, search.guesses).why:
        # the controllers are not in the log: a request that some person made without a name proves nothing
        return []
    likely = _for_the_owner(search, likely) or likely
    # a person may have asked for a name that begins like a controller's: theirs is met as promptly
    by_hand = [request for request in silent if not request.by_kubernetes and request.at > likely[-1].at]
    return by_hand if by_hand and _met_sooner(search, by_hand[-1], likely[-1]) else likely


def _met_sooner(search: _Search, by_hand: Request, other: Request) -> bool:
    """Whether the object was met so promptly after `by_hand` that this made it rather than `other` before that."""
    if not search.fresh(by_hand):
        return False
    return not search.fresh(other) or search.first - by_hand.at < (search.first - other.at) / 5


def _for_the_owner(search: _Search, makers: Sequence[Request]) -> list[Request]:
    """The creates that can have been for the object's owner: not those that followed the change of another at once.

    A Pod meets the scheduler right after it is made, so that the last create before that is its own. Where the log
    names it first in another way, maybe long after, those count that followed a change of its own owner at once.
    """
    changed = _changes_of_owners(search)
    followed = [(request, _follows_own(changed, request)) for request in makers]
    possible = [request for request, own in followed if own is not False]
    if possible and search.fresh(possible[-1]):
        return possible
    prompt = [request for request, own in followed if own]
    return prompt or [request for request in possible if not request.by_kubernetes] or possible


def _changes_of_owners(search: _Search) -> list[tuple[float, bool, str]]:
    """When something that makes such objects was made or changed, whether it may own the object, and by whose clock;
    in order.
    """
    index = search.index
    owners = {guess.owner for guess in search.guesses}
    owners |= {owner for guess in search.guesses if guess.prefix for owner in index.starting(guess.owner)}
    others = index.starting(Object("apps", "replicasets", search.object.namespace, ""))
    written = (request for one in {*owners, *others} for request in filter(writes, index.done(one)))
    return sorted((request.at, request.object in owners, request.source.node) for request in written)


def _follows_own(changed: Sequence[tuple[float, bool, str]], maker: Request) -> bool | None:
    """Whether the last of `changed` that `maker` followed at once may be of the object's owner; None if none was, or
    if it only seems so by the clocks of two servers.
    """
    last = bisect_right(changed, maker.at, key=lambda change: change[0]) - 1
    if last < 0 or maker.at - changed[last][0] >= PROMPT:
        return None
    _, own, node = changed[last]
    return own or (False if node == maker.source.node else None)


def _by_name(index: EventIndex, kinds: Sequence[Guess]) -> Creation:
    """Nothing but a name that a controller would have given, if the log knows its owner or what is above that."""
    for guess in kinds:
        if any(index.on(owner) for owner in (guess.owner, *above(guess.owner))):
            return Creation(None, "inferred", f"its name follows {guess.scheme}")
    return Creation(None, "unknown", "")


def above(owner: Object) -> list[Object]:
    """The objects that may own `owner`, as its name allows."""
    return [guess.owner for guess in guesses(owner)]


def _rivals(search: _Search, makers: Sequence[Request]) -> list[Request]:
    """The requests that are as likely as the last of `makers`, with that one: those of the same moment, or all."""
    near = [request for request in makers if makers[-1].at - request.at < BURST]
    return near if len(near) == len(makers) or search.fresh(makers[-1]) else list(makers)


def _rivals_note(search: _Search, makers: Sequence[Request]) -> str:
    """What to say where other requests are as likely, and whose they are; empty if none are."""
    obj, rivals = search.object, _rivals(search, makers)
    people = list(dict.fromkeys(map(actor, rivals)))
    by = f" by {_listed(people, 'and')}" if len(people) > 1 else ""
    if makers[-1].at - rivals[0].at >= BURST:
        span = f"between {rivals[0].time} and {rivals[-1].time}"
        which = f"which of {len(rivals)} such requests{by} {span} made {obj}"
        return f"{which} is not in the log: it may be an earlier one"
    if len(rivals) < 2:
        return ""
    return f"{len(rivals)} such requests came within two seconds{by}; which of them made {obj} is not in the log"


def _or_others(search: _Search, makers: Sequence[Request], silent: Sequence[str] = ()) -> str:
    """Who else than the sender of the last of `makers` may have made the object: senders of requests that are as
    likely, and the `silent`; empty if nobody.
    """
    chosen = actor(makers[-1])
    others = [who for who in dict.fromkeys((*map(actor, _rivals(search, makers)), *silent)) if who != chosen]
    if not others:
        return ""
    return f"{search.object} may as well have been made by {_listed(others, 'or')}: the log does not tell which"


def _listed(people: Sequence[str], last: str) -> str:
    """The first of some people, and how many there are more; `last`: the word before the last one."""
    shown = [*people[:_FEW], *([f"{len(people) - _FEW} more"] if len(people) > _FEW else [])]
    return f" {last} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def announcement(index: EventIndex, obj: Object) -> Request | None:
    """The controller's own event `Created pod: <name>`, whose body was logged."""
    said = f"Created pod: {obj.name}"
    told = [r for r in index.all() if r.facts.message == said and r.controller and r.namespace == obj.namespace]
    return earliest(told)


def first_mention(index: EventIndex, obj: Object, before: float = float("inf")) -> float:
    """When the log first shows that `obj` exists, 0.0 if it does not."""
    return min((request.at for request in index.done(obj, before)), default=0.0)


def mentions(index: EventIndex, objects: Sequence[Object]) -> list[Request]:
    """What shows that there were such objects, in order of time: controllers' reports and reads, too, which a search
    for something else leaves out.
    """
    literals = [literal for one in objects for literal in named(one)]
    return index.sift(literals, lambda r: r.done and r.object in objects and r.verb not in {"list", "watch"})
