"""The request that set one object going: one that names it, or a deletion of many that took it along.

Sources: pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that was already going),
AS/pkg/endpoints/handlers/delete.go:DeleteCollection (the selectors are in the URI, a dry run may be in the body).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.attribution.chain import Confidence, Story
from kaudit_setup.attribution.controllers.selectors import spares
from kaudit_setup.attribution.creation import in_doubt
from kaudit_setup.attribution.dry_runs import as_it_seems, survived, unfinished
from kaudit_setup.attribution.evidence.index import EventIndex, nameless_requests
from kaudit_setup.attribution.evidence.lifetimes import Lifetime, created_at, kept_up, lifetimes, outlived
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes, selector, target
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import GONE, REPLACED

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class End:
    """The request that set an object going, how sure that is, and why.

    `doubtful`: it deleted what matched a selector, and nothing shows that the object did.
    """

    request: Request
    confidence: Confidence
    why: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class _Lifetime:
    """What the log has of one life: the requests on it, and the deletions of many that may have taken it.

    `static`: how sure it is that this is a Pod of which there is a manifest file. `tolerance`: see `EventIndex`.
    """

    requests: Sequence[Request]
    sweeps: Sequence[Request]
    static: Confidence
    tolerance: float

    @property
    def last(self) -> Request | None:
        """A kubelet's word that the Pod is gone: what set it going came before."""
        ends = [d for d in self.requests if d.node and d.resource == "pods" and deletes(d)]
        return ends[-1] if ends and self.static == "unknown" else None


def end_of(index: EventIndex, obj: Object, before: float, story: Story) -> End | None:
    """The request that ended the last life of `obj`, up to `before`, that the log shows to have ended.

    What it lived on after was a dry run: that is said, and no end. The first that set it going, unless that was
    outlived: then it was a dry run maybe. Where only a selector would tell, and nothing else shows whether it took
    the object, the end is `doubtful`.
    """
    dry: list[str] = []
    end = _last_end(index, obj, before, story, dry)
    for sentence in dry[-_SHOWN:] if end is not None else []:
        story.note(sentence)
    if end is None and dry:
        story.instead = f"Nobody in this log deleted {obj}, as it seems: {dry[-1]}"
    return end


def _last_end(index: EventIndex, obj: Object, before: float, story: Story, dry: list[str]) -> End | None:
    """See `end_of`; what was a dry run only is added to `dry`, as sentences."""
    index.look_up([nameless_requests(obj)])
    requests = [request for request in index.on(obj) if request.done and request.at <= before]
    sweeps = [
        request for request in index.nameless(obj) if request.done and deletes(request) and request.at <= before
    ]
    since = created_at(obj, requests)
    sweeps = [request for request in sweeps if hits(request, obj) is not False and request.at >= since]
    others = [request for request in sweeps if spares(request, requests)]
    sweeps = [request for request in sweeps if request not in others]
    found = lifetimes(
        sorted([*requests, *(request for request in sweeps if hits(request, obj))], key=lambda request: request.at)
    )
    # what may be the same object after all is told below
    found = [lifetime for lifetime in found if lifetime.use is None] or [Lifetime(0.0)]
    static = _static(index, obj, [lifetime.creation for lifetime in found if lifetime.creation is not None])
    maybe: End | None = None
    until = float("inf")
    for number in reversed(range(len(found))):
        since = found[number].since
        lifetime = _Lifetime(
            _between(requests, since, until), _between(sweeps, since, until), static, index.tolerance
        )
        until = since
        end = _named(index, obj, lifetime, story, dry) or _swept(index, obj, lifetime)
        if end is not None and end.doubtful:
            maybe = maybe or end
        elif end is not None:
            if maybe is not None:
                story.note(
                    f"it may have gone once more: {maybe.why}, by {actor(maybe.request)} at {maybe.request.time}"
                )
            _again(obj, found[number + 1 :], story)
            return end
        elif lifetime.last is not None:
            story.note(
                f"the only deletion of {obj} in this log is the last one of {lifetime.last.node}'s kubelet, at"
                f" {lifetime.last.time}, of a Pod that was already going; who set it going is not in this log"
            )
            return None
    if maybe is None or not requests:
        for sweep in [request for request in sweeps if request.at >= found[-1].since and not hits(request, obj)][
            -_SHOWN:
        ]:
            what = f"{actor(sweep)} deleted {target(sweep)} at {sweep.time}"
            story.note(f"{what}, but nothing shows that {obj} was one of them")
        for sweep in others[-_SHOWN:]:
            story.note(
                f"{actor(sweep)} deleted {target(sweep)} at {sweep.time}, but {obj} had other labels in this log"
            )
        return None
    return maybe


def _between(requests: Sequence[Request], since: float, until: float) -> Sequence[Request]:
    """Those of `requests`, which are in order of time, from `since` on and before `until`."""
    return requests[bisect_left(requests, since, key=_when) : bisect_left(requests, until, key=_when)]


def _when(request: Request) -> float:
    return request.at


def _again(obj: Object, later: Sequence[Lifetime], story: Story) -> None:
    """Say that there was another object of this name."""
    if not later:
        return
    creation = later[-1].creation
    if creation is not None:
        story.note(f"another {obj} was made later: by {actor(creation)} at {creation.time}")
    else:
        known = "" if later[-1].bound else ", with another UID,"
        story.note(f"another {obj}{known} was there after that")


def _named(index: EventIndex, obj: Object, lifetime: _Lifetime, story: Story, dry: list[str]) -> End | None:
    """The end by a request that names the object, or is otherwise known to have met it."""
    last = lifetime.last
    named = [d for d in lifetime.requests if deletes(d) and not (last and d.node)]
    strong = sorted([*named, *(d for d in lifetime.sweeps if hits(d, obj))], key=lambda request: request.at)
    if last is not None:
        # who names it after that met one whose create is not in the log
        strong = [d for d in named if d.at > last.at] or [d for d in strong if d.at <= last.at + lifetime.tolerance]
    strong = _without_dry_runs(index, obj, strong, dry)
    if not strong:
        return None
    chosen = next((request for request in strong if outlived(request, lifetime.requests) is None), strong[0])
    end = _judged(chosen, obj, bool(lifetime.requests), story)
    if chosen.node:
        static = "that of a static Pod would end in the node's name as this does"
        return end if lifetime.static == "certain" else End(chosen, "inferred", f"{end.why}, and {static}")
    rivals = [d for d in strong if d is not chosen and d.user != chosen.user and not d.by_kubernetes]
    for other in rivals:
        if other.at < chosen.at:
            story.note(in_doubt(other, outlived(other, lifetime.requests)))
        else:
            story.note(f"{actor(other)} deleted it too, at {other.time}, when it was already going")
    if doubt := unfinished(index, obj, chosen):
        end = End(chosen, "inferred", f"{end.why}; {doubt}")
    return _weighed(end, outlived(chosen, lifetime.requests), rivals, story)


def _without_dry_runs(index: EventIndex, obj: Object, named: Sequence[Request], dry: list[str]) -> list[Request]:
    """Those of `named` that the object did not live on after; of the others `dry` says so."""
    real = []
    for request in named:
        met = survived(index, obj, request)
        if met is None:
            real.append(request)
        else:
            dry.append(as_it_seems(obj, request, met))
    return real


def _weighed(end: End, met: Request | None, rivals: Sequence[Request], story: Story) -> End:
    """`end`, with the doubts that others raise: who `met` the object after that, who else deleted it."""
    chosen = end.request
    doubt = in_doubt(chosen, met)
    if doubt and chosen.facts.dry_run is False:
        # it set the object going, whatever was met later
        story.note(doubt)
    elif doubt:
        return replace(end, confidence="inferred", why=f"{end.why}; {doubt}")
    elif rivals and rivals[0].at < chosen.at:
        return replace(end, confidence="inferred", why=f"{end.why}, and nobody met it after that")
    elif rivals and chosen.name and chosen.facts.dry_run is None:
        lacking = "its options, a dry run maybe, are not in the log"
        return replace(end, confidence="inferred", why=f"{end.why}, the first to; {lacking}")
    return end


def _swept(index: EventIndex, obj: Object, lifetime: _Lifetime) -> End | None:
    """The end by a deletion of what matches a selector, of which only its traces tell whether it took the object.

    Its kubelet's last delete soon after shows it, and that its controller made another one at once. That it was in
    use long after shows the contrary, and that kubelets' last deletes followed, but none of this Pod.
    """
    last = lifetime.last
    if last is not None:
        shown = [d for d in lifetime.sweeps if -lifetime.tolerance <= last.at - d.at < GONE]
        return _first_of(shown, _judged(shown[0], obj, True, Story())) if shown else None
    used = max((request.at for request in lifetime.requests if not deletes(request)), default=0.0)
    possible = [d for d in lifetime.sweeps if used - d.at < GONE and outlived(d, lifetime.requests) is None]
    possible = [d for d in possible if not kept_up(d, index.on(obj))]
    if possible and obj.resource == "pods":
        ends = index.sift([b'"verb":"delete"'], lambda d: bool(d.node) and d.done and d.resource == "pods")
        possible = [d for d in possible if not any(end.at > d.at for end in ends)]
    makers = {guess.controller for guess in guesses(obj)}
    again = [request.at for request in index.nameless(obj) if creates(request) and request.controller in makers]
    shown = [d for d in possible if any(0 <= at - d.at < REPLACED for at in again)]
    chosen = next(iter(shown or possible), None)
    if chosen is None:
        return None
    end = _first_of(shown or possible, _judged(chosen, obj, True, Story()))
    return end if shown else replace(end, why=f"{end.why}; nothing shows whether it was one of them", doubtful=True)


def _first_of(fitting: Sequence[Request], end: End) -> End:
    """`end`, by the first of some deletions that `fitting` as well as each other, with a word about the others."""
    rivals = {actor(request): request for request in fitting if actor(request) != actor(end.request)}
    said = [f"{target(request)} by {who} at {request.time}" for who, request in rivals.items()][:_SHOWN]
    return replace(end, why=f"{end.why}; the deletion of {', or of '.join(said)} fits as well") if said else end


def _judged(chosen: Request, obj: Object, mentioned: bool, story: Story) -> End:
    if chosen.name:
        how = "the eviction names it" if chosen.subresource == "eviction" else "the request names it"
        return End(chosen, "certain", how)
    if chosen.facts.items is not None:
        return End(chosen, "certain", "the logged answer to the deletecollection lists it")
    if not mentioned:
        story.note(f"nothing else in this log mentions {obj}; it was deleted then if it existed")
    asked = selector(chosen)
    which = f"every one that matches {asked}" if asked else "every one of its kind"
    where = f" in namespace {obj.namespace}" if obj.namespace else ""
    return End(chosen, "inferred", f"a deletecollection took {which}{where}")


def _static(index: EventIndex, obj: Object, creations: Sequence[Request]) -> Confidence:
    """How sure it is that a Pod mirrors a manifest file, so that its kubelet makes and deletes it. Its name ends in
    the node's then, but any Pod's may.
    """
    if obj.resource != "pods" or (creations and not creations[-1].node):
        return "unknown"
    if creations or any(request.facts.mirror for request in index.on(obj)):
        return "certain"
    nodes = {request.node for request in index.on(obj) if request.node}
    return "inferred" if any(obj.name.endswith(f"-{node}") for node in nodes) else "unknown"


def hits(request: Request, obj: Object) -> bool | None:
    """Whether a deletecollection took `obj`: None where only a selector would tell."""
    if request.name:
        return True
    if request.facts.items is not None:
        return obj.name in request.facts.items
    query = parse_qs(urlsplit(request.uri).query)
    fields = [part.split("=") for selector in query.get("fieldSelector", []) for part in selector.split(",")]
    names = [part[-1] for part in fields if part[0] == "metadata.name"]
    if names:
        return obj.name in names
    return None if query.keys() & {"labelSelector", "fieldSelector"} else True
