"""The request that set one object going: one that names it, or a deletion of many that took it along.

Sources: pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that was already going),
AS/pkg/endpoints/handlers/delete.go:DeleteCollection (the selectors are in the URI, a dry run may be in the body).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.attribution.chain import Story
from kaudit_setup.attribution.controllers.selectors import spares
from kaudit_setup.attribution.creation import Confidence, actor, in_doubt
from kaudit_setup.attribution.dry_runs import as_it_seems, survived, unfinished
from kaudit_setup.attribution.evidence.index import Book, nameless_requests
from kaudit_setup.attribution.evidence.lifetimes import LONG, Life, born, kept_up, lives, outlived
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Deed, Object, creates, deletes, selector, target

_REPLACED = 1.0
"""Seconds within which a controller makes another one for what was deleted."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class End:
    """The request that set an object going, how sure that is, and why.

    `doubtful`: it deleted what matched a selector, and nothing shows that the object did.
    """

    deed: Deed
    confidence: Confidence
    why: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class _Life:
    """What the log has of one life: the deeds on it, and the deletions of many that may have taken it.

    `static`: how sure it is that this is a Pod of which there is a manifest file. `tolerance`: see `Book`.
    """

    deeds: Sequence[Deed]
    sweeps: Sequence[Deed]
    static: Confidence
    tolerance: float

    @property
    def last(self) -> Deed | None:
        """A kubelet's word that the Pod is gone: what set it going came before."""
        ends = [d for d in self.deeds if d.node and d.resource == "pods" and deletes(d)]
        return ends[-1] if ends and self.static == "unknown" else None


def end_of(book: Book, obj: Object, before: float, story: Story) -> End | None:
    """The request that ended the last life of `obj`, up to `before`, that the log shows to have ended.

    What it lived on after was a dry run: that is said, and no end. The first that set it going, unless that was
    outlived: then it was a dry run maybe. Where only a selector would tell, and nothing else shows whether it took
    the object, the end is `doubtful`.
    """
    dry: list[str] = []
    end = _last_end(book, obj, before, story, dry)
    for sentence in dry[-_SHOWN:] if end is not None else []:
        story.note(sentence)
    if end is None and dry:
        story.instead = f"Nobody in this log deleted {obj}, as it seems: {dry[-1]}"
    return end


def _last_end(book: Book, obj: Object, before: float, story: Story, dry: list[str]) -> End | None:
    """See `end_of`; what was a dry run only is added to `dry`, as sentences."""
    book.look_up([nameless_requests(obj)])
    deeds = [deed for deed in book.on(obj) if deed.done and deed.at <= before]
    sweeps = [deed for deed in book.nameless(obj) if deed.done and deletes(deed) and deed.at <= before]
    since = born(obj, deeds)
    sweeps = [deed for deed in sweeps if hits(deed, obj) is not False and deed.at >= since]
    others = [deed for deed in sweeps if spares(deed, deeds)]
    sweeps = [deed for deed in sweeps if deed not in others]
    found = lives(sorted([*deeds, *(deed for deed in sweeps if hits(deed, obj))], key=lambda deed: deed.at))
    # what may be the same object after all is told below
    found = [life for life in found if life.use is None] or [Life(0.0)]
    static = _static(book, obj, [life.birth for life in found if life.birth is not None])
    maybe: End | None = None
    until = float("inf")
    for number in reversed(range(len(found))):
        since = found[number].since
        life = _Life(_between(deeds, since, until), _between(sweeps, since, until), static, book.tolerance)
        until = since
        end = _named(book, obj, life, story, dry) or _swept(book, obj, life)
        if end is not None and end.doubtful:
            maybe = maybe or end
        elif end is not None:
            if maybe is not None:
                story.note(f"it may have gone once more: {maybe.why}, by {actor(maybe.deed)} at {maybe.deed.time}")
            _again(obj, found[number + 1 :], story)
            return end
        elif life.last is not None:
            story.note(
                f"the only deletion of {obj} in this log is the last one of {life.last.node}'s kubelet, at"
                f" {life.last.time}, of a Pod that was already going; who set it going is not in this log"
            )
            return None
    if maybe is None or not deeds:
        for sweep in [deed for deed in sweeps if deed.at >= found[-1].since and not hits(deed, obj)][-_SHOWN:]:
            what = f"{actor(sweep)} deleted {target(sweep)} at {sweep.time}"
            story.note(f"{what}, but nothing shows that {obj} was one of them")
        for sweep in others[-_SHOWN:]:
            story.note(
                f"{actor(sweep)} deleted {target(sweep)} at {sweep.time}, but {obj} had other labels in this log"
            )
        return None
    return maybe


def _between(deeds: Sequence[Deed], since: float, until: float) -> Sequence[Deed]:
    """Those of `deeds`, which are in order of time, from `since` on and before `until`."""
    return deeds[bisect_left(deeds, since, key=_when) : bisect_left(deeds, until, key=_when)]


def _when(deed: Deed) -> float:
    return deed.at


def _again(obj: Object, later: Sequence[Life], story: Story) -> None:
    """Say that there was another object of this name."""
    if not later:
        return
    birth = later[-1].birth
    if birth is not None:
        story.note(f"another {obj} was made later: by {actor(birth)} at {birth.time}")
    else:
        known = "" if later[-1].bound else ", with another UID,"
        story.note(f"another {obj}{known} was there after that")


def _named(book: Book, obj: Object, life: _Life, story: Story, dry: list[str]) -> End | None:
    """The end by a request that names the object, or is otherwise known to have met it."""
    last = life.last
    named = [d for d in life.deeds if deletes(d) and not (last and d.node)]
    strong = sorted([*named, *(d for d in life.sweeps if hits(d, obj))], key=lambda deed: deed.at)
    if last is not None:
        # who names it after that met one whose create is not in the log
        strong = [d for d in named if d.at > last.at] or [d for d in strong if d.at <= last.at + life.tolerance]
    strong = _without_dry_runs(book, obj, strong, dry)
    if not strong:
        return None
    chosen = next((deed for deed in strong if outlived(deed, life.deeds) is None), strong[0])
    end = _judged(chosen, obj, bool(life.deeds), story)
    if chosen.node:
        static = "that of a static Pod would end in the node's name as this does"
        return end if life.static == "certain" else End(chosen, "inferred", f"{end.why}, and {static}")
    rivals = [d for d in strong if d is not chosen and d.user != chosen.user and not d.by_kubernetes]
    for other in rivals:
        if other.at < chosen.at:
            story.note(in_doubt(other, outlived(other, life.deeds)))
        else:
            story.note(f"{actor(other)} deleted it too, at {other.time}, when it was already going")
    if doubt := unfinished(book, obj, chosen):
        end = End(chosen, "inferred", f"{end.why}; {doubt}")
    return _weighed(end, outlived(chosen, life.deeds), rivals, story)


def _without_dry_runs(book: Book, obj: Object, named: Sequence[Deed], dry: list[str]) -> list[Deed]:
    """Those of `named` that the object did not live on after; of the others `dry` says so."""
    real = []
    for deed in named:
        met = survived(book, obj, deed)
        if met is None:
            real.append(deed)
        else:
            dry.append(as_it_seems(obj, deed, met))
    return real


def _weighed(end: End, met: Deed | None, rivals: Sequence[Deed], story: Story) -> End:
    """`end`, with the doubts that others raise: who `met` the object after that, who else deleted it."""
    chosen = end.deed
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


def _swept(book: Book, obj: Object, life: _Life) -> End | None:
    """The end by a deletion of what matches a selector, of which only its traces tell whether it took the object.

    Its kubelet's last delete soon after shows it, and that its controller made another one at once. That it was in
    use long after shows the contrary, and that kubelets' last deletes followed, but none of this Pod.
    """
    last = life.last
    if last is not None:
        shown = [d for d in life.sweeps if -life.tolerance <= last.at - d.at < LONG]
        return _first_of(shown, _judged(shown[0], obj, True, Story())) if shown else None
    used = max((deed.at for deed in life.deeds if not deletes(deed)), default=0.0)
    possible = [d for d in life.sweeps if used - d.at < LONG and outlived(d, life.deeds) is None]
    possible = [d for d in possible if not kept_up(d, book.on(obj))]
    if possible and obj.resource == "pods":
        ends = book.sift([b'"verb":"delete"'], lambda d: bool(d.node) and d.done and d.resource == "pods")
        possible = [d for d in possible if not any(end.at > d.at for end in ends)]
    makers = {guess.controller for guess in guesses(obj)}
    again = [deed.at for deed in book.nameless(obj) if creates(deed) and deed.controller in makers]
    shown = [d for d in possible if any(0 <= at - d.at < _REPLACED for at in again)]
    chosen = next(iter(shown or possible), None)
    if chosen is None:
        return None
    end = _first_of(shown or possible, _judged(chosen, obj, True, Story()))
    return end if shown else replace(end, why=f"{end.why}; nothing shows whether it was one of them", doubtful=True)


def _first_of(fitting: Sequence[Deed], end: End) -> End:
    """`end`, by the first of some deletions that `fitting` as well as each other, with a word about the others."""
    rivals = {actor(deed): deed for deed in fitting if actor(deed) != actor(end.deed)}
    said = [f"{target(deed)} by {who} at {deed.time}" for who, deed in rivals.items()][:_SHOWN]
    return replace(end, why=f"{end.why}; the deletion of {', or of '.join(said)} fits as well") if said else end


def _judged(chosen: Deed, obj: Object, mentioned: bool, story: Story) -> End:
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


def _static(book: Book, obj: Object, births: Sequence[Deed]) -> Confidence:
    """How sure it is that a Pod mirrors a manifest file, so that its kubelet makes and deletes it. Its name ends in
    the node's then, but any Pod's may.
    """
    if obj.resource != "pods" or (births and not births[-1].node):
        return "unknown"
    if births or any(deed.facts.mirror for deed in book.on(obj)):
        return "certain"
    nodes = {deed.node for deed in book.on(obj) if deed.node}
    return "inferred" if any(obj.name.endswith(f"-{node}") for node in nodes) else "unknown"


def hits(deed: Deed, obj: Object) -> bool | None:
    """Whether a deletecollection took `obj`: None where only a selector would tell."""
    if deed.name:
        return True
    if deed.facts.items is not None:
        return obj.name in deed.facts.items
    query = parse_qs(urlsplit(deed.uri).query)
    fields = [part.split("=") for selector in query.get("fieldSelector", []) for part in selector.split(",")]
    names = [part[-1] for part in fields if part[0] == "metadata.name"]
    if names:
        return obj.name in names
    return None if query.keys() & {"labelSelector", "fieldSelector"} else True
