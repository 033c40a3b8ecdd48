"""One name, several lives: which of the requests on a name were on one and the same object.

A create begins a life, and so does the first request on a new UID: bodies hold it, those of deletions too
(AS/pkg/registry/generic/registry/store.go:finalizeDelete). Without bodies nothing proves that an object is another.
Still, what somebody does to it long after it was deleted is done to one that was made by a request that the log
lacks, or that deletion took long (a Pod's grace, finalizers) or was none (kubectl says so in its body only).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.trail.deeds import Deed, creates, deletes

LONG = 300.0
"""Seconds after which what was deleted is expected to be gone: a Pod's grace is rarely longer."""


@dataclass(frozen=True, slots=True)
class Life:
    """One object that bore the name.

    `since` is when the log first shows it, 0.0 if it may have been there before the log; `birth` is its create, None
    if the log lacks it. `use` is set if it may be the object before it: what shows it there long after `gone` deleted
    that one.
    """

    since: float
    birth: Deed | None = None
    gone: Deed | None = None
    use: Deed | None = None


def lives(deeds: Sequence[Deed]) -> list[Life]:
    """The lives that `deeds` tell of: what took effect on one name, in order of time."""
    found: list[Life] = []
    uid = ""
    seen = {""}
    gone: Deed | None = None
    for index, deed in enumerate(deeds):
        known = deed.facts.uid
        begun: Life | None = None
        if creates(deed):
            begun = Life(deed.at, birth=deed)
        elif uid and known not in seen:
            # one that was seen before is a straggler's: the clocks of servers differ
            begun = Life(deed.at)
        elif (
            gone is not None
            and uses(deed, gone)
            and not (known and known == uid)
            and (gone.node or not _kubelet_waits(deeds[index:]))
        ):
            begun = Life(deed.at, gone=gone, use=deed)
        elif not found:
            begun = Life(0.0)
        if begun is not None:
            found.append(begun)
            uid, gone = known, None
        elif known not in seen:
            uid = known
        gone = deed if deletes(deed) else gone
        seen.add(known)
    return found


def uses(deed: Deed, gone: Deed) -> bool:
    """Whether `deed` shows that the object was still, or again, there long after `gone` deleted it.

    Kubernetes' own go on with what is going. A patch of nothing but metadata, or a request to finalize, may be what
    takes a finalizer away; lists and watches by name succeed without the object.
    """
    return (
        deed.at - gone.at > LONG
        and not deed.by_kubernetes
        and deed.verb not in {"list", "watch"}
        and deed.subresource != "finalize"
        and deed.facts.spec is not False
    )


def _kubelet_waits(deeds: Sequence[Deed]) -> bool:
    """Whether the end of a Pod that was set going before `deeds` is still to come: its kubelet's last delete."""
    return next((bool(deed.node) for deed in deeds if creates(deed) or deletes(deed)), False)
