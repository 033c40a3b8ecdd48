"""What an object was asked to be, by whom, and whether the log has all of it.

Source: metadata.generation counts the changes of a spec (AS/pkg/registry/rest/create.go:BeforeCreate sets 1, each
strategy's PrepareForUpdate adds 1, a Deployment's for annotations, too). It stands in every answer that holds the
object, and in a controller's PUT of the status, which fails if the object has changed since it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.choose import by_a_clock_ahead, last_that, up_to, without, writes
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.timing import STATUS_REPORTED

_Key = tuple[str, ...]


class _Verdict(msgspec.Struct, frozen=True):
    """What the generations in the log say about the changes of one object, by `Request.key`.

    `no_op` changed nothing that is asked for, `real` did; `counted` added to the generation, of a Deployment maybe by
    its annotations; of the `doubtful` some did nothing. `gaps`: two requests between which the object was changed
    more often than the log knows.
    """

    no_op: frozenset[_Key] = frozenset()
    real: frozenset[_Key] = frozenset()
    counted: frozenset[_Key] = frozenset()
    doubtful: frozenset[_Key] = frozenset()
    gaps: tuple[tuple[Request, Request], ...] = ()

    @classmethod
    def of(cls, verdicts: Sequence[_Verdict]) -> _Verdict:
        """What several spans of time say together."""
        none: frozenset[_Key] = frozenset()
        return cls(
            none.union(*(one.no_op for one in verdicts)),
            none.union(*(one.real for one in verdicts)),
            none.union(*(one.counted for one in verdicts)),
            none.union(*(one.doubtful for one in verdicts)),
            tuple(chain.from_iterable(one.gaps for one in verdicts)),
        )


def spec_requests(index: EventIndex, obj: Object, until: float, follower: Request | None = None) -> list[Request]:
    """What made `obj` or changed what it asks for in its life at `until`, in order; within the clocks' tolerance if
    need be. `follower`: the controller's request, at `until`, that followed one of these.

    Changes whose logged patch touches labels or annotations only are left out, those that the log shows to have
    changed nothing, and those of the controllers that merely keep books on it.
    """
    requests = [request for request in filter(writes, index.done(obj)) if request.facts.spec is not False]
    known = up_to(requests, until) or up_to(requests, until + index.tolerance)
    if follower is not None:
        known += by_a_clock_ahead(without(requests, creates), known, follower, index.tolerance)
    create = last_that(known, creates)
    verdict = _judge(index, obj)
    lifetime = known if create is None else known[known.index(create) :]
    changed = [request for request in lifetime if request.key not in verdict.no_op]
    pairs = zip([None, *changed], changed, strict=False)
    return [after for before, after in pairs if before is None or not _same_scale(verdict, before, after)]


def _same_scale(verdict: _Verdict, before: Request, after: Request) -> bool:
    """Whether `after` asked for the size that `before` had asked for, and nobody for another in between."""
    same = after.subresource == "scale" and 0 <= after.facts.replicas == before.facts.replicas
    return same and not any(before.at <= old.at and new.at <= after.at for old, new in verdict.gaps)


def requested_changes(index: EventIndex, obj: Object, until: float, follower: Request | None = None) -> list[Request]:
    """As `spec_requests`, without what controllers note down on it for themselves (finalizers, revisions)."""
    return [
        r for r in spec_requests(index, obj, until, follower) if not r.by_kubernetes or r.controller == AUTOSCALER
    ]


def proven(index: EventIndex, obj: Object, cause: Request, renewed: bool = False) -> bool:
    """Whether the log shows that `cause` made `obj` or changed what it asks for.

    A patch says what it changes. A PUT and a server-side apply hold everything, changed or not: there only the
    generations before and after tell. `renewed`: a new ReplicaSet came of it, as no change of annotations brings.
    """
    if creates(cause):
        return True
    verdict = _judge(index, obj)
    if not cause.facts.body or cause.key in verdict.doubtful:
        return False
    return not _tells_all(cause) or cause.key in verdict.real or (renewed and cause.key in verdict.counted)


def _tells_all(request: Request) -> bool:
    """Whether a request holds all of its object, so that it does not show what it changed, if anything."""
    return request.facts.whole and request.subresource != "scale"


def incomplete(index: EventIndex, obj: Object, at: float) -> bool:
    """Whether the log surely lacks a change of `obj` that a controller may have followed at `at`: after the last one
    that it has, the object was changed more often than it knows, before `at` or before a report soon after.
    """
    known = spec_requests(index, obj, at)
    last = known[-1].at if known else 0.0
    return any(old.at < at and last <= new.at <= at + STATUS_REPORTED for old, new in _judge(index, obj).gaps)


def changed_since(index: EventIndex, obj: Object, last: Request) -> str:
    """That `obj` was changed by a request that the log lacks, maybe after `last`, the last change that it has; empty
    if generations do not tell.
    """
    seen = next((new for _, new in _judge(index, obj).gaps if new.at > last.at), None)
    if seen is None:
        return ""
    return f"its generation at {seen.time} shows a change that is not in this log, which may have come after that"


def _judge(index: EventIndex, obj: Object) -> _Verdict:
    """Judge what changed `obj` by the generations that answers and reports show in between."""
    return _Verdict.of([_judge_span(index, span) for span in _spans(index.done(obj))])


def _spans(requests: Sequence[Request]) -> Iterator[_Span]:
    """Two requests that show one object, one after the other, with the changes between them, the second included."""
    shown: Request | None = None
    between: list[Request] = []
    for request in requests:
        if not (_may_count(request) or _generation(request)):
            continue
        if creates(request):
            shown, between = request, []
            continue
        if shown is not None and _another(shown, request):
            shown, between = None, []
        if _may_count(request):
            between.append(request)
        if _generation(request) or request.facts.spec_digest:
            if shown is not None:
                yield _Span(shown, tuple(between), request)
            shown, between = request, []


class _Span(msgspec.Struct, frozen=True):
    """The changes between two requests, one after the other, that show the object; `new` may be one of them."""

    old: Request
    changes: tuple[Request, ...]
    new: Request

    @property
    def keys(self) -> frozenset[_Key]:
        """The changes, by their keys."""
        return frozenset(request.key for request in self.changes)

    @property
    def grown(self) -> int | None:
        """By how much the generation grew; None if that is not shown."""
        before, after = _generation(self.old), _generation(self.new)
        return after - before if before and after else None

    @property
    def answered(self) -> bool:
        """Whether the answers show the spec before and after one single change."""
        return self.changes == (self.new,) and 0 not in {self.old.facts.spec_digest, self.new.facts.spec_digest}

    @property
    def same_spec(self) -> bool:
        """Whether the spec is the same as before; with one more generation, a Deployment's annotations changed."""
        old, new, grown = self.old.facts, self.new.facts, self.grown or 0
        if not self.answered or old.spec_digest != new.spec_digest:
            return False
        return grown == 0 or (grown == 1 and old.object_digest != new.object_digest)


def _judge_span(index: EventIndex, span: _Span) -> _Verdict:
    """Judge the changes of one span by the generation."""
    keys = span.keys
    if span.same_spec and _after(index, span.old, span.new):
        return _Verdict(no_op=keys)
    if span.grown is None:
        return _Verdict(real=keys) if span.answered else _Verdict()
    if span.grown == 0:
        clear = frozenset(request.key for request in span.changes if _stands_alone(index, span, request))
        return _Verdict(no_op=clear, doubtful=keys - clear)
    return _judge_growth(span, span.grown)


def _stands_alone(index: EventIndex, span: _Span, request: Request) -> bool:
    """Whether a change began after the object was shown before, and ended before it was shown again."""
    last = request is span.new or _after(index, request, span.new)
    return last and _after(index, span.old, request)


def _judge_growth(span: _Span, grown: int) -> _Verdict:
    """Judge changes that added `grown` to the generation."""
    if grown > len(span.changes):
        return _Verdict(gaps=((span.old, span.new),))
    if grown == len(span.changes):
        sure = frozenset(request.key for request in span.changes if request.resource != "deployments")
        return _Verdict(counted=span.keys, real=span.keys if span.answered else sure)
    may_count = [request for request in without(span.changes, deletes) if request.facts.spec is not False]
    return _Verdict(doubtful=span.keys) if grown < len(may_count) else _Verdict()


def _may_count(request: Request) -> bool:
    """Whether a request can add to the generation: a change, or a deletion that waits for finalizers
    (AS/pkg/registry/rest/delete.go:BeforeDelete).
    """
    return (changes(request) and request.subresource != "status") or creates(request) or deletes(request)


def _generation(request: Request) -> int:
    """The generation that a request left, 0 if it does not show it. A PUT's own body may hold any, of whatever age,
    but that of a controller's status is the object's.
    """
    if creates(request):
        return 1
    report = request.subresource == "status" and request.verb == "update" and request.by_kubernetes
    return request.facts.generation if request.facts.answered or report else 0


def _another(old: Request, new: Request) -> bool:
    """Whether two requests were on two objects, one after the other, of one name."""
    return "" != old.facts.uid != new.facts.uid != ""


def _after(index: EventIndex, old: Request, new: Request) -> bool:
    """Whether `new` was asked for after `old` was done, by whatever clock."""
    return old.end + (index.tolerance if old.source.node != new.source.node else 0.0) <= new.at


def of_another_lifetime(below: Request | None, requests: Sequence[Request]) -> bool:
    """Whether `requests` made another object than the one that `below` names as its owner: one name, two UIDs."""
    owner = below.facts.controller if below is not None else None
    create = last_that(requests, lambda request: creates(request) and bool(request.facts.uid))
    if owner is None or create is None:
        return False
    return "" != owner.uid != create.facts.uid
