"""Who did it: a question about one object (or one user) in, an answer with its evidence out.

The literals of the object and of every owner that its name allows are searched in one pass; more passes follow only
where the first one leads to names that could not be derived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from kaudit_setup.policy.model import Policy
from kaudit_setup.texts import counted
from kaudit_setup.trail.actors import AUTOSCALER
from kaudit_setup.trail.birth import Confidence, actor
from kaudit_setup.trail.book import (
    Book,
    Log,
    begins,
    kubelet_path,
    named,
    nameless_requests,
    pod_ending,
    quoted,
    sisters,
)
from kaudit_setup.trail.chain import climb, story_of_creation
from kaudit_setup.trail.clock import ALWAYS, Window
from kaudit_setup.trail.death import hits
from kaudit_setup.trail.deeds import (
    Deed,
    Object,
    changes,
    creates,
    deletes,
    executes,
    meant,
    reads,
    seconds,
    selector,
)
from kaudit_setup.trail.ends import story_of_deletion
from kaudit_setup.trail.honest import attempts, silence
from kaudit_setup.trail.kinds import Kind
from kaudit_setup.trail.naming import guesses, of_deployment
from kaudit_setup.trail.rollout import NEAR
from kaudit_setup.trail.search import spelled
from kaudit_setup.trail.story import Child, Link, Story
from kaudit_setup.trail.tally import Coverage
from kaudit_setup.trail.wishes import as_before


class Verb(StrEnum):
    """What is asked for."""

    created = "created"
    changed = "changed"
    deleted = "deleted"
    read = "read"
    exec = "exec"
    touched = "touched"


MATCHES: Final[dict[Verb, Callable[[Deed], bool]]] = {
    Verb.created: creates,
    Verb.changed: changes,
    Verb.deleted: deletes,
    Verb.read: reads,
    Verb.exec: executes,
    Verb.touched: lambda deed: bool(deed.resource),
}
"""Which requests are meant by each verb."""

_RANK: Final = {"certain": 0, "inferred": 1, "unknown": 2}


class Searched(Log, Protocol):
    """A log that can also say what it covers and give lines their numbers."""

    def coverage(self) -> tuple[Coverage, ...]:
        """What was searched."""
        ...

    def numbered(self, deeds: Sequence[Deed]) -> dict[Deed, Deed]:
        """Deeds whose lines were not counted while searching, with the same deeds and their line numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """Who `verb` the object; `namespace` is the one meant for namespaced kinds. `name` empty: any (with a user)."""

    verb: Verb
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    user: str = ""
    window: Window = ALWAYS

    @property
    def object(self) -> Object:
        """The object asked about, as an objectRef would name it."""
        if self.kind is None:
            return Object("", "", self.namespace, self.name)
        space = "" if self.kind.namespaced is False else self.namespace
        return Object(self.kind.group or "", self.kind.resource, space, self.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known. `links` go from the object asked for to the root; `events` is the timeline, if one was asked."""

    question: Question
    object: Object
    confidence: Confidence = "unknown"
    answer: Deed | None = None
    root: Deed | None = None
    links: tuple[Link, ...] = ()
    events: tuple[Deed, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = field(default=())


def ask(log: Searched, question: Question, policy: Policy | None = None) -> Answer:
    """Answer a question about one object. `policy`, if at hand, tells what the log cannot hold."""
    obj = question.object
    timeline = question.verb not in {Verb.created, Verb.deleted}
    if timeline:
        book = Book(log, keep=_wanted(question), about=obj, window=question.window)
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
        story.note(f"{actor(answer)} did it at {answer.time}, which is outside of the time asked for")
        story, answer, events = Story(notes=story.notes), None, []
    if book.left_out:
        were = "was" if book.left_out == 1 else "were"
        story.note(
            f"{counted(book.left_out, 'request')} {were} too many to keep: earlier changes and reads, others of its"
            " kind at other times; --since and --until narrow the question"
        )
    confidence = _confidence(story)
    notes = [*story.notes, *attempts(book, obj, MATCHES[question.verb])]
    if answer is None:
        why = silence(book, question.verb.value, obj, log.coverage(), policy, followed=story.root is not None)
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
    if obj.resource == "pods" and verb in {Verb.exec, Verb.read, Verb.touched}:
        found.append(kubelet_path(obj))
    if verb in {Verb.deleted, Verb.read, Verb.touched} or (verb is Verb.created and any(guesses(obj))):
        found.append(nameless_requests(obj))
    if verb in {Verb.read, Verb.touched}:
        found.append(nameless_requests(replace(obj, namespace="")))
    return found


def _wanted(question: Question) -> Callable[[Deed], bool]:
    """Which requests a timeline of the object is made of."""
    obj, kind, match = question.object, question.kind, MATCHES[question.verb]

    def wanted(deed: Deed) -> bool:
        if not match(deed) or kind is None or not kind.takes(deed.group, deed.resource):
            return False
        return deed.stage != "RequestReceived" and deed.name in {obj.name, ""}

    return wanted


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
        _made_anew(book, obj, story)
        return story, []
    if question.verb is Verb.deleted:
        story = story_of_deletion(book, obj, until)
        _ended_before(book, obj, story)
        return story, []
    events = _timeline(book, question, obj)
    story = Story()
    if events:
        _pick(book, question.verb, obj, events, story)
    return story, events


def _made_anew(book: Book, obj: Object, story: Story) -> None:
    """Say who deleted what a controller then made again at once. Of Pods, the chain itself says it."""
    made = story.links[0].deed if story.links else None
    if made is None or not made.controller or obj.resource == "pods":
        return
    gone = [d for d in book.on(obj) if d.done and deletes(d) and 0 <= made.at - d.at <= NEAR]
    if gone and not gone[-1].by_kubernetes:
        story.note(f"{obj} was made again after {actor(gone[-1])} deleted it at {gone[-1].time}")


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


def _timeline(book: Book, question: Question, obj: Object) -> list[Deed]:
    """Every deed of the kind asked for, in order of time: those that name the object and those that took in its whole
    collection.
    """
    match = MATCHES[question.verb]
    direct = [deed for deed in book.on(obj) if match(deed)]
    everywhere = replace(obj, namespace="")
    sweeping = [*book.nameless(obj), *(book.nameless(everywhere) if obj.namespace else ())]
    wide = [d for d in sweeping if match(d) and (reads(d) or (deletes(d) and hits(d, obj))) and not _kubernetes(d)]
    begin, end = _life(book, obj)
    found = [*direct, *(deed for deed in wide if begin <= deed.at <= end)]
    within = [deed for deed in found if deed.done and question.window.holds(deed.time)]
    return sorted(within, key=lambda deed: (deed.at, deed.end))


def _life(book: Book, obj: Object) -> tuple[float, float]:
    """From when to when the log says that `obj` was there: what was listed before or after did not show it."""
    known = [deed for deed in book.on(obj) if deed.done and (creates(deed) or deletes(deed))]
    begin = known[0].at if known and creates(known[0]) else 0.0
    end = known[-1].at if known and deletes(known[-1]) else float("inf")
    return begin, end


def _kubernetes(deed: Deed) -> bool:
    """Whether one of Kubernetes' own did it on its own account (an autoscaler does what somebody set it to)."""
    return deed.by_kubernetes and deed.controller != AUTOSCALER


def _pick(book: Book, verb: Verb, obj: Object, events: Sequence[Deed], story: Story) -> None:
    """The last deed by somebody, rather than by Kubernetes itself; one that names the object rather than its kind."""
    people = [deed for deed in events if not _kubernetes(deed)] or events
    if verb is Verb.changed:
        same = as_before(book, obj)
        changed = [deed for deed in people if deed.key not in same]
        if changed and len(changed) < len(people):
            last = [deed for deed in people if deed.key in same][-1]
            left = f"{len(people) - len(changed)} requests left all as it was"
            story.note(f"{left}, the last by {actor(last)} at {last.time}")
            people = events = changed
    chosen = ([deed for deed in people if deed.name] or people)[-1]
    if chosen.name:
        story.links.append(Link(obj, chosen, "certain", "the request names it"))
    else:
        where = f"in namespace {chosen.namespace}" if chosen.namespace else "in all namespaces"
        takes = "takes it in if it is one of them" if selector(chosen) else "takes it in"
        why = f"a {chosen.verb} of {meant(chosen)} {where} {takes}"
        if not any(deed.done for deed in book.on(obj)):
            story.note(f"nothing else in this log mentions {obj}; this is of it only if it existed")
        story.links.append(Link(obj, chosen, "inferred", why))
    others = dict.fromkeys(actor(deed) for deed in events if actor(deed) != actor(chosen))
    if others and verb is not Verb.touched:
        story.note(f"others did too: {', '.join(list(others)[:10])}{' and more' if len(others) > 10 else ''}")
    if not chosen.controller:
        story.root = chosen
    elif verb is Verb.changed:
        climb(book, story, Child(obj, chosen.at, chosen, chosen.facts.body, ended=True))


def _confidence(story: Story) -> Confidence:
    known = [link.confidence for link in story.links if link.deed is not None]
    if not known or (story.links[0].deed is None and story.root is None):
        return "unknown"
    return max((link.confidence for link in story.links), key=lambda each: _RANK[each])


def numbered(log: Searched, answer: Answer) -> Answer:
    """The answer with the line numbers of its evidence."""
    deeds = [answer.answer, answer.root, *(link.deed for link in answer.links), *answer.events]
    named_lines = log.numbered([deed for deed in deeds if deed is not None])

    def place(deed: Deed | None) -> Deed | None:
        return named_lines.get(deed, deed) if deed is not None else None

    return replace(
        answer,
        answer=place(answer.answer),
        root=place(answer.root),
        links=tuple(replace(link, deed=place(link.deed)) for link in answer.links),
        events=tuple(named_lines.get(deed, deed) for deed in answer.events),
    )


def with_notes(answer: Answer, lost: Sequence[str], unreadable: int) -> Answer:
    """The answer with what happened to the sources: nodes that were lost, lines that are no events."""
    notes = list(answer.notes)
    if lost and answer.confidence == "unknown" and notes:
        notes[1:1] = lost
    else:
        notes += lost
    if unreadable:
        lines = "1 line that mentions it is" if unreadable == 1 else f"{unreadable} lines that mention it are"
        notes.append(f"{lines} damaged and could not be read.")
    said = [f"{each.node}: {note}" for each in answer.coverage for note in each.notes]
    return replace(answer, notes=(*notes, *said[:10]))


def actor_event(deed: Deed | None) -> dict[str, object] | None:
    """An actor event, with exactly the keys that are documented."""
    if deed is None:
        return None
    source = {"node": deed.source.node, "file": deed.source.file, "line": deed.source.line}
    return {
        "user": deed.user,
        "groups": list(deed.groups),
        "impersonatedBy": deed.impersonator or None,
        "sourceIPs": list(deed.source_ips),
        "userAgent": deed.agent,
        "time": deed.time,
        "verb": deed.verb,
        "code": deed.code,
        "decision": deed.decision,
        "reason": deed.reason,
        "auditID": deed.audit_id,
        "level": deed.level,
        "stage": deed.stage,
        "source": source,
    }


def coordinates(obj: Object) -> dict[str, object]:
    """An object's coordinates, with exactly the keys that are documented."""
    return {"group": obj.group, "resource": obj.resource, "namespace": obj.namespace, "name": obj.name}


def as_json(answer: Answer) -> dict[str, object]:
    """The answer, with exactly the keys that are documented."""
    return {
        "question": {"verb": answer.question.verb.value, **coordinates(answer.object)},
        "confidence": answer.confidence,
        "answer": actor_event(answer.answer),
        "root": actor_event(answer.root),
        "chain": [
            {
                "object": coordinates(link.object),
                "event": actor_event(link.deed),
                "confidence": link.confidence,
                "why": link.why,
            }
            for link in answer.links
        ],
        "events": [actor_event(deed) for deed in answer.events],
        "coverage": [
            {
                "node": each.node,
                "from": each.first or None,
                "to": each.last or None,
                "gaps": [{"from": begin, "to": end} for begin, end in each.gaps],
                "files": each.files,
                "damaged": each.damaged,
            }
            for each in answer.coverage
        ],
        "notes": list(answer.notes),
    }
