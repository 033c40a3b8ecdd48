"""Who did it: a question about one object (or one user) in, an answer with its evidence out.

The literals of the object and of every owner that its name allows are searched in one pass; more passes follow only
where the first one leads to names that could not be derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kaudit_setup.attribution.answer import MATCHES, PAST, Answer, Question, Searched, Verb, numbered
from kaudit_setup.attribution.chain import NOTHING, Finding, note
from kaudit_setup.attribution.controllers.common import recreated
from kaudit_setup.attribution.deletion_causes import deletion_chain
from kaudit_setup.attribution.evidence.index import (
    EventIndex,
    begins,
    kubelet_path,
    named,
    nameless_requests,
    pod_ending,
    quoted,
    sisters,
    with_a_port,
)
from kaudit_setup.attribution.evidence.owner_names import guesses, of_deployment
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes, seconds
from kaudit_setup.attribution.history import pick, timeline, wanted_by
from kaudit_setup.attribution.owner_chain import creation_chain
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.unanswered import attempts, silence
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.policy.model import Policy
from kaudit_setup.resources import counted


def ask(log: Searched, question: Question, policy: Policy | None = None) -> Answer:
    """Answer a question about one object. `policy`, if at hand, tells what the log cannot hold."""
    index = _index(log, question)
    index.look_up(opening(question.verb, question.object))
    obj, others = _as_logged(index, question)
    finding, events = _apply_rules(index, question, obj)
    finding, events = _at_the_time(index, question, obj, finding, events)
    finding += note(*_other_groups(others), _left_out(index))
    notes = (*finding.notes, *attempts(index, obj, MATCHES[question.verb]))
    link = finding.links[0] if finding.links else None
    if link is None or link.request is None:
        notes = (*_why_nothing(log, index, question, obj, finding, policy), *notes, *_unknown_kind(index, question))
    answer = Answer(
        question,
        obj,
        finding.confidence,
        link.request if link else None,
        finding.root,
        finding.links,
        tuple(events),
        log.coverage(),
        notes,
    )
    return numbered(log, answer)


def _index(log: Searched, question: Question) -> EventIndex:
    """The index of the log, which keeps what the question needs."""
    obj = question.object
    if question.verb not in {Verb.created, Verb.deleted}:
        return EventIndex(log, keep=wanted_by(question), about=obj, window=question.window)
    # who made it, and its owners, is asked of the time before, too
    return EventIndex(log, focus=spelled(obj.name), about=obj, window=Window(until=question.window.until))


def opening(verb: Verb, obj: Object) -> list[bytes]:
    """What the first pass looks for: the object, the owners that its name allows, requests that hold no name."""
    found = [pod_ending(obj.name) if obj.resource == "pods" else quoted(obj.name)]
    if of_deployment(obj):
        # one literal for the Pod, its siblings and its ReplicaSet, rare enough to stand for itself
        found = [spelled(obj.name.rpartition("-")[0])]
    for guess in guesses(obj):
        # a Pod's siblings begin like its ReplicaSet: one of them may have made room for it
        found += begins(guess.owner)
        if guess.owner.resource == "replicasets":
            found += sisters(guess.owner)
        found += [literal for above in guesses(guess.owner) for literal in named(above.owner)]
    if obj.resource in {"pods", "services", "nodes"} and verb in {Verb.exec, Verb.touched}:
        found += with_a_port(obj)
    if obj.resource == "pods" and verb in {Verb.exec, Verb.read, Verb.touched}:
        found.append(kubelet_path(obj))
    if verb in {Verb.deleted, Verb.read, Verb.touched} or (verb is Verb.created and any(guesses(obj))):
        found.append(nameless_requests(obj))
    if verb in {Verb.read, Verb.touched}:
        found.append(nameless_requests(replace(obj, namespace="")))
    return found


def _as_logged(index: EventIndex, question: Question) -> tuple[Object, list[Object]]:
    """The object with the group, resource and scope that the log uses, where the user could not say them all, and
    those of other groups that may be meant as well.
    """
    obj, kind = question.object, question.kind
    if kind is None or (kind.group is not None and kind.namespaced is not None):
        return obj, []
    meant = [d for d in index.all() if kind.takes(d.group, d.resource) and d.namespace in {obj.namespace, ""}]
    known = list(dict.fromkeys(request.object for request in meant if request.name == obj.name))
    if known:
        return known[0], [one for one in known if one.group != known[0].group]
    # requests on its whole collection tell what it is called, though not whether it is in a namespace
    swept = [replace(obj, group=request.group, resource=request.resource) for request in meant if not request.name]
    return (swept[0] if swept else obj), []


def _apply_rules(index: EventIndex, question: Question, obj: Object) -> tuple[Finding, Sequence[Request]]:
    """What the rules find, and the events of a timeline, if one was asked for."""
    until = seconds(question.window.until) or float("inf")
    if question.verb is Verb.created:
        found = creation_chain(index, obj, until)
        create = found.links[0].request if found.links else None
        # of Pods, the chain itself says whose place they took
        again = create is not None and create.controller and obj.resource != "pods"
        return found + note(recreated(index, obj, create) if again and create else ""), ()
    if question.verb is Verb.deleted:
        found = deletion_chain(index, obj, until)
        return found + note(_deleted_before(index, obj, found)), ()
    events = timeline(index, question, obj)
    found = pick(index, question.verb, obj, events) if events else NOTHING
    return found, events if found.links else ()


def _deleted_before(index: EventIndex, obj: Object, found: Finding) -> str:
    """Who deleted earlier objects of the same name; empty if nobody did."""
    end = found.links[0].request if found.links else None
    if end is None:
        return ""
    requests = index.done(obj, end.at)
    created_at = max((request.at for request in requests if creates(request)), default=0.0)
    # a kubelet's delete is the last of a Pod that was going already
    earlier = [request for request in requests if deletes(request) and not request.node and request.at < created_at]
    who = ", ".join(f"{actor(request)} at {request.time}" for request in earlier[-5:])
    return f"another {obj} was deleted before: by {who}" if earlier else ""


def _at_the_time(
    index: EventIndex, question: Question, obj: Object, found: Finding, events: Sequence[Request]
) -> tuple[Finding, Sequence[Request]]:
    """What was found, if it is of the time asked about; else, or if nothing was, who did it at another time."""
    request = found.links[0].request if found.links else None
    if request is not None and not question.window.holds(request.time):
        return Finding(notes=found.notes, instead=_at_another_time(question, obj, request)), ()
    if not (found.links or found.instead) and (other := _elsewhen(index, question, obj)) is not None:
        return found + Finding(instead=_at_another_time(question, obj, other)), events
    return found, events


def _elsewhen(index: EventIndex, question: Question, obj: Object) -> Request | None:
    """Who did it outside of the time asked for, where nobody did within: rather somebody than Kubernetes itself."""
    if question.window == ALWAYS:
        return None
    if question.verb is Verb.deleted:
        links = deletion_chain(index, obj).links
        return links[0].request if links else None
    whole = timeline(index, replace(question, window=ALWAYS), obj)
    named = [r for r in whole if r.name and not r.idle and not question.window.holds(r.time)]
    people = [request for request in named if not request.by_kubernetes] or named
    return people[-1] if people else None


def _at_another_time(question: Question, obj: Object, request: Request) -> str:
    did = doing(request) if question.verb in {Verb.created, Verb.changed, Verb.deleted} else PAST[question.verb]
    return f"{actor(request)} {did} {obj} at {request.time}, which is outside of the time asked for"


def _why_nothing(
    log: Searched, index: EventIndex, question: Question, obj: Object, found: Finding, policy: Policy | None
) -> list[str]:
    """Why the object's own request is not known."""
    known = "" if found.links else found.instead
    followed = found.root is not None
    return silence(index, question.verb.value, obj, log.coverage(), policy, followed=followed, known=known)


def _other_groups(others: Sequence[Object]) -> list[str]:
    return [
        f"this log has a {other.resource}.{other.group}/{other.name} too, which is another object" for other in others
    ]


def _left_out(index: EventIndex) -> str:
    """How many requests were too many to keep; empty if none were."""
    if not index.left_out:
        return ""
    return (
        f"{counted(index.left_out, 'request')} {'was' if index.left_out == 1 else 'were'} too many to keep: earlier"
        " changes and reads, others of its kind at other times; --since and --until narrow the question"
    )


def _unknown_kind(index: EventIndex, question: Question) -> list[str]:
    """A hint where nothing in the log is of a kind that the table does not know: it may be a short name."""
    kind = question.kind
    if kind is None or kind.namespaced is not None or any(kind.takes(r.group, r.resource) for r in index.all()):
        return []
    hint = "write a custom resource as plural.group, for example widgets.example.com: a log knows no short names"
    return [f"{question.object.resource} is not a kind that Kubernetes itself has; {hint}."]
