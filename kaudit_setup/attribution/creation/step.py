"""How an object was created, as the first step of a chain: its own create, and what to ask next."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child, Finding, Link, both, certain_if, note
from kaudit_setup.attribution.controllers.first_pods import first_pod, is_of_a_new_template
from kaudit_setup.attribution.creation.candidates import candidates_for
from kaudit_setup.attribution.creation.living import confirmed
from kaudit_setup.attribution.creation.nameless import nameless_creation
from kaudit_setup.attribution.creation.result import Creation, by_name
from kaudit_setup.attribution.evidence.first_seen import first_mention
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import Lifetime, is_another, lifetimes
from kaudit_setup.attribution.evidence.owner_names import guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.trust.successions import ITS_CLUSTER, created_elsewhere, not_ended
from kaudit_setup.values import replace


def creation_of(index: EventIndex, obj: Object, before: float, seen_at: float = 0.0) -> Creation:
    """The request that created `obj`, in its last lifetime before `before` (Unix seconds).

    `seen_at`: when `obj` was there, as something else shows (a child that bears its name); 0.0 if nothing does.
    """
    found = lifetimes(index.done(obj, before))
    current = _current(found)
    creations = [lifetime.creation for lifetime in found if lifetime.creation is not None]
    if current.creation is not None:
        named = _named_creation(index, current.creation, found[-1], creations[:-1])
        return confirmed(index, named, current.creation)
    if is_generated(obj.name):
        creation = nameless_creation(candidates_for(index, obj, before, seen_at))
    else:
        creation = by_name(index, list(guesses(obj)))
    if not creations:
        return creation
    last = creations[-1]
    other = f"{actor(last)} created another object of this name at {last.time}, which was deleted or had another UID"
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
    return next((lifetime for lifetime in reversed(found) if is_another(lifetime)), Lifetime(0.0))


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
    at, exact = _first_met(index, obj, before)
    return replace(finding, next=Child(index, obj, at, None, confidence, timeless=not exact))


def _first_met(index: EventIndex, obj: Object, before: float) -> tuple[float, bool]:
    """When the log first shows an object whose create it lacks, and whether that is right after it was made."""
    at = first_mention(index, obj, before) or before
    pod = first_pod(index, obj, before)
    if pod is not None and pod.at <= at:
        return pod.at, is_of_a_new_template(index, obj, pod)
    # the scheduler meets a Pod right after it is made
    return at, any(request.at == at and request.subresource == "binding" for request in index.on(obj))


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
    how = "the request names it" if not create.facts.generate_name else "the answer to the request names it"
    lasting = not_ended(index, earlier, create) if earlier else []
    proviso = created_elsewhere(lasting, create)
    # where they may be of two clusters, none of them is known to be the earlier object
    note = proviso or _earlier_note(create.object, earlier, lasting)
    doubt = both(in_doubt(last.gone, last.use), ITS_CLUSTER if proviso else "")
    return Creation(create, certain_if(not doubt), f"{how}; {doubt}" if doubt else how, note, proviso)


def _earlier_note(obj: Object, earlier: Sequence[Request], lasting: Sequence[Request]) -> str:
    """Who created `obj` before, and that some of those were not deleted; empty if there were none."""
    if not earlier:
        return ""
    others = ", ".join(f"{actor(request)} at {request.time}" for request in earlier[-5:])
    unended = "; no deletion between that and the last creation is in this log" if lasting else ""
    return f"an earlier {obj} was created by {others}{unended}"


def in_doubt(gone: Request | None, use: Request | None) -> str:
    """Why an object that `use` met may be the one that `gone` deleted; empty if there is no doubt."""
    if gone is None or use is None:
        return ""
    said = f"{actor(gone)} deleted it at {gone.time}, but {actor(use)} still found it at {use.time}"
    why = "it was created again by a request that is not in this log, or the deletion took long (a finalizer)"
    unsure = "" if gone.facts.dry_run is False else ", or the deletion was a dry run (its options are not in the log)"
    return f"{said}: {why}{unsure}"
