"""An answer to `who` for programs: its values, with exactly the keys that are documented."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from kaudit_setup.attribution.answer import Answer, Verb
from kaudit_setup.attribution.chain import Confidence
from kaudit_setup.attribution.unanswered.codes import Reason
from kaudit_setup.report.coverage import LogCoverage, covered
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.questions.changes import LastKnown, ObjectChange, changes_items, last_known_item
from kaudit_setup.report.questions.values import (
    ActorEvent,
    LivingObject,
    ObjectRef,
    actor_event,
    coordinates,
    event_of,
    living_item,
)


class Question(ObjectRef, frozen=True, kw_only=True):
    """What was asked."""

    verb: Verb


class ChainLink(Item, frozen=True, kw_only=True):
    """One object of the chain from the object asked about to the root: the request behind it, how sure, and why."""

    object: ObjectRef
    event: ActorEvent | None
    confidence: Confidence
    why: Words


class WhoAnswer(Item, frozen=True, kw_only=True):
    """Who did it: `answer` is the request on the object itself, `root` the one that all of it follows from.

    `changes` and `last_known` are there if they were asked for (`--diff`, `--show`). `living`: the object and its
    owners as they are now, read on a node; what they say is no part of the log. `reasons`: why the confidence is
    `unknown`, the weightiest first; none for any other.
    """

    cluster: str | UnsetType = UNSET
    question: Question
    confidence: Confidence
    reasons: tuple[Reason, ...]
    answer: ActorEvent | None
    root: ActorEvent | None
    chain: tuple[ChainLink, ...]
    events: tuple[ActorEvent, ...]
    coverage: tuple[LogCoverage, ...]
    notes: tuple[Words, ...]
    changes: tuple[ObjectChange, ...] | UnsetType = UNSET
    last_known: LastKnown | UnsetType = UNSET
    living: tuple[LivingObject, ...] | UnsetType = UNSET


def as_item(answer: Answer, *, secrets: bool = False, cluster: str | UnsetType = UNSET) -> WhoAnswer:
    """The answer with exactly the keys that are documented; `cluster`: whose it is, if that is known."""
    thing = answer.object
    return WhoAnswer(
        cluster=cluster,
        question=Question(
            verb=answer.question.verb,
            group=thing.group,
            resource=thing.resource,
            namespace=thing.namespace,
            name=thing.name,
        ),
        confidence=answer.confidence,
        reasons=answer.reasons,
        answer=actor_event(answer.answer, secrets),
        root=actor_event(answer.root, secrets),
        chain=tuple(
            ChainLink(
                object=coordinates(link.object),
                event=actor_event(link.request, secrets),
                confidence=link.confidence,
                why=link.why,
            )
            for link in answer.links
        ),
        events=tuple(event_of(request, secrets) for request in answer.events),
        coverage=covered(answer.coverage),
        notes=tuple(answer.notes),
        changes=changes_items(answer.differences, secrets=secrets) if answer.differences else UNSET,
        last_known=last_known_item(answer.last_known, secrets=secrets) if answer.last_known else UNSET,
        living=tuple(map(living_item, answer.living)) or UNSET,
    )
