"""Behind a HorizontalPodAutoscaler's scaling: whoever said last what it should do.

Source: pkg/controller/podautoscaler/horizontal.go:reconcileAutoscaler (an update of the target's `scale`, then one of
the autoscaler's status).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.chain import (
    Child,
    Finding,
    KnownOwner,
    Link,
    certain_if,
    ends_at,
    first_found,
    note,
    weakest,
)
from kaudit_setup.attribution.controllers.adoption import deletion_before
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.choose import last_that
from kaudit_setup.attribution.evidence.literals import quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import proven, requested_changes
from kaudit_setup.attribution.timing import AT_ONCE
from kaudit_setup.auditlog.kinds import KINDS

_SHOWN = 5


class _Candidates(msgspec.Struct, frozen=True):
    """The autoscalers that may have scaled `target`: whether bodies say that they scale it, None if none does; and
    which of them reported their status then, in order of time.
    """

    target: Object
    scales: Mapping[Object, bool | None]
    reported: tuple[Object, ...]

    @property
    def possible(self) -> list[Object]:
        """Those of which no body tells what they scale."""
        return [one for one, scales in self.scales.items() if scales is None]


def _named_as_target(known: _Candidates) -> KnownOwner | None:
    of_it = [one for one, scales in known.scales.items() if scales]
    if not of_it:
        return None
    first = next((one for one in known.reported if one in of_it), of_it[-1])
    return KnownOwner(first, certain_if(len(of_it) == 1), f"its scaleTargetRef names {known.target}")


def _reported_first(known: _Candidates) -> KnownOwner | None:
    why = f"the first autoscaler that reported after {known.target} was scaled"
    return KnownOwner(known.reported[0], "inferred", why) if known.reported else None


def _only_one(known: _Candidates) -> KnownOwner | None:
    why = f"the only autoscaler in namespace {known.target.namespace}"
    return KnownOwner(known.possible[0], "inferred", why) if len(known.possible) == 1 else None


def _of_the_same_name(known: _Candidates) -> KnownOwner | None:
    same = next((one for one in known.possible if one.name == known.target.name), None)
    return KnownOwner(same, "inferred", f"the autoscaler with the same name as {known.target}") if same else None


CHOICES: Final = (
    # a body says what it scales
    _named_as_target,
    # one worker or a few take autoscalers in turn: the first status after the scaling is its own
    _reported_first,
    _only_one,
    # people often call both the same
    _of_the_same_name,
)
"""Which autoscaler it was, in the order in which it is asked."""


def autoscaler(scaled: Child) -> Finding:
    """The autoscaler that scaled an object, and who is behind that."""
    index, namespace = scaled.index, scaled.object.namespace
    where = b'"resource":"horizontalpodautoscalers","namespace":' + quoted(namespace)
    index.look_up([where])
    # an autoscaler reports its status every few seconds: only what it said then matters
    reports = index.sift([where], lambda r: r.controller == AUTOSCALER and 0 <= r.at - scaled.at < AT_ONCE)
    known = index.starting(Object("autoscaling", "horizontalpodautoscalers", namespace, ""))
    names = {one.name for one in known} | {request.name for request in reports}
    scalers = [Object("autoscaling", "horizontalpodautoscalers", namespace, name) for name in sorted(names - {""})]
    alive = [one for one in scalers if deletion_before(index, one, scaled.at) is None]
    targets = {one: _scales(scaled, one, reports) for one in alive}
    reported = [request.object for request in reports if request.name and targets.get(request.object) is not False]
    found = first_found(CHOICES, _Candidates(scaled.object, targets, tuple(reported)))
    return _not_known(scaled, scalers) if found is None else _behind(scaled, found)


def _not_known(scaled: Child, scalers: Sequence[Object]) -> Finding:
    time = scaled.request.time if scaled.request else ""
    said = f"{AUTOSCALER} scaled {scaled.object} at {time}; which autoscaler it acted for is not in the log"
    last = [r for one in scalers[:_SHOWN] for r in requested_changes(scaled.index, one, scaled.at)[-1:]]
    return note(said, *(f"{actor(r)} {doing(r)} {r.object} before that, at {r.time}" for r in last))


def _behind(scaled: Child, found: KnownOwner) -> Finding:
    """The autoscaler's link: whoever made or changed it last."""
    scaler, confidence = found.object, weakest(scaled.confidence, found.confidence)
    requests = requested_changes(scaled.index, scaler, scaled.at)
    if not requests:
        return Finding((Link(scaler, None, confidence, found.why),), notes=(f"who made {scaler} is not in this log",))
    last = requests[-1]
    why = found.why if creates(last) else f"{found.why}; {actor(last)} {doing(last)} it last before that"
    confidence = weakest(confidence, certain_if(proven(scaled.index, scaler, last)))
    create = last_that(requests, creates)
    finding = ends_at(Link(scaler, last, confidence, why))
    if create is None or create is last:
        return finding
    return finding + note(f"{scaler} was created by {actor(create)} at {create.time}")


def _scales(scaled: Child, scaler: Object, reports: Sequence[Request]) -> bool | None:
    """Whether an autoscaler was for this object then, by the last body that says so; None if none does."""
    known = [*scaled.index.done(scaler, scaled.at), *reports]
    said = [request.facts for request in known if request.object == scaler and request.facts.involved_name]
    if not said:
        return None
    kind = KINDS.get(said[-1].involved_kind.lower())
    target = scaled.object
    return said[-1].involved_name == target.name and kind is not None and kind.resource == target.resource
