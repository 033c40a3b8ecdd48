"""Who did it: a question about one object (or one user) in, an answer with its evidence out.

The literals of the object and of every owner that its name allows are searched in one pass; more passes follow only
where the first one leads to names that could not be derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from kaudit_setup.attribution.answer import MATCHES, PAST, Answer, Question, Searched, Verb, numbered
from kaudit_setup.attribution.chain import NOTHING, Finding, both, note
from kaudit_setup.attribution.controllers.common import recreation_note
from kaudit_setup.attribution.creation.step import creation_step, is_made_by_name
from kaudit_setup.attribution.evidence.choose import by_somebody, last_that
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, seconds
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.attribution.first_search import as_logged, asks_once, by_name, first_search, look_twice
from kaudit_setup.attribution.living_object.metadata import version_in
from kaudit_setup.attribution.living_object.owners import NOBODY, LivingObjects, Reader, living_objects_of
from kaudit_setup.attribution.living_object.statements import contradiction, statements
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.trust.clocks import clocks_apart
from kaudit_setup.attribution.trust.deletions import deleted_before, deleted_since
from kaudit_setup.attribution.trust.lookalikes import lookalikes
from kaudit_setup.attribution.trust.shared_ids import shared_ids
from kaudit_setup.attribution.trust.successions import of_two_clusters
from kaudit_setup.attribution.trust.unmentioned import if_it_existed
from kaudit_setup.attribution.unanswered.attempts import attempts, untold
from kaudit_setup.attribution.unanswered.codes import Because, Reason, codes, sentences
from kaudit_setup.attribution.unanswered.missing_logs import SERVER_PODS, missing_servers
from kaudit_setup.attribution.unanswered.other_objects import NOTHING as NOTHING_ELSE
from kaudit_setup.attribution.unanswered.other_objects import OtherObjects, other_objects
from kaudit_setup.attribution.unanswered.reasons import Unanswered, reasons
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.units import counted
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.policy.model import Policy


def ask(log: Searched, question: Question, policy: Policy | None = None, reader: Reader | None = None) -> Answer:
    """Answer a question about one object. `policy`, if at hand, tells what the log cannot hold; `reader`, if there is
    one, reads the living object and its owners.
    """
    index = _index(log, question)
    servers = log.servers()
    search = first_search(question, servers=servers is None)
    obj, others = _look_up(index, question, search, at_once=servers is None)
    shown = _living_objects(index, obj, reader)
    finding, events = _apply_rules(index, question, obj)
    finding = of_two_clusters(index, obj, finding)
    finding = if_it_existed(index, obj, finding) if asks_once(question.verb) else finding
    finding, events = _at_the_time(index, question, obj, finding, events)
    finding = _doubted(finding, contradiction(question.verb, finding, shown, _until(question)))
    finding += note(*_other_groups(others), clocks_apart(index, finding.links), _left_out(index))
    also = _beyond(index, question, obj, finding, servers)
    because: Sequence[Because] = ()
    notes = (*finding.notes, *attempts(index, obj, MATCHES[question.verb]))
    if finding.request is None:
        case = _unanswered(index, question, obj, finding, also, policy)
        because = reasons(index, case, log.coverage())
        why, *more = sentences(because)
        told = statements(question.verb, obj, finding, shown)
        notes = (why, *told, *more, *notes, *_unknown_kind(index, question))
    else:
        notes = (*notes, *statements(question.verb, obj, finding, shown))
    linked = [link.request for link in finding.links if link.request is not None]
    notes = (*notes, *shared_ids(index.all(), [*linked, *events]), *lookalikes([*linked, *events]))
    covered = log.coverage()
    answer = Answer(
        question,
        obj,
        finding.confidence,
        finding.request,
        finding.root,
        finding.links,
        tuple(events),
        covered,
        notes,
        living=shown.living,
        unlogged=tuple(missing_servers(also.servers, covered)),
        proviso=finding.proviso if finding.links else "",
        because=codes(because),
    )
    return numbered(log, answer)


def _doubted(finding: Finding, against: str) -> Finding:
    """A finding that the living object contradicts: the log keeps its word, but is not sure."""
    if not (against and finding.links):
        return finding
    first, *above = finding.links
    doubted = replace(first, confidence="inferred", why=f"{first.why}; {against}")
    return replace(finding, links=(doubted, *above), proviso=both(finding.proviso, against))


def _living_objects(index: EventIndex, obj: Object, reader: Reader | None) -> LivingObjects:
    """The living object and its owners, told to the index."""
    if reader is None or not obj.name:
        return NOBODY
    uris = (request.uri for request in index.all() if (request.group, request.resource) == (obj.group, obj.resource))
    version = next(filter(None, (version_in(uri, obj) for uri in uris)), "")
    shown = living_objects_of(obj, reader, version)
    index.know_living(shown.living)
    return shown


def _look_up(index: EventIndex, question: Question, search: Search, *, at_once: bool) -> tuple[Object, list[Object]]:
    """Search as far as the question needs it; see `as_logged`. `at_once`: a log that is read as a whole each time."""
    if at_once:
        index.look_for(search)
    else:
        look_twice(index, question, search)
    obj, others = as_logged(index, question)
    if not search.ahead or is_made_by_name(index, obj, _until(question)):
        return obj, others
    index.look_up(search.ahead, search.within)
    return as_logged(index, question)


def _beyond(
    index: EventIndex, question: Question, obj: Object, finding: Finding, servers: Sequence[Request] | None
) -> OtherObjects:
    """What is said beside an answer: of API servers whose logs may be missing where that matters, and of the same
    name elsewhere where nothing is known of the object.
    """
    asked_once, nobody = asks_once(question.verb), finding.request is None
    if asked_once and not nobody:
        return NOTHING_ELSE
    # a search for something else leaves out what only kubelets said
    pods = (SERVER_PODS,) if asked_once and servers is None else ()
    names = (by_name(obj),) if nobody and not index.done(obj) else ()
    search = Search(names, within=quoted(obj.resource), anywhere=pods)
    known = servers if servers is not None else () if asked_once else index.all()
    return other_objects(chain(known, index.every(search) if names or pods else ()), obj)


def _until(question: Question) -> float:
    return seconds(question.window.until) or float("inf")


def _index(log: Searched, question: Question) -> EventIndex:
    """The index of the log, which keeps what the question needs."""
    obj = question.object
    if not asks_once(question.verb):
        from kaudit_setup.attribution.object_requests import wanted_by

        return EventIndex(log, keep=wanted_by(question), about=obj, window=question.window)
    # who made it, and its owners, is asked of the time before, too
    return EventIndex(log, focus=spelled(obj.name), about=obj, window=Window(until=question.window.until))


def _apply_rules(index: EventIndex, question: Question, obj: Object) -> tuple[Finding, Sequence[Request]]:
    """What the rules find, and the events of a timeline, if one was asked for."""
    until = _until(question)
    if question.verb is Verb.created:
        found = _creation(index, obj, until)
        found += note(deleted_since(index, obj, found.request))
        create = found.request
        # of Pods, the chain itself says whose place they took
        if create is None or not create.controller or obj.resource == "pods":
            return found, ()
        return found + note(recreation_note(index, obj, create)), ()
    if question.verb is Verb.deleted:
        found = _deletion(index, obj, until)
        return found + note(deleted_before(index, obj, found.request)), ()
    from kaudit_setup.attribution.object_requests import binding_note, pick, timeline

    events = timeline(index, question, obj)
    found = pick(index, question.verb, obj, events) if events else NOTHING
    if question.verb is Verb.changed:
        found += binding_note(index, question, obj)
    return found, events if found.links else ()


def _creation(index: EventIndex, obj: Object, until: float) -> Finding:
    found = creation_step(index, obj, until)
    if found.next is not None:
        # whom controllers followed is told by many rules, and who creates an object by hand followed nobody
        from kaudit_setup.attribution.owner_chain import follow_up

        found = follow_up(found)
    if found.root is None or found.root.facts.controller is None or not creates(found.root):
        return found
    from kaudit_setup.attribution.creation.custom_owner import owners_maker_note

    return found + note(owners_maker_note(index, found.root))


def _deletion(index: EventIndex, obj: Object, until: float = float("inf")) -> Finding:
    # the rules of controllers that delete are many, and only these questions need them
    from kaudit_setup.attribution.deletion.causes import deletion_chain

    return deletion_chain(index, obj, until)


def _at_the_time(
    index: EventIndex, question: Question, obj: Object, found: Finding, events: Sequence[Request]
) -> tuple[Finding, Sequence[Request]]:
    """What was found, if it is of the time asked about; else, or if nothing was, who did it at another time."""
    request = found.request
    if request is not None and not question.window.holds(request.time):
        return Finding(notes=found.notes) + _at_another_time(question, obj, request), ()
    if not (found.links or found.instead) and (other := _elsewhen(index, question, obj)) is not None:
        return found + _at_another_time(question, obj, other), events
    return found, events


def _elsewhen(index: EventIndex, question: Question, obj: Object) -> Request | None:
    """Who did it outside of the time asked for, where nobody did within: rather somebody than Kubernetes itself."""
    if question.window == ALWAYS:
        return None
    if question.verb is Verb.deleted:
        return _deletion(index, obj).request
    from kaudit_setup.attribution.object_requests import timeline

    whole = timeline(index, replace(question, window=ALWAYS), obj)
    named = [request for request in whole if request.name and not request.no_op]
    named = [request for request in named if not question.window.holds(request.time)]
    return last_that(named, by_somebody) or next(iter(named[-1:]), None)


def _at_another_time(question: Question, obj: Object, request: Request) -> Finding:
    did = doing(request) if question.verb in {Verb.created, Verb.changed, Verb.deleted} else PAST[question.verb]
    said = f"{actor(request)} {did} {obj} at {request.time}, which is outside of the time asked for"
    return Finding(instead=said, why=Reason.another_time)


def _unanswered(
    index: EventIndex, question: Question, obj: Object, found: Finding, also: OtherObjects, policy: Policy | None
) -> Unanswered:
    """What is known where the object's own request is not."""
    known = "" if found.links else found.instead or untold(index, obj, MATCHES[question.verb])
    why = found.why if found.instead else Reason.unclear
    return Unanswered(question.verb.value, obj, policy, known, why, found.root is not None, also.namespaces)


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
    hint = "write a custom resource as plural.group, for example widgets.example.com: logs do not hold short names"
    return [f"{question.object.resource} is not a kind that Kubernetes itself has; {hint}."]
