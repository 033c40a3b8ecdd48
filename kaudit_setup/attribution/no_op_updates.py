"""Which updates of an object changed nothing, because it already was as they wanted it.

GitOps tools and operators apply the same again and again. An object's resourceVersion grows with every change that is
stored, and an update that changes nothing is not stored (AS/pkg/storage/etcd3/store.go:GuaranteedUpdate). So the
response to an update, compared with what an earlier request showed, tells. Without responses, repeated requests are
in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.evidence.uri_query import names_parameter, value

_Key = tuple[str, ...]


def no_op_updates(index: EventIndex, obj: Object) -> set[_Key]:
    """The changes of `obj`, by `Request.key`, that left it as it was, as far as the log shows it."""
    found: set[_Key] = set()
    sights = _Sights()
    for request in index.done(obj):
        if creates(request) or deletes(request):
            sights = _Sights()
        same = changes(request) and sights.show_no_change(index, request)
        found |= {request.key} if same else set()
        sights.add(request, same=same)
    return found


class _Sights(msgspec.Struct):
    """What the requests so far show of an object: `versions`, who first showed each of its resourceVersions; `state`,
    the last that shows it, if nothing is known to have changed it since; `change`, the last change.
    """

    versions: dict[str, Request] = msgspec.field(default_factory=dict)
    state: Request | None = None
    change: Request | None = None

    def show_no_change(self, index: EventIndex, request: Request) -> bool:
        """Whether the change `request` left the object as it was."""
        return (
            _before(index, self.versions.get(request.facts.version), request)
            or _looks_the_same(index, self.state, request)
            or _repeats(self.change, request)
        )

    def add(self, request: Request, *, same: bool) -> None:
        """Take in `request`, which left the object the `same` or not."""
        if request.facts.version:
            self.versions.setdefault(request.facts.version, request)
        if request.facts.object_digest:
            self.state = request
        elif changes(request) and not same:
            self.state = None
        if changes(request) or creates(request):
            self.change = request


def repeats(requests: Sequence[Request]) -> set[_Key]:
    """Those of the changes `requests`, in order of time, that repeat what their sender had sent before, by
    `Request.key`; the log does not show what they changed.

    They may have reverted what somebody else had changed in between. Usually they change nothing.
    """
    found: set[_Key] = set()
    said: dict[_Key, int] = {}
    for request in requests:
        known = said.get(_sender(request))
        same = known is not None and (
            request.facts.request_digest == known or 0 in {request.facts.request_digest, known}
        )
        if same and _is_unanswered(request):
            found.add(request.key)
        said[_sender(request)] = request.facts.request_digest
    return found


def may_agree(requests: Sequence[Request], last: Request) -> bool:
    """Whether `last`, the last change of `requests`, may have asked for no more than what somebody else had changed
    since its sender's request before.
    """
    before = [request for request in requests if request.at <= last.at and request.key != last.key]
    own = [number for number, request in enumerate(before) if _sender(request) == _sender(last)]
    return _is_unanswered(last) and bool(own) and own[-1] < len(before) - 1


def _before(index: EventIndex, old: Request | None, new: Request) -> bool:
    """Whether `old`, which shows the same resourceVersion, came before `new`.

    Of two writes that returned the same version, only the first was stored. A read or a status report that ran at the
    same time as `new` may show what `new` had stored.
    """
    return old is not None and (changes(old) or creates(old) or _after(index, old, new))


def _looks_the_same(index: EventIndex, old: Request | None, new: Request) -> bool:
    """Whether the response to `new` shows the object as `old` did, which came before it.

    Not of a subresource: what that changes (an approval, a status) is not part of the comparison.
    """
    if old is None or new.subresource or not _before(index, old, new):
        return False
    return 0 != old.facts.object_digest == new.facts.object_digest and old.facts.generation == new.facts.generation


def _repeats(old: Request | None, new: Request) -> bool:
    """Whether `new` is the same request as `old`, on the whole object, and nobody changed it in between."""
    if old is None or (old.user, old.verb, old.subresource) != (new.user, new.verb, new.subresource):
        return False
    return 0 != old.facts.request_digest == new.facts.request_digest and not new.facts.object_digest


def _after(index: EventIndex, old: Request, new: Request) -> bool:
    """Whether `new` was received after `old` was answered, as far as the clocks of the nodes allow to say."""
    return old.end + (index.tolerance if old.source.node != new.source.node else 0.0) <= new.at


def _is_unanswered(request: Request) -> bool:
    """Whether a request states the whole object (or is a server-side apply, the only one with `force`:
    AS/pkg/endpoints/handlers/patch.go), and no response shows what it changed.
    """
    states = bool(request.facts.request_digest) or (request.verb == "patch" and names_parameter(request.uri, "force"))
    return states and not (request.facts.object_digest or request.facts.version)


def _sender(request: Request) -> _Key:
    """Who sent a request, and how: a repeated request is the same in this.

    The user agent only counts where it tells apart the controllers that share one user: anybody may change theirs.
    """
    manager = value(request.uri, "fieldManager")
    return (request.user, request.impersonator, request.controller, request.verb, request.subresource, manager)
