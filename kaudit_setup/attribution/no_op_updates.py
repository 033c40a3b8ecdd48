"""Which changes of an object changed nothing: what was asked for was there already.

GitOps tools and operators apply the same again and again. An object's resourceVersion moves with every change that is
stored, whoever made it and whatever it touched, and a write that changes nothing stores nothing
(AS/pkg/storage/etcd3/store.go:GuaranteedUpdate). So it is an answer beside the sight of the object before that tells.
Without answers, what repeats itself is in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes

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


@dataclass(slots=True)
class _Sights:
    """What the requests so far show of an object: `versions`, who first showed each of its resourceVersions; `state`,
    the last that shows it, if nothing is known to have changed it since; `change`, the last change.
    """

    versions: dict[str, Request] = field(default_factory=dict)
    state: Request | None = None
    change: Request | None = None

    def show_no_change(self, index: EventIndex, request: Request) -> bool:
        """Whether the change `request` left the object as it was."""
        return (
            _before(index, self.versions.get(request.facts.version), request)
            or _looks_the_same(index, self.state, request)
            or _said_again(self.change, request)
        )

    def add(self, request: Request, *, same: bool) -> None:
        """Take in `request`, which left the object the `same` or not."""
        if request.facts.version:
            self.versions.setdefault(request.facts.version, request)
        if request.facts.state:
            self.state = request
        elif changes(request) and not same:
            self.state = None
        if changes(request) or creates(request):
            self.change = request


def repeats(requests: Sequence[Request]) -> set[_Key]:
    """Those of the changes `requests`, in order of time, that say again what their sender had said before, by
    `Request.key`: what came of them is not in the log.

    They may have put back what somebody else had changed in between. Usually they find all as they want it.
    """
    found: set[_Key] = set()
    said: dict[_Key, int] = {}
    for request in requests:
        known = said.get(_way(request))
        same = known is not None and (request.facts.asked == known or 0 in {request.facts.asked, known})
        if same and _untold(request):
            found.add(request.key)
        said[_way(request)] = request.facts.asked
    return found


def may_agree(requests: Sequence[Request], last: Request) -> bool:
    """Whether `last`, the last change of `requests`, may have asked for no more than what another one had made of
    the object since its sender spoke before.
    """
    before = [request for request in requests if request.at <= last.at and request.key != last.key]
    own = [number for number, request in enumerate(before) if _way(request) == _way(last)]
    return _untold(last) and bool(own) and own[-1] < len(before) - 1


def _before(index: EventIndex, old: Request | None, new: Request) -> bool:
    """Whether `old`, which shows the same resourceVersion, came before `new`.

    Of two writes that gave one version, at most one was stored: it is the first. A read or a report that ran beside
    `new` may have seen what that had stored.
    """
    return old is not None and (changes(old) or creates(old) or _after(index, old, new))


def _looks_the_same(index: EventIndex, old: Request | None, new: Request) -> bool:
    """Whether the answer to `new` shows the object as `old` did, which came before it.

    Not of a subresource: what that changes (an approval, a status) is what answers are not compared by.
    """
    if old is None or new.subresource or not _before(index, old, new):
        return False
    return 0 != old.facts.state == new.facts.state and old.facts.generation == new.facts.generation


def _said_again(old: Request | None, new: Request) -> bool:
    """Whether `new` says all that the object should be, with the very words of `old`, and nobody spoke in between."""
    if old is None or (old.user, old.verb, old.subresource) != (new.user, new.verb, new.subresource):
        return False
    return 0 != old.facts.asked == new.facts.asked and not new.facts.state


def _after(index: EventIndex, old: Request, new: Request) -> bool:
    """Whether `new` was asked for after `old` was done, by whatever clock."""
    return old.end + (index.tolerance if old.source.node != new.source.node else 0.0) <= new.at


def _untold(request: Request) -> bool:
    """Whether a request states what should be rather than what to change, and no answer tells what came of it: a
    whole object, or a server-side apply, which alone may carry `force` (AS/pkg/endpoints/handlers/patch.go).
    """
    states = bool(request.facts.asked) or (request.verb == "patch" and "force" in _query(request))
    return states and not (request.facts.state or request.facts.version)


def _way(request: Request) -> _Key:
    """Who sent a request, and how: one that repeats itself is sent in one way."""
    manager = "".join(_query(request).get("fieldManager", []))
    return (request.user, request.impersonator, request.agent, request.verb, request.subresource, manager)


def _query(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.uri).query)
