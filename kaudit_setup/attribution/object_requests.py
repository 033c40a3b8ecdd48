"""Everything that was done to one object, in order of time, and which of it is meant by a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaudit_setup.attribution.answer import MATCHES, Question, Verb
from kaudit_setup.attribution.chain import NOTHING, Child, Finding, Link, both, certain_if, note
from kaudit_setup.attribution.deletion.request import includes
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.choose import lifespan, without
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import (
    Object,
    Request,
    binds,
    changes,
    collection,
    creates,
    deletes,
    reads,
    selector,
)
from kaudit_setup.attribution.no_op_updates import may_agree, no_op_updates, repeats
from kaudit_setup.attribution.owner_chain import follow_up
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import changed_since
from kaudit_setup.units import counted
from kaudit_setup.values import replace


def wanted_by(question: Question) -> Callable[[Request], bool]:
    """Which requests a timeline of the object is made of."""
    obj, kind, match = question.object, question.kind, MATCHES[question.verb]

    def wanted(request: Request) -> bool:
        meant = match(request) or (question.verb is Verb.changed and binds(request))
        if not meant or kind is None or not kind.takes(request.group, request.resource):
            return False
        if request.stage == "RequestReceived" or request.name not in {obj.name, ""}:
            return False
        # of lists and watches in all namespaces only those count that somebody sent: see `_sweeps`
        elsewhere = request.namespace != obj.namespace and not request.name
        return not (elsewhere and request.done and _kubernetes(request))

    return wanted


def timeline(index: EventIndex, question: Question, obj: Object) -> list[Request]:
    """Every request of the kind asked for, in order of time: those that name the object and those that took in its
    whole collection.
    """
    match = MATCHES[question.verb]
    found = [request for request in (*index.done(obj), *_sweeps(index, obj)) if match(request)]
    within = [
        request for request in found if question.window.holds(request.time) and request.facts.shown is not False
    ]
    same = no_op_updates(index, obj)
    marked = [_marked(request) if request.key in same else request for request in within]
    return sorted(marked, key=lambda request: (request.at, request.end))


def _marked(request: Request) -> Request:
    """A request that is known to have changed nothing, if it is a change, as such."""
    return replace(request, no_op=changes(request))


def _sweeps(index: EventIndex, obj: Object) -> list[Request]:
    """The reads and deletions of whole collections that may have met `obj`, not by Kubernetes itself."""
    begin, end = lifespan(index.done(obj))
    places = [obj, replace(obj, namespace="")] if obj.namespace else [obj]
    wide = [request for place in places for request in index.nameless(place) if _takes_in(request, obj)]
    return [request for request in wide if begin <= request.at <= end and not _kubernetes(request)]


def _takes_in(request: Request, obj: Object) -> bool:
    """Whether a request on a collection read or deleted objects that may be `obj`."""
    return request.done and (reads(request) or (deletes(request) and includes(request, obj) is True))


def _kubernetes(request: Request) -> bool:
    """Whether one of Kubernetes' own did it on its own account (an autoscaler does what somebody set it to)."""
    return request.by_kubernetes and request.controller != AUTOSCALER


def pick(index: EventIndex, verb: Verb, obj: Object, events: Sequence[Request]) -> Finding:
    """The last request by somebody, rather than by Kubernetes itself; one that names the object rather than its
    kind; and who is behind that.
    """
    found = NOTHING
    if verb is Verb.changed:
        events, found = _that_changed(obj, events)
        if not events:
            return found
    people, doubt = without(events, _kubernetes) or events, ""
    if verb is Verb.changed:
        people, only = _rather_spec(people)
        found += only
        people, doubt = _without_repeats(index, obj, people)
    chosen = _weightiest(people, events)
    if verb is Verb.changed:
        doubt = both(doubt, changed_since(index, obj, chosen))
    meeting = _meeting(index, verb, obj, chosen, doubt)
    if not meeting.links:
        return found + meeting
    found += meeting + note("" if verb is Verb.touched else _others(chosen, events))
    if not chosen.controller:
        return found + Finding(root=chosen)
    if verb is not Verb.changed:
        return found
    child = Child(index, obj, chosen.at, chosen, certain_if(chosen.facts.body), chosen, deleted=True)
    return follow_up(found + Finding(next=child))


def _rather_spec(people: Sequence[Request]) -> tuple[Sequence[Request], Finding]:
    """Those that changed more than the status of the object, if there are any; what is said if there are none."""
    spec = [request for request in people if request.subresource != "status"]
    return (spec, NOTHING) if spec else (people, Finding(proviso="that changed its status, not its spec"))


def binding_note(index: EventIndex, question: Question, obj: Object) -> Finding:
    """That the scheduler gave a Pod its node, which is no change that anybody asks for."""
    bound = [one for one in index.done(obj) if binds(one) and one.by_kubernetes and question.window.holds(one.time)]
    return note(f"{actor(bound[-1])} bound it to a node at {bound[-1].time}, as every Pod is once" if bound else "")


def _others(chosen: Request, events: Sequence[Request]) -> str:
    """Who else sent any of `events`; empty if nobody did."""
    others = [who for who in dict.fromkeys(map(actor, events)) if who != actor(chosen)]
    return f"also by: {', '.join(others[:10])}{' and more' if len(others) > 10 else ''}" if others else ""


def _meeting(index: EventIndex, verb: Verb, obj: Object, chosen: Request, doubt: str) -> Finding:
    """The link of `chosen`, and how sure it is that it met the object; without a link if it may have met nothing."""
    if chosen.name:
        why = f"the request names it; {doubt}" if doubt else "the request names it"
        return Finding((Link(obj, chosen, certain_if(not doubt), why),))
    if chosen.facts.shown:
        return Finding((Link(obj, chosen, "certain", f"the logged response to the {chosen.verb} names it"),))
    known = any(request.done for request in index.on(obj))
    where = f"in namespace {chosen.namespace}" if chosen.namespace else "in all namespaces"
    if not known and reads(chosen) and (verb is Verb.touched or not _takes_all(chosen)):
        did = f"{actor(chosen)} sent a {chosen.verb} of {collection(chosen)} {where} at {chosen.time}"
        return note(f"{did}; this log does not show whether {obj} existed then")
    includes = "includes it if it matches" if selector(chosen) else "includes it"
    why = f"a {chosen.verb} of {collection(chosen)} {where} {includes}"
    unknown = f"nothing else in this log mentions {obj}; this applies only if it existed"
    return Finding((Link(obj, chosen, "inferred", why),)) + note("" if known else unknown)


def _weightiest(people: Sequence[Request], events: Sequence[Request]) -> Request:
    """The last of those requests that say most: what names the object; what takes in all of its kind, or names it in
    its logged answer; of what only takes in what matches, nothing tells.
    """
    named, wide = [*filter(_names, people)], [*filter(_takes_all, people)]
    return (named or wide or [*filter(_names, events)] or people)[-1]


def _names(request: Request) -> bool:
    """Whether a request names its object."""
    return bool(request.name)


def _takes_all(request: Request) -> bool:
    """Whether a request surely takes in its object if that exists."""
    return bool(request.name or request.facts.shown or deletes(request)) or not selector(request)


def _that_changed(obj: Object, asked: Sequence[Request]) -> tuple[Sequence[Request], Finding]:
    """Those of `asked` that changed anything, as far as the log tells, and what is said of the others."""
    changed = without(asked, _no_op)
    same = [*filter(_no_op, asked)]
    if not same:
        return asked, NOTHING
    by = f"by {actor(same[-1])} at {same[-1].time}"
    if changed:
        return changed, note(f"{counted(len(same), 'request')} changed nothing, the latest {by}")
    if len(same) == 1:
        which = f"the only one, {by}, changed nothing"
    else:
        which = f"{len(same)} requests changed nothing, the latest {by}"
    return [], Finding(instead=f"No effective change of {obj} found in this log: {which}")


def _no_op(request: Request) -> bool:
    return request.no_op


def _writes(request: Request) -> bool:
    return creates(request) or changes(request)


def _without_repeats(index: EventIndex, obj: Object, changed: Sequence[Request]) -> tuple[Sequence[Request], str]:
    """`changed` up to the last that did not merely say again what its sender had said before, and what that leaves
    in doubt.
    """
    requests = [*filter(_writes, index.done(obj))]
    doubtful = repeats(requests)
    last = changed[-1]
    unknown = "this log does not show whether that changed anything"
    if last.key not in doubtful:
        same = no_op_updates(index, obj)
        others = [request for request in requests if request.key not in same]
        return changed, f"{unknown}: another one had changed it before" if may_agree(others, last) else ""
    own = [number for number, request in enumerate(changed) if request.key not in doubtful]
    if not own:
        return changed, f"{actor(last)} had asked for the same before, and {unknown}"
    return (
        changed[: own[-1] + 1],
        f"{actor(last)} repeated an earlier request after that, at {last.time}, and {unknown}",
    )
