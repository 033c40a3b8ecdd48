"""Who did it: a question about one object (or one user) in, an answer with its evidence out.

The literals of the object and of every owner that its name allows are searched in one pass; more passes follow only
where the first one leads to names that could not be derived.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kaudit_setup.attribution.answer import MATCHES, PAST, Answer, Question, Searched, Verb, numbered
from kaudit_setup.attribution.chain import Confidence, Story
from kaudit_setup.attribution.deletion_causes import story_of_deletion
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
from kaudit_setup.attribution.owner_chain import say_recreated, story_of_creation
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.unanswered import attempts, silence
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.policy.model import Policy
from kaudit_setup.resources import counted

_RANK: Final = {"certain": 0, "inferred": 1, "unknown": 2}


def ask(log: Searched, question: Question, policy: Policy | None = None) -> Answer:
    """Answer a question about one object. `policy`, if at hand, tells what the log cannot hold."""
    obj = question.object
    if question.verb not in {Verb.created, Verb.deleted}:
        index = EventIndex(log, keep=wanted_by(question), about=obj, window=question.window)
    else:
        # who made it, and its owners, is asked of the time before, too
        index = EventIndex(log, focus=spelled(obj.name), about=obj, window=Window(until=question.window.until))
    index.look_up(opening(question.verb, obj))
    obj, others = _as_logged(index, question, obj)
    story, events = _tell(index, question, obj)
    for other in others:
        story.note(f"this log has a {other.resource}.{other.group}/{other.name} too, which is another object")
    answer = story.links[0].request if story.links else None
    if answer is not None and not question.window.holds(answer.time):
        story, events = Story(notes=story.notes, instead=_at_another_time(question, obj, answer)), []
        answer = None
    elif not (story.links or story.instead) and (other_time := _elsewhen(index, question, obj)) is not None:
        story.instead = _at_another_time(question, obj, other_time)
    if index.left_out:
        were = "was" if index.left_out == 1 else "were"
        story.note(
            f"{counted(index.left_out, 'request')} {were} too many to keep: earlier changes and reads, others of its"
            " kind at other times; --since and --until narrow the question"
        )
    confidence = _confidence(story)
    notes = [*story.notes, *attempts(index, obj, MATCHES[question.verb])]
    if answer is None:
        followed, known = story.root is not None, "" if story.links else story.instead
        why = silence(index, question.verb.value, obj, log.coverage(), policy, followed=followed, known=known)
        notes = [*why, *notes, *_unknown_kind(index, question, obj)]
    whole = Answer(
        question, obj, confidence, answer, story.root, tuple(story.links), tuple(events), log.coverage(), tuple(notes)
    )
    return numbered(log, whole)


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


def _as_logged(index: EventIndex, question: Question, obj: Object) -> tuple[Object, list[Object]]:
    """The object with the group, resource and scope that the log uses, where the user could not say them all, and
    those of other groups that may be meant as well.
    """
    kind = question.kind
    if kind is None or (kind.group is not None and kind.namespaced is not None):
        return obj, []
    meant = [d for d in index.all() if kind.takes(d.group, d.resource) and d.namespace in {obj.namespace, ""}]
    known = list(dict.fromkeys(request.object for request in meant if request.name == obj.name))
    if known:
        return known[0], [one for one in known if one.group != known[0].group]
    # requests on its whole collection tell what it is called, though not whether it is in a namespace
    swept = [replace(obj, group=request.group, resource=request.resource) for request in meant if not request.name]
    return (swept[0] if swept else obj), []


def _unknown_kind(index: EventIndex, question: Question, obj: Object) -> list[str]:
    """A hint where nothing in the log is of a kind that the table does not know: it may be a short name."""
    kind = question.kind
    if kind is None or kind.namespaced is not None or any(kind.takes(d.group, d.resource) for d in index.all()):
        return []
    hint = "write a custom resource as plural.group, for example widgets.example.com: a log knows no short names"
    return [f"{obj.resource} is not a kind that Kubernetes itself has; {hint}."]


def _tell(index: EventIndex, question: Question, obj: Object) -> tuple[Story, list[Request]]:
    until = seconds(question.window.until) or float("inf")
    if question.verb is Verb.created:
        story = story_of_creation(index, obj, until)
        made = story.links[0].request if story.links else None
        # of Pods, the chain itself says whose place they took
        if made is not None and made.controller and obj.resource != "pods":
            say_recreated(index, story, obj, made)
        return story, []
    if question.verb is Verb.deleted:
        story = story_of_deletion(index, obj, until)
        _ended_before(index, obj, story)
        return story, []
    events = timeline(index, question, obj)
    story = Story()
    if events:
        pick(index, question.verb, obj, events, story)
    return story, events if story.links else []


def _elsewhen(index: EventIndex, question: Question, obj: Object) -> Request | None:
    """Who did it outside of the time asked for, where nobody did within: rather somebody than Kubernetes itself."""
    if question.window == ALWAYS:
        return None
    if question.verb is Verb.deleted:
        links = story_of_deletion(index, obj).links
        return links[0].request if links else None
    whole = timeline(index, replace(question, window=ALWAYS), obj)
    named = [
        request for request in whole if request.name and not request.idle and not question.window.holds(request.time)
    ]
    people = [request for request in named if not request.by_kubernetes] or named
    return people[-1] if people else None


def _at_another_time(question: Question, obj: Object, request: Request) -> str:
    did = doing(request) if question.verb in {Verb.created, Verb.changed, Verb.deleted} else PAST[question.verb]
    return f"{actor(request)} {did} {obj} at {request.time}, which is outside of the time asked for"


def _ended_before(index: EventIndex, obj: Object, story: Story) -> None:
    """Say who deleted earlier objects of the same name."""
    end = story.links[0].request if story.links else None
    if end is None:
        return
    requests = [request for request in index.on(obj) if request.done and request.at <= end.at]
    created_at = max((request.at for request in requests if creates(request)), default=0.0)
    # a kubelet's delete is the last of a Pod that was going already
    earlier = [request for request in requests if deletes(request) and not request.node and request.at < created_at]
    if earlier:
        who = ", ".join(f"{actor(request)} at {request.time}" for request in earlier[-5:])
        story.note(f"another {obj} was deleted before: by {who}")


def _confidence(story: Story) -> Confidence:
    known = [link.confidence for link in story.links if link.request is not None]
    if not known or (story.links[0].request is None and story.root is None):
        return "unknown"
    return max((link.confidence for link in story.links), key=lambda each: _RANK[each])
