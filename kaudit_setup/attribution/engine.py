"""Who did it: a question about one object (or one user) in, an answer with its evidence out.

The literals of the object and of every owner that its name allows are searched in one pass; more passes follow only
where the first one leads to names that could not be derived.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kaudit_setup.attribution.answer import MATCHES, PAST, Answer, Question, Searched, Verb, numbered
from kaudit_setup.attribution.chain import Story
from kaudit_setup.attribution.creation import Confidence, actor, doing
from kaudit_setup.attribution.deletion_causes import story_of_deletion
from kaudit_setup.attribution.evidence.index import (
    Book,
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
from kaudit_setup.attribution.evidence.requests import (
    Deed,
    Object,
    creates,
    deletes,
    seconds,
)
from kaudit_setup.attribution.history import pick, timeline, wanted_by
from kaudit_setup.attribution.owner_chain import say_recreated, story_of_creation
from kaudit_setup.attribution.unanswered import attempts, silence
from kaudit_setup.auditlog.search import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.policy.model import Policy
from kaudit_setup.resources import counted

_RANK: Final = {"certain": 0, "inferred": 1, "unknown": 2}


def ask(log: Searched, question: Question, policy: Policy | None = None) -> Answer:
    """Answer a question about one object. `policy`, if at hand, tells what the log cannot hold."""
    obj = question.object
    if question.verb not in {Verb.created, Verb.deleted}:
        book = Book(log, keep=wanted_by(question), about=obj, window=question.window)
    else:
        # who made it, and its owners, is asked of the time before, too
        book = Book(log, focus=spelled(obj.name), about=obj, window=Window(until=question.window.until))
    book.look_up(opening(question.verb, obj))
    obj, others = _as_logged(book, question, obj)
    story, events = _tell(book, question, obj)
    for other in others:
        story.note(f"this log has a {other.resource}.{other.group}/{other.name} too, which is another object")
    answer = story.links[0].deed if story.links else None
    if answer is not None and not question.window.holds(answer.time):
        story, events = Story(notes=story.notes, instead=_at_another_time(question, obj, answer)), []
        answer = None
    elif not (story.links or story.instead) and (other_time := _elsewhen(book, question, obj)) is not None:
        story.instead = _at_another_time(question, obj, other_time)
    if book.left_out:
        were = "was" if book.left_out == 1 else "were"
        story.note(
            f"{counted(book.left_out, 'request')} {were} too many to keep: earlier changes and reads, others of its"
            " kind at other times; --since and --until narrow the question"
        )
    confidence = _confidence(story)
    notes = [*story.notes, *attempts(book, obj, MATCHES[question.verb])]
    if answer is None:
        followed, known = story.root is not None, "" if story.links else story.instead
        why = silence(book, question.verb.value, obj, log.coverage(), policy, followed=followed, known=known)
        notes = [*why, *notes, *_unknown_kind(book, question, obj)]
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


def _as_logged(book: Book, question: Question, obj: Object) -> tuple[Object, list[Object]]:
    """The object with the group, resource and scope that the log uses, where the user could not say them all, and
    those of other groups that may be meant as well.
    """
    kind = question.kind
    if kind is None or (kind.group is not None and kind.namespaced is not None):
        return obj, []
    meant = [d for d in book.all() if kind.takes(d.group, d.resource) and d.namespace in {obj.namespace, ""}]
    known = list(dict.fromkeys(deed.object for deed in meant if deed.name == obj.name))
    if known:
        return known[0], [one for one in known if one.group != known[0].group]
    # requests on its whole collection tell what it is called, though not whether it is in a namespace
    swept = [replace(obj, group=deed.group, resource=deed.resource) for deed in meant if not deed.name]
    return (swept[0] if swept else obj), []


def _unknown_kind(book: Book, question: Question, obj: Object) -> list[str]:
    """A hint where nothing in the log is of a kind that the table does not know: it may be a short name."""
    kind = question.kind
    if kind is None or kind.namespaced is not None or any(kind.takes(d.group, d.resource) for d in book.all()):
        return []
    hint = "write a custom resource as plural.group, for example widgets.example.com: a log knows no short names"
    return [f"{obj.resource} is not a kind that Kubernetes itself has; {hint}."]


def _tell(book: Book, question: Question, obj: Object) -> tuple[Story, list[Deed]]:
    until = seconds(question.window.until) or float("inf")
    if question.verb is Verb.created:
        story = story_of_creation(book, obj, until)
        made = story.links[0].deed if story.links else None
        # of Pods, the chain itself says whose place they took
        if made is not None and made.controller and obj.resource != "pods":
            say_recreated(book, story, obj, made)
        return story, []
    if question.verb is Verb.deleted:
        story = story_of_deletion(book, obj, until)
        _ended_before(book, obj, story)
        return story, []
    events = timeline(book, question, obj)
    story = Story()
    if events:
        pick(book, question.verb, obj, events, story)
    return story, events if story.links else []


def _elsewhen(book: Book, question: Question, obj: Object) -> Deed | None:
    """Who did it outside of the time asked for, where nobody did within: rather somebody than Kubernetes itself."""
    if question.window == ALWAYS:
        return None
    if question.verb is Verb.deleted:
        links = story_of_deletion(book, obj).links
        return links[0].deed if links else None
    whole = timeline(book, replace(question, window=ALWAYS), obj)
    named = [deed for deed in whole if deed.name and not deed.idle and not question.window.holds(deed.time)]
    people = [deed for deed in named if not deed.by_kubernetes] or named
    return people[-1] if people else None


def _at_another_time(question: Question, obj: Object, deed: Deed) -> str:
    did = doing(deed) if question.verb in {Verb.created, Verb.changed, Verb.deleted} else PAST[question.verb]
    return f"{actor(deed)} {did} {obj} at {deed.time}, which is outside of the time asked for"


def _ended_before(book: Book, obj: Object, story: Story) -> None:
    """Say who deleted earlier objects of the same name."""
    end = story.links[0].deed if story.links else None
    if end is None:
        return
    deeds = [deed for deed in book.on(obj) if deed.done and deed.at <= end.at]
    born = max((deed.at for deed in deeds if creates(deed)), default=0.0)
    # a kubelet's delete is the last of a Pod that was going already
    earlier = [deed for deed in deeds if deletes(deed) and not deed.node and deed.at < born]
    if earlier:
        who = ", ".join(f"{actor(deed)} at {deed.time}" for deed in earlier[-5:])
        story.note(f"another {obj} was deleted before: by {who}")


def _confidence(story: Story) -> Confidence:
    known = [link.confidence for link in story.links if link.deed is not None]
    if not known or (story.links[0].deed is None and story.root is None):
        return "unknown"
    return max((link.confidence for link in story.links), key=lambda each: _RANK[each])
