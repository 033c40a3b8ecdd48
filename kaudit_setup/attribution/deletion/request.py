"""The request that deleted one object: one that names it, or a deletion of many that took it along.

Sources: pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that was already going),
AS/pkg/endpoints/handlers/delete.go:DeleteCollection (the selectors are in the URI, a dry run may be in the body).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from kaudit_setup.attribution.chain import NOTHING, Confidence, Finding, note
from kaudit_setup.attribution.controllers.selectors import excludes
from kaudit_setup.attribution.creation.step import in_doubt
from kaudit_setup.attribution.dry_runs import describe_dry_run, dry_run_doubt, dry_run_proof
from kaudit_setup.attribution.evidence.absence import found_missing
from kaudit_setup.attribution.evidence.choose import last_that, up_to, when, without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import Lifetime, created_at, kept_up, lifetimes, outlived
from kaudit_setup.attribution.evidence.literals import bulk_deletions
from kaudit_setup.attribution.evidence.name_selector import selects_name
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes, selector, target
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import GONE, REPLACED
from kaudit_setup.values import replace

_SHOWN = 3


class Deletion(msgspec.Struct, frozen=True):
    """The request that deleted an object, how sure that is, and why.

    `doubtful`: it deleted what matched a selector, and nothing shows that the object did.
    """

    request: Request
    confidence: Confidence
    why: str
    doubtful: bool = False

    def in_doubt(self, doubt: str) -> Deletion:
        """The same, inferred only because of a doubt; as it is if there is none."""
        return replace(self, confidence="inferred", why=f"{self.why}{doubt}") if doubt else self


class Search(msgspec.Struct, frozen=True):
    """What a search for a deletion found: the deletion, if there is one, and what there is to say besides.

    `dry_runs`: what is said of requests that only asked for it.
    """

    deletion: Deletion | None = None
    aside: Finding = NOTHING
    dry_runs: tuple[str, ...] = ()


class _Lifetime(msgspec.Struct, frozen=True):
    """What the log has of one lifetime: the requests on the object, and the deletions of many that may have taken it.

    `static`: how sure it is that this is a Pod of which there is a manifest file. `later`: the lifetimes after it.
    """

    index: EventIndex
    object: Object
    requests: Sequence[Request]
    bulk: Sequence[Request]
    static: Confidence
    later: Sequence[Lifetime]

    @property
    def last(self) -> Request | None:
        """A kubelet's word that the Pod is gone: what deleted it came before."""
        if self.static != "unknown" or self.object.resource != "pods":
            return None
        return last_that(self.requests, lambda request: bool(request.node) and deletes(request))

    @property
    def named(self) -> list[Request]:
        """The deletions that name the object, but for that word."""
        deletions, last = list(filter(deletes, self.requests)), self.last
        return deletions if last is None else [request for request in deletions if not request.node]


class _Logged(msgspec.Struct, frozen=True):
    """All that the log has on one name: requests, and deletions of many, those apart that `spared` it by labels.

    `missing`: who was told that there is no such object, before deletions of many, which are left out therefore.
    """

    index: EventIndex
    object: Object
    requests: Sequence[Request]
    bulk: Sequence[Request]
    spared: Sequence[Request]
    found: Sequence[Lifetime]
    missing: Request | None

    def lifetimes(self) -> Iterator[_Lifetime]:
        """What there is of each lifetime, the last one first."""
        creations = [lifetime.creation for lifetime in self.found if lifetime.creation is not None]
        static, until = _static(self.index, self.object, creations), float("inf")
        for number in reversed(range(len(self.found))):
            since = self.found[number].since
            requests, bulk = _between(self.requests, since, until), _between(self.bulk, since, until)
            yield _Lifetime(self.index, self.object, requests, bulk, static, self.found[number + 1 :])
            until = since


def deletion_of(index: EventIndex, obj: Object, before: float) -> Search:
    """The request that ended the last lifetime of `obj`, up to `before`, that the log shows to have ended.

    A deletion after which the object lived on was a dry run: that is said, and it is none. The first that deleted it,
    unless that was outlived: then it was a dry run maybe. Where only a selector would tell, and nothing else shows
    whether it took the object, the deletion is `doubtful`.
    """
    logged = _look_up(index, obj, before)
    found, maybe = Search(), None
    for lifetime in logged.lifetimes():
        here = _search_lifetime(lifetime)
        found = Search(None, found.aside + here.aside, (*found.dry_runs, *here.dry_runs))
        if here.deletion is None and lifetime.last is not None:
            return _without_deletion(obj, found, note(_only_last(obj, lifetime.last)))
        if here.deletion is not None and not here.deletion.doubtful:
            others = note(_once_more(maybe), _another(obj, lifetime.later))
            return _with_deletion(here.deletion, found, others)
        maybe = maybe or here.deletion
    if maybe is not None and logged.requests:
        return _with_deletion(maybe, found, NOTHING)
    return _without_deletion(obj, found, _misses(logged))


def _look_up(index: EventIndex, obj: Object, before: float) -> _Logged:
    index.look_up(bulk_deletions(obj))
    requests = index.done(obj, before)
    since = created_at(obj, requests)
    wide = (request for request in filter(deletes, index.done(replace(obj, name=""), before)) if request.at >= since)
    absences = {request: found_missing(index.on(obj), request.at - index.tolerance) for request in wide}
    missing = next(filter(None, reversed(absences.values())), None)
    possible = [r for r, absence in absences.items() if absence is None and includes(r, obj) is not False]
    spared = [request for request in possible if excludes(request, requests)]
    bulk = without(possible, spared.__contains__)
    known = sorted([*requests, *(request for request in bulk if includes(request, obj))], key=when)
    # what may be the same object after all is told with the deletion
    found = [lifetime for lifetime in lifetimes(known) if lifetime.use is None] or [Lifetime(0.0)]
    return _Logged(index, obj, requests, bulk, spared, found, missing)


def _with_deletion(deletion: Deletion, found: Search, others: Finding) -> Search:
    return Search(deletion, found.aside + others + note(*found.dry_runs[-_SHOWN:]), found.dry_runs)


def _without_deletion(obj: Object, found: Search, why: Finding) -> Search:
    dry = found.dry_runs
    instead = f"Nobody in this log deleted {obj}, as it seems: {dry[-1]}" if dry else ""
    return Search(None, found.aside + why + Finding(instead=instead), dry)


def _only_last(obj: Object, last: Request) -> str:
    return (
        f"the only deletion of {obj} in this log is the final one by the kubelet of {last.node}, at"
        f" {last.time}, of a Pod that was already terminating; who deleted it first is not in this log"
    )


def _once_more(maybe: Deletion | None) -> str:
    """That a later deletion may have taken another object of this name."""
    if maybe is None:
        return ""
    return f"it may have been deleted once more: {maybe.why}, by {actor(maybe.request)} at {maybe.request.time}"


def _another(obj: Object, later: Sequence[Lifetime]) -> str:
    """That there was another object of this name."""
    if not later:
        return ""
    creation = later[-1].creation
    if creation is not None:
        return f"a later {obj} was created by {actor(creation)} at {creation.time}"
    known = "" if later[-1].bound else ", with another UID,"
    return f"another {obj}{known} existed after that"


def _misses(logged: _Logged) -> Finding:
    """The deletions of many of which nothing shows that they took the object, or that spared it."""
    obj, since = logged.object, logged.found[-1].since
    unproven = [request for request in logged.bulk if request.at >= since and not includes(request, obj)]
    found = note(*(f"{_deleted(r)}, but nothing shows that {obj} was one of them" for r in unproven[-_SHOWN:]))
    found += note(*(f"{_deleted(r)}, but {obj} had other labels in this log" for r in logged.spared[-_SHOWN:]))
    return found + missing_note(logged.missing)


def missing_note(missing: Request | None) -> Finding:
    """Who was told that an object does not exist; a deletion that was refused is among what was tried anyway."""
    if missing is None or deletes(missing):
        return NOTHING
    return note(f"{actor(missing)} was told at {missing.time} that {missing.object} does not exist (404)")


def _deleted(request: Request) -> str:
    return f"{actor(request)} deleted {target(request)} at {request.time}"


def _between(requests: Sequence[Request], since: float, until: float) -> Sequence[Request]:
    """Those of `requests`, which are in order of time, from `since` on and before `until`."""
    return requests[bisect_left(requests, since, key=when) : bisect_left(requests, until, key=when)]


def _search_lifetime(lifetime: _Lifetime) -> Search:
    """The deletion that ended one lifetime: by a request that names the object, or by one on what matches."""
    named = _named(lifetime)
    return named if named.deletion is not None else replace(named, deletion=_by_selector(lifetime))


def _named(lifetime: _Lifetime) -> Search:
    """The deletion by a request that names the object, or is otherwise known to have met it."""
    index, obj = lifetime.index, lifetime.object
    met = [(request, dry_run_proof(index, obj, request)) for request in _candidates(lifetime)]
    dry = tuple(describe_dry_run(obj, request, shown) for request, shown in met if shown is not None)
    real = [request for request, shown in met if shown is None]
    return replace(_first_real(lifetime, real), dry_runs=dry) if real else Search(dry_runs=dry)


def _first_real(lifetime: _Lifetime, real: Sequence[Request]) -> Search:
    """The first of some deletions that was not outlived, with the doubts that the others raise."""
    obj = lifetime.object
    chosen = next((request for request in real if outlived(request, lifetime.requests) is None), real[0])
    deletion, aside = _judged(chosen, obj), NOTHING
    if chosen.node:
        static = ", but it may be a static Pod: its name ends in the node's name"
        return Search(deletion.in_doubt("" if lifetime.static == "certain" else static), aside)
    rivals = [request for request in real if request.user != chosen.user and not request.by_kubernetes]
    aside += note(*(_rivalry(lifetime, chosen, other) for other in rivals))
    deletion = deletion.in_doubt(_behind_reason(dry_run_doubt(lifetime.index, obj, chosen)))
    met_after = in_doubt(chosen, outlived(chosen, lifetime.requests))
    if met_after and chosen.facts.dry_run is False:
        # it deleted the object, whatever was met later
        return Search(deletion, aside + note(met_after))
    return Search(deletion.in_doubt(_behind_reason(met_after) or _doubt_by(rivals, chosen)), aside)


def _behind_reason(doubt: str) -> str:
    return f"; {doubt}" if doubt else ""


def _candidates(lifetime: _Lifetime) -> list[Request]:
    """The deletions that name the object or surely took it along, in order of time; before its kubelet's last."""
    last, named = lifetime.last, lifetime.named
    strong = sorted([*named, *(r for r in lifetime.bulk if includes(r, lifetime.object))], key=when)
    if last is None:
        return strong
    # who names it after that met one whose create is not in the log
    later = [request for request in named if request.at > last.at]
    return later or up_to(strong, last.at + lifetime.index.tolerance)


def _rivalry(lifetime: _Lifetime, chosen: Request, other: Request) -> str:
    """What is said of somebody else who deleted the object, too."""
    if other.at < chosen.at:
        return in_doubt(other, outlived(other, lifetime.requests))
    return f"{actor(other)} also deleted it, at {other.time}, when it was already terminating"


def _doubt_by(rivals: Sequence[Request], chosen: Request) -> str:
    """The doubt that others raise who deleted the object, too, behind the reason; empty if they raise none."""
    if rivals and rivals[0].at < chosen.at:
        return ", and no later request shows it"
    if rivals and chosen.name and chosen.facts.dry_run is None:
        return ", and it was the first to; it may have been a dry run (its options are not in the log)"
    return ""


def _by_selector(lifetime: _Lifetime) -> Deletion | None:
    """The deletion of what matches a selector, of which only its traces tell whether it took the object.

    Its kubelet's last delete soon after shows it, and that its controller made another one at once.
    """
    last, tolerance = lifetime.last, lifetime.index.tolerance
    if last is not None:
        shown = [r for r in lifetime.bulk if -tolerance <= last.at - r.at < GONE]
        return _first_of(shown, lifetime.object) if shown else None
    possible = _possible_bulk(lifetime)
    again = _made_again(lifetime)
    shown = [r for r in possible if any(0 <= at - r.at < REPLACED for at in again)]
    if shown or not possible:
        return _first_of(shown, lifetime.object) if shown else None
    doubtful = _first_of(possible, lifetime.object)
    return replace(doubtful, why=f"{doubtful.why}; nothing shows whether it was one of them", doubtful=True)


def _possible_bulk(lifetime: _Lifetime) -> list[Request]:
    """The deletions of many that may have taken the object: not those that it was in use long after, nor those that
    kubelets' last deletions followed, if none was of this Pod.
    """
    index, obj, requests = lifetime.index, lifetime.object, lifetime.requests
    used = max((request.at for request in without(requests, deletes)), default=0.0)
    recent = (request for request in lifetime.bulk if used - request.at < GONE)
    gone = (request for request in recent if outlived(request, requests) is None)
    possible = [request for request in gone if not kept_up(request, index.on(obj))]
    if not possible or obj.resource != "pods":
        return possible
    ends = index.sift([b'"verb":"delete"'], _by_kubelet)
    return [request for request in possible if not ends or request.at >= ends[-1].at]


def _by_kubelet(request: Request) -> bool:
    """Whether a kubelet deleted a Pod at last."""
    return bool(request.node) and request.done and request.resource == "pods"


def _made_again(lifetime: _Lifetime) -> list[float]:
    """When a controller made an object of this kind that may own this one."""
    makers = {guess.controller for guess in guesses(lifetime.object)}
    nameless = lifetime.index.nameless(lifetime.object)
    return [request.at for request in nameless if creates(request) and request.controller in makers]


def _first_of(fitting: Sequence[Request], obj: Object) -> Deletion:
    """The first of some deletions that fit as well as each other, with a word about the others."""
    first = _judged(fitting[0], obj)
    rivals = {actor(request): request for request in fitting if actor(request) != actor(first.request)}
    said = [f"{target(request)} by {who} at {request.time}" for who, request in rivals.items()][:_SHOWN]
    return replace(first, why=f"{first.why}; the deletion of {', or of '.join(said)} is as likely") if said else first


def _judged(chosen: Request, obj: Object) -> Deletion:
    """How sure a deletion is by itself."""
    if chosen.name:
        how = "the eviction names it" if chosen.subresource == "eviction" else "the request names it"
        return Deletion(chosen, "certain", how)
    if chosen.facts.items is not None:
        return Deletion(chosen, "certain", "the logged answer to the deletecollection lists it")
    asked = selector(chosen)
    which = f"every one that matches {asked}" if asked else "every one of its kind"
    where = f" in namespace {obj.namespace}" if obj.namespace else ""
    return Deletion(chosen, "inferred", f"a deletecollection deleted {which}{where}")


def _static(index: EventIndex, obj: Object, creations: Sequence[Request]) -> Confidence:
    """How sure it is that a Pod mirrors a manifest file, so that its kubelet makes and deletes it. Its name ends in
    the node's then, but any Pod's may.
    """
    if obj.resource != "pods" or (creations and not creations[-1].node):
        return "unknown"
    known = index.on(obj)
    if creations or True in {request.facts.mirror for request in known}:
        return "certain"
    endings = tuple(f"-{request.node}" for request in known if request.node)
    return "inferred" if obj.name.endswith(endings) else "unknown"


def includes(request: Request, obj: Object) -> bool | None:
    """Whether a deletecollection took `obj`: None where only a selector would tell."""
    if request.name:
        return True
    if request.facts.items is not None:
        return obj.name in request.facts.items
    return selects_name(request, obj.name)
