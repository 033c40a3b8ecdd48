"""What an object was asked to be, by whom, and whether the log has all of it.

Source: metadata.generation counts the changes of a spec (AS/pkg/registry/rest/create.go:BeforeCreate sets 1, each
strategy's PrepareForUpdate adds 1, a Deployment's for annotations, too); a controller's report on an object carries
the generation that it knew.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.trail.actors import AUTOSCALER
from kaudit_setup.trail.book import Book
from kaudit_setup.trail.deeds import Deed, Object, changes, creates, deletes

_SOON = 60.0


def spec_deeds(book: Book, obj: Object, until: float) -> list[Deed]:
    """What made `obj` or changed what it asks for in its life at `until`, in order; within the clocks' tolerance if
    need be.

    Changes whose logged patch touches labels or annotations only are left out, and so are those of the controllers
    that merely keep books on it.
    """
    deeds = [d for d in book.on(obj) if d.done and (creates(d) or changes(d)) and d.facts.spec is not False]
    known = [d for d in deeds if d.at <= until] or [d for d in deeds if d.at <= until + book.tolerance]
    births = [index for index, deed in enumerate(known) if creates(deed)]
    return known[births[-1] :] if births else known


def wishes(book: Book, obj: Object, until: float) -> list[Deed]:
    """As `spec_deeds`, without what controllers note down on it for themselves (finalizers, revisions)."""
    return [d for d in spec_deeds(book, obj, until) if not d.by_kubernetes or d.controller == AUTOSCALER]


def incomplete(book: Book, obj: Object, at: float) -> bool:
    """Whether the log surely lacks a change of `obj`: the reports on it around `at`, when a controller acted on it,
    knew of more of them than the log has.
    """
    reports = [d for d in book.on(obj) if d.subresource == "status" and d.by_kubernetes and d.done]
    around = [*[d for d in reports if d.at < at][-1:], *[d for d in reports if 0 <= d.at - at < _SOON][:1]]
    return any(0 < _logged(book, obj, report.at) < report.facts.generation for report in around)


def _logged(book: Book, obj: Object, until: float) -> int:
    """The generation of `obj` that the log accounts for, rather too many than too few; 0 if it does not tell."""
    known = 0
    for deed in book.on(obj):
        if not deed.done or deed.at > until or not (creates(deed) or changes(deed) or deletes(deed)):
            continue
        if creates(deed):
            known = 1
        elif deed.facts.generation:
            known = deed.facts.generation
        elif known:
            # the answer to a scale does not say it, nor does a request alone: at most one more. A deletion that waits
            # for finalizers counts, too (AS/pkg/registry/rest/delete.go:BeforeDelete)
            known += 1
    return known


def of_another_life(below: Deed | None, deeds: Sequence[Deed]) -> bool:
    """Whether `deeds` made another object than the one that `below` names as its owner: one name, two UIDs."""
    owner = below.facts.controller if below is not None else None
    births = [deed.facts.uid for deed in deeds if creates(deed) and deed.facts.uid]
    return owner is not None and bool(owner.uid and births) and births[-1] != owner.uid
