"""Which changes of an object changed nothing: what was asked for was there already.

GitOps tools and operators apply the same again and again. An object's resourceVersion moves with every change that is
stored, whoever made it and whatever it touched, and a write that changes nothing stores nothing
(AS/pkg/storage/etcd3/store.go:GuaranteedUpdate). So it is an answer beside the sight of the object before that tells.
Without answers, what repeats itself is in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.attribution.evidence.index import Book
from kaudit_setup.attribution.evidence.requests import Deed, Object, changes, creates, deletes

_Key = tuple[str, ...]


def idle(book: Book, obj: Object) -> set[_Key]:
    """The changes of `obj`, by `Deed.key`, that left it as it was, as far as the log shows it."""
    found: set[_Key] = set()
    versions: dict[str, Deed] = {}
    # the last sight of the object, and the last change, if nothing is known to have changed it since
    sight: Deed | None = None
    last: Deed | None = None
    for deed in book.on(obj):
        if not deed.done:
            continue
        if creates(deed) or deletes(deed):
            versions, sight, last = {}, None, None
        writes = changes(deed)
        old = versions.get(deed.facts.version) if deed.facts.version else None
        if writes and (_before(book, old, deed) or _looks_the_same(book, sight, deed) or _said_again(last, deed)):
            found.add(deed.key)
        if deed.facts.version:
            versions.setdefault(deed.facts.version, deed)
        if deed.facts.state or (writes and deed.key not in found):
            sight = deed if deed.facts.state else None
        if writes or creates(deed):
            last = deed
    return found


def repeats(deeds: Sequence[Deed]) -> set[_Key]:
    """Those of the changes `deeds`, in order of time, that say again what their sender had said before, by
    `Deed.key`: what came of them is not in the log.

    They may have put back what somebody else had changed in between. Usually they find all as they want it.
    """
    found: set[_Key] = set()
    said: dict[_Key, int] = {}
    for deed in deeds:
        known = said.get(_way(deed))
        same = known is not None and (deed.facts.asked == known or 0 in {deed.facts.asked, known})
        if same and _untold(deed):
            found.add(deed.key)
        said[_way(deed)] = deed.facts.asked
    return found


def may_agree(deeds: Sequence[Deed], last: Deed) -> bool:
    """Whether `last`, the last of the changes `deeds`, may have asked for no more than what another one had made of
    the object since its sender spoke before.
    """
    before = [deed for deed in deeds if deed.at <= last.at and deed.key != last.key]
    own = [number for number, deed in enumerate(before) if _way(deed) == _way(last)]
    return _untold(last) and bool(own) and own[-1] < len(before) - 1


def _before(book: Book, old: Deed | None, new: Deed) -> bool:
    """Whether `old`, which shows the same resourceVersion, came before `new`.

    Of two writes that gave one version, at most one was stored: it is the first. A read or a report that ran beside
    `new` may have seen what that had stored.
    """
    return old is not None and (changes(old) or creates(old) or _after(book, old, new))


def _looks_the_same(book: Book, old: Deed | None, new: Deed) -> bool:
    """Whether the answer to `new` shows the object as `old` did, which came before it.

    Not of a subresource: what that changes (an approval, a status) is what answers are not compared by.
    """
    if old is None or new.subresource or not _before(book, old, new):
        return False
    return 0 != old.facts.state == new.facts.state and old.facts.generation == new.facts.generation


def _said_again(old: Deed | None, new: Deed) -> bool:
    """Whether `new` says all that the object should be, with the very words of `old`, and nobody spoke in between."""
    if old is None or (old.user, old.verb, old.subresource) != (new.user, new.verb, new.subresource):
        return False
    return 0 != old.facts.asked == new.facts.asked and not new.facts.state


def _after(book: Book, old: Deed, new: Deed) -> bool:
    """Whether `new` was asked for after `old` was done, by whatever clock."""
    return old.end + (book.tolerance if old.source.node != new.source.node else 0.0) <= new.at


def _untold(deed: Deed) -> bool:
    """Whether a request states what should be rather than what to change, and no answer tells what came of it: a
    whole object, or a server-side apply, which alone may carry `force` (AS/pkg/endpoints/handlers/patch.go).
    """
    states = bool(deed.facts.asked) or (deed.verb == "patch" and "force" in _query(deed))
    return states and not (deed.facts.state or deed.facts.version)


def _way(deed: Deed) -> _Key:
    """Who sent a request, and how: one that repeats itself is sent in one way."""
    manager = "".join(_query(deed).get("fieldManager", []))
    return (deed.user, deed.impersonator, deed.agent, deed.verb, deed.subresource, manager)


def _query(deed: Deed) -> dict[str, list[str]]:
    return parse_qs(urlsplit(deed.uri).query)
