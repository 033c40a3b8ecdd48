"""What an object was: its changes as differences, and its last known state as YAML."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from kaudit_setup.attribution.changes.history import Change, History, State
from kaudit_setup.attribution.changes.levels import missing_bodies, needed
from kaudit_setup.attribution.changes.normalize import applicable
from kaudit_setup.attribution.changes.patching import Value
from kaudit_setup.attribution.changes.redaction import HIDDEN, hidden, hidden_patch
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.errors import InputError
from kaudit_setup.report.documents.document import Item, Json, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.questions.values import ActorEvent, event_of
from kaudit_setup.report.times import localized, shown
from kaudit_setup.units import counted
from kaudit_setup.values import replace

_LARGE = 200_000  # characters of JSON; the writer of YAML takes seconds for more


def changes_lines(history: History, *, secrets: bool) -> Iterator[str]:
    """Each change as a difference, below a title; what is missing at the end. Not yet escaped."""
    yield from ("", "Changes", *_changes(history, secrets))


class ObjectChange(Item, frozen=True, kw_only=True):
    """One change: the object before and after it, as far as they are known, without what the server writes itself.

    `patch`: what was sent, where they are not. `certain`: both are as the server stored them. `why`: what is missing,
    or inferred.
    """

    event: ActorEvent
    certain: bool
    why: Words | None
    before: Any
    after: Any
    patch: Any
    diff: str | None


class LastKnown(Item, frozen=True, kw_only=True):
    """The last known object, to be applied again, and the request that shows it; null if there is none in the log."""

    object: Json | None
    event: ActorEvent | None
    certain: bool
    notes: tuple[Words, ...]


def changes_items(history: History, *, secrets: bool) -> tuple[ObjectChange, ...]:
    """Each change for programs."""
    found = [_hidden_change(change, history.object, secrets) for change in history.changes]
    return tuple(
        ObjectChange(
            event=event_of(change.request, secrets),
            certain=change.sure,
            why=change.why or None,
            before=change.before,
            after=change.after,
            patch=change.patch,
            diff="\n".join(_difference(change, history.object)) if change.known else None,
        )
        for change in found
    )


def _changes(history: History, secrets: bool) -> Iterator[str]:
    if not history.changes:
        yield f"  no change of {history.object} is in this log"
    for change in history.changes:
        request = change.request
        below = f"/{request.subresource}" if request.subresource else ""
        doubt = "" if change.sure else " (inferred)" if change.known else ""
        source = request.source
        where = f"{source.node}, {source.file}:{source.line}"
        yield f"  {shown(request.time)}  {actor(request)}  {request.verb}{below}  {request.code}  {where}{doubt}"
        yield from (f"    {line}" for line in _body(_hidden_change(change, history.object, secrets), history.object))
        yield ""
    if history.left_out:
        yield f"  {counted(history.left_out, 'earlier request')} with bodies were too many to follow"
    if missing := missing_bodies(history):
        yield f"  {missing}"
    if _is_secret(history.object) and not secrets:
        yield f"  the contents of a Secret are shown as {HIDDEN}; --show-secrets shows them"


def _body(change: Change, obj: Object) -> Iterator[str]:
    if change.known:
        lines = list(_difference(change, obj))
        yield from lines or ["nothing but what the server itself writes"]
    if change.why:
        yield f"({change.why})"
    if change.patch is not None:
        yield "what was sent:"
        yield from _yaml(change.patch).splitlines()
    elif not change.known and change.after is not None:
        yield "the object after it:"
        yield from _yaml(change.after).splitlines()


def _difference(change: Change, obj: Object) -> Iterator[str]:
    # a client may send its fields in another order than the server
    before, after = (_yaml(_sorted(side)).splitlines() for side in (change.before, change.after))
    return difflib.unified_diff(before, after, f"{obj} (before)", f"{obj} (after)", lineterm="")


def _sorted(value: Value) -> Value:
    if isinstance(value, list):
        return [_sorted(one) for one in value]
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


def _hidden_change(change: Change, obj: Object, secrets: bool) -> Change:
    if secrets or not _is_secret(obj):
        return change
    before = None if change.before is None else hidden(change.before)
    after = None if change.after is None else hidden(change.after, change.before)
    return replace(change, before=before, after=after, patch=hidden_patch(change.patch))


def last_known_lines(history: History, *, secrets: bool) -> Iterator[str]:
    """The last known object as YAML that can be applied again, with comments; harmless for terminals."""
    yield from _last_known(history, secrets)


def last_known_item(history: History, *, secrets: bool) -> LastKnown:
    """The last known object for programs."""
    state = history.last
    if state is None:
        return LastKnown(object=None, event=None, certain=False, notes=(_unknown(history),))
    return LastKnown(
        object=_to_apply(state, history.object, secrets),
        event=event_of(state.request, secrets),
        certain=state.sure,
        notes=tuple(_doubts(history, state, secrets)),
    )


def _unknown(history: History) -> str:
    """That nothing shows what the object was, and what would have."""
    return f"What {history.object} was is not in this log; {missing_bodies(history) or needed(history.object)}"


def _last_known(history: History, secrets: bool) -> Iterator[str]:
    state, obj = history.last, history.object
    if state is None:
        yield from _comments(_unknown(history))
        return
    request = state.request
    source = request.source
    said = f"{obj} as of {localized(request.time)}, by the {request.verb} of {actor(request)}"
    yield from _comments(f"{said} ({source.node}, {source.file}:{source.line})")
    for doubt in _doubts(history, state, secrets):
        yield from _comments(doubt)
    # all in ASCII: what is hostile is an escape of YAML, and means the same when it is applied
    yield _yaml(_to_apply(state, obj, secrets)).rstrip("\n")


def _comments(text: str) -> Iterator[str]:
    yield f"# {safe(text)}"


def _doubts(history: History, state: State, secrets: bool) -> Iterator[str]:
    """What may make the object another than it was."""
    if not state.stored:
        yield "as a client sent it: without what the server fills in"
    if not state.sure:
        yield "a patch was applied here to the object before: its response is not in the log"
    later = [request for request in history.without_body if request.at > state.request.at]
    if later:
        who = ", ".join(dict.fromkeys(map(actor, later)))
        yield f"changed later by {who} ({counted(len(later), 'request')}), whose bodies are not in this log"
    if _is_secret(history.object) and not secrets:
        yield f"the contents of a Secret are shown as {HIDDEN}; --show-secrets shows them"


def _to_apply(state: State, obj: Object, secrets: bool) -> Value:
    plain = applicable(state.value)
    return plain if secrets or not _is_secret(obj) else hidden(plain)


def _is_secret(obj: Object) -> bool:
    return (obj.group, obj.resource) == ("", "secrets")


def _yaml(value: Value) -> str:
    """`value` as YAML in ASCII; as JSON, which is YAML too, where that would take long or cannot be done."""
    text = json.dumps(value, indent=2)
    if len(text) > _LARGE:
        return text
    from kaudit_setup.yamltext import emit

    try:
        return emit(value, ascii_only=True)
    except (InputError, RecursionError):
        return text
