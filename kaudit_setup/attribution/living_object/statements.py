"""What the living object adds to an answer, in sentences; where it contradicts the log, that is said, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.chain import Finding
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.living_object.metadata import Living, Manager
from kaudit_setup.attribution.living_object.owners import LivingObjects
from kaudit_setup.attribution.timing import CLOCK_SKEW

_NEWEST: Final = 3
_NO_PERSON: Final = "a name that the client gave itself, which proves no person"


def statements(verb: Verb, obj: Object, found: Finding, shown: LivingObjects) -> list[str]:
    """Notes on what the living object says, of a question whose answer by the log is `found`."""
    if not shown.living:
        return _nobody(obj, found, shown)
    living = shown.living[0]
    rule = _OF_VERB.get(verb, _alive)
    said = [f"The living object (read on {living.node}): {sentence}." for sentence in rule(living, found)]
    return [*said, *_owners(found, shown)]


def contradiction(verb: Verb, found: Finding, shown: LivingObjects, until: float) -> str:
    """What the living object says against whoever the log names first, for a sentence that goes on; empty if it says
    nothing. `until`: up to when is asked about (Unix seconds); what was made later is not meant.
    """
    if not shown.living or found.request is None or shown.living[0].at > until:
        return ""
    rule = _AGAINST.get(verb)
    return rule(shown.living[0], found.request) if rule is not None else ""


def _against_create(living: Living, create: Request) -> str:
    same = create.facts.uid in {"", living.uid}
    if same and living.may_be_made_by(create, CLOCK_SKEW):
        return ""
    if same and living.at < create.at:
        return f"the one that exists now says that it was made at {living.created}, before that request"
    return f"the one that exists now was made at {living.created}, by a request that is not in this log"


def _against_deletion(living: Living, end: Request) -> str:
    if living.at > end.at or living.deleting or (end.facts.uid and end.facts.uid != living.uid):
        return ""
    return f"it still exists, made at {living.created}, before that deletion"


_AGAINST: Final[Mapping[Verb, Callable[[Living, Request], str]]] = {
    Verb.created: _against_create,
    Verb.deleted: _against_deletion,
}


def _nobody(obj: Object, found: Finding, shown: LivingObjects) -> list[str]:
    unread = shown.unread
    if unread is None:
        return []
    if unread.gone:
        return [] if found.request is not None else [f"{obj} does not exist now."]
    return [f"The living object was not read: {unread.why}."]


def _created(living: Living, found: Finding) -> Iterator[str]:
    create = found.request
    if create is None:
        yield f"made at {living.created} (UID {living.uid}){_by_maker(living.maker)}"
    elif create.facts.uid and create.facts.uid != living.uid:
        yield f"another one of that name, with UID {living.uid}, made at {living.created}{_by_maker(living.maker)}"
    elif living.may_be_made_by(create, CLOCK_SKEW):
        yield f"it agrees: made at {living.created} (UID {living.uid})"
    elif living.at > create.at:
        later = f"made at {living.created} (UID {living.uid}), after that, so it is another one of that name"
        yield f"{later}, whose create is not in this log{_by_maker(living.maker)}"
    else:
        yield f"it disagrees with the log: made at {living.created} (UID {living.uid}), before that request"


def _deleted(living: Living, found: Finding) -> Iterator[str]:
    end = found.request
    if end is None:
        yield f"it exists, made at {living.created} (UID {living.uid}){_going(living)}"
    elif living.at > end.at:
        yield f"another one of that name exists since {living.created} (UID {living.uid})"
    elif living.deleting:
        yield f"it is still there (UID {living.uid}){_going(living)}"
    else:
        yield (
            f"it disagrees with the log: made at {living.created} (UID {living.uid}), before that deletion, and it"
            " still exists: the deletion did not take effect (a dry run?), or the log is not this cluster's"
        )


def _alive(living: Living, _found: Finding) -> Iterator[str]:
    yield f"it exists, made at {living.created} (UID {living.uid}){_by_maker(living.maker)}{_going(living)}"
    wrote = sorted((one for one in living.managers if one.time), key=lambda one: one.time)[-_NEWEST:]
    if wrote:
        written = ", ".join(f"{_manager(one)} at {one.time}" for one in reversed(wrote))
        yield f"its fields were last written by {written} ({_NO_PERSON})"


_OF_VERB: Final[Mapping[Verb, Callable[[Living, Finding], Iterator[str]]]] = {
    Verb.created: _created,
    Verb.deleted: _deleted,
}


def _going(living: Living) -> str:
    return f", being deleted since {living.deleting}" if living.deleting else ""


def _by_maker(maker: Manager | None) -> str:
    return f" by manager `{maker.name}` ({_NO_PERSON})" if maker is not None else ""


def _manager(one: Manager) -> str:
    below = f" of {one.subresource}" if one.subresource else ""
    return f"`{one.name}` ({one.operation}{below})"


def _owners(found: Finding, shown: LivingObjects) -> Iterator[str]:
    """Owners that the chain does not have, or has otherwise."""
    chained = [link.object for link in found.links]
    for child, owner in zip(shown.living, shown.living[1:], strict=False):
        if child.object not in chained or owner.object in chained:
            continue
        at = chained.index(child.object) + 1
        if at < len(chained):
            said = f"{child.object} belongs to {owner.object} (UID {owner.uid}), and the log speaks of {chained[at]}"
            yield f"The living object (read on {owner.node}) disagrees with the log: {said}."
        else:
            made = f"made at {owner.created}{_by_maker(owner.maker)}"
            yield f"The living object (read on {owner.node}): {child.object} belongs to {owner.object}, {made}."
    unread, last = shown.unread, shown.living[-1]
    if unread is not None and last.controller is not None:
        yield f"The owner of the living {last.object} was not read: {unread.why}."
